//! When the next request is due, to some microseconds.
//!
//! The runtime's own timers count milliseconds, and where within one they begin is chance: requests left a millisecond or
//! two late, in each turn by as much as chance had it, which is many times what a read takes.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    io::{Errno, read},
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use tokio::io::unix::AsyncFd;

use crate::load::Failure;

/// Numbers requests from 0 on, and gives each its time.
pub struct Pace {
    timer: AsyncFd<OwnedFd>,
    started: Instant,
    /// Requests a second.
    rate: f64,
    next: usize,
    count: usize,
}

impl Pace {
    /// Of `count` requests, from now on.
    #[expect(
        deprecated,
        reason = "what took its place is unsafe, for what may change its descriptor: this can't"
    )]
    pub fn new(rate: f64, count: usize) -> Result<Self, Failure> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { timer: AsyncFd::new(timer)?, started: Instant::now(), rate, next: 0, count })
    }

    /// Waits until the next one is due; none after the last.
    pub async fn next(&mut self) -> Result<Option<(usize, Instant)>, Failure> {
        let number = self.next;
        if number >= self.count {
            return Ok(None);
        }
        self.next += 1;
        let due = self.started + Duration::from_secs_f64(number as f64 / self.rate);
        self.wait_until(due).await?;
        Ok(Some((number, due)))
    }

    async fn wait_until(&self, due: Instant) -> Result<(), Failure> {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: zero, it_value: left.try_into()? };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.timer.readable().await?;
            match read(&self.timer, &mut [0; 8]) {
                Ok(_) => return Ok(()),
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
