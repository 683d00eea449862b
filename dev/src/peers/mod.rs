//! Third-party SCIM software, run for tests and the demo: who Rollcall pushes to, and who pushes to it, must be somebody
//! else's code.
//!
//! Each is installed once, from a committed list of exact versions, into a cache outside the tree. Each start of a
//! server is a fresh one on a free port of loopback, gone when the [`Peer`] is dropped or its owner dies; clients and
//! suites are commands to [`run()`].

mod canaille;
mod elimity;
mod error;
mod http;
mod install;
mod keycloak;
mod leash;
mod mlflow;
mod python;
mod run;
mod scim2_server;
mod scim2_tester;
mod scim_server;
mod scimmy;
mod scimono;
mod unboundid;

use std::fs;
use std::io::{Error as IoError, Read as _};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

pub use self::canaille::{canaille, canaille_server};
pub use self::elimity::elimity;
pub use self::error::PeerError;
use self::http::get;
pub use self::keycloak::{keycloak, keycloak_on_postgres};
use self::leash::Leash;
pub use self::mlflow::mlflow;
pub use self::run::{Ran, run};
pub use self::scim_server::scim_server;
pub use self::scim2_server::{scim2_server, scim2_server_at_full_speed};
pub use self::scim2_tester::scim2_tester;
pub use self::scimmy::scimmy;
pub use self::scimono::scimono;
pub use self::unboundid::unboundid;
use crate::ports::{self, Port};

/// A running SCIM server.
#[derive(Debug)]
pub struct Peer {
    /// Its base URL, to which `/Users` is appended.
    pub base_url: String,
    /// The bearer token that it takes.
    pub token: String,
    /// Its end is the server's end.
    _leash: Leash,
    /// Ours from before the server listens, which may be half a minute after its start.
    _port: Port,
}

/// What a server is given when it starts.
struct Start<'a> {
    name: &'static str,
    /// Where the SCIM service is on it.
    base_path: &'static str,
    /// Makes the command for a port and a token.
    command: &'a dyn Fn(u16, &str) -> Command,
    /// Asks the server for a bearer token, where it takes none but its own.
    sign_in: Option<fn(u16) -> Option<String>>,
    patience: Duration,
}

impl Peer {
    /// Starts a server and waits until it answers a request as a SCIM server does.
    fn start(start: &Start<'_>) -> Result<Self, PeerError> {
        let Start { name, base_path, command, sign_in, patience } = *start;
        let reserved = ports::reserve()?;
        let port = reserved.number();
        let token = token()?;
        let leash = Leash::start(name, &command(port, &token))?;
        let deadline = Instant::now() + patience;
        loop {
            let token = sign_in.map_or_else(|| Some(token.clone()), |sign_in| sign_in(port));
            let ready = |token: &String| get(port, &format!("{base_path}/Users"), token) == Some(200);
            if let Some(token) = token.filter(ready) {
                return Ok(Self {
                    base_url: format!("http://127.0.0.1:{port}{base_path}"),
                    token,
                    _leash: leash,
                    _port: reserved,
                });
            }
            let log = || tail(&leash.log());
            if leash.status()?.is_some() {
                return Err(PeerError::Ended { name, log: log() });
            }
            if Instant::now() > deadline {
                return Err(PeerError::NotReady { name, seconds: patience.as_secs(), log: log() });
            }
            thread::sleep(Duration::from_millis(25));
        }
    }
}

fn token() -> Result<String, PeerError> {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    read.map_err(PeerError::io("make a token"))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The end of a log, for an error message.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_else(|error: IoError| format!("({error})"));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
