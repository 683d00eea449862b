//! Ports on 127.0.0.1 that stay ours while nothing listens on them.
//!
//! A port that the kernel picks for a listener is free for anybody once the listener closes, so a server that is
//! killed and started again could find it taken by the local end of some connection. These ports are below
//! the range that the kernel picks from, and a lock file keeps other test processes off them.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::error::Error;
use crate::scratch;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A reserved port; given back on drop, and when the process ends.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Held for the lock alone.
    _lock: File,
}

impl Port {
    /// The port number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }
}

/// Reserves a port that nobody listens on and no other process of ours has reserved.
pub fn reserve() -> Result<Port, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let directory = scratch::root()?.join("ports");
    scratch::make_private_dir(&directory)?;
    // Processes that start one after another begin at places far apart, so they seldom try the same port.
    let start = process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let Ok(offset) = u16::try_from(start.wrapping_add(step) % u32::from(COUNT)) else { continue };
        let number = FIRST + offset;
        let lock = scratch::lock_file(&directory.join(number.to_string()))?;
        if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
            return Ok(Port { number, _lock: lock });
        }
    }
    Err(Error::NoPort { first: FIRST, last: FIRST + COUNT - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_reserved_again() {
        let ports: Vec<Port> = (0..50).map(|_| reserve().unwrap()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
    }
}
