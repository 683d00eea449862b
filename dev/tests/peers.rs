//! A third-party server never outlives whoever started it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rollcall_dev::peers::scim2_server;

/// Set in the process that a test starts to be killed.
const OWNER: &str = "ROLLCALL_TEST_OWNS_A_PEER";

#[test]
fn a_server_is_gone_once_it_is_dropped() {
    let peer = scim2_server().unwrap();
    let address = address(&peer.base_url);
    assert!(TcpStream::connect(&address).is_ok());
    drop(peer);
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn a_server_is_gone_when_its_owner_is_killed() {
    if env::var_os(OWNER).is_some() {
        let peer = scim2_server().unwrap();
        println!("\n{}", peer.base_url);
        loop {
            thread::park();
        }
    }
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["a_server_is_gone_when_its_owner_is_killed", "--exact", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.find(|line| line.starts_with("http://")).unwrap();
    assert!(TcpStream::connect(address(&url)).is_ok());
    owner.kill().unwrap();
    owner.wait().unwrap();
    let killed = Instant::now();
    while TcpStream::connect(address(&url)).is_ok() {
        assert!(killed.elapsed() < Duration::from_secs(10), "the server still answers");
        thread::sleep(Duration::from_millis(10));
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}
