//! Keycloak, a product that people run: durable, and with habits of its own in groups and members.
//!
//! To update it, change the version here. It is large (some 170 MB to fetch, and a build of its own), so what uses it is kept apart from the other tests.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::http::post_form;
use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start};

/// A realm with the SCIM API, and a client that may use it. The audience in it is the SCIM base URL as Keycloak
/// sees it, hence the fixed host name.
const REALM: &str = include_str!("../../../tests/peers/keycloak/realm.json");
const HOST: &str = "http://keycloak.invalid";

const HOME: &str = "keycloak-26.7.3";
const ARTIFACT: &str = "-Dartifact=org.keycloak:keycloak-quarkus-dist:26.7.3:zip";
const UNPACK: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";

/// A server of a minute is not worth compiling well: this halves the time to start.
const JAVA_OPTIONS: (&str, &str) = ("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1");

/// Starts one, soon.
pub fn keycloak() -> Result<Peer, PeerError> {
    start(Some(JAVA_OPTIONS))
}

/// Starts one that compiles itself as well as it can, as one that is measured must.
pub fn keycloak_at_full_speed() -> Result<Peer, PeerError> {
    start(None)
}

fn start(java_options: Option<(&str, &str)>) -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "keycloak",
        files: &[("keycloak-26.7.3/data/import/rollcall-realm.json", REALM)],
        commands: &|_| {
            let mut unpack = Command::new("mvn");
            unpack.args(["-q", "-B", UNPACK, ARTIFACT, "-DoutputDirectory=."]);
            let mut build = Command::new("sh");
            build.args([&format!("{HOME}/bin/kc.sh"), "build", "--features=scim-api", "--db=dev-mem"]);
            build.env(JAVA_OPTIONS.0, JAVA_OPTIONS.1);
            vec![unpack, build]
        },
    })?;
    Peer::start(&Start {
        name: "keycloak",
        base_path: "/realms/rollcall/scim/v2",
        command: &|port, _| {
            let mut command = Command::new("sh");
            command.arg(directory.join(HOME).join("bin/kc.sh"));
            command.args(["start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true"]);
            command.args(["--http-host=127.0.0.1", &format!("--hostname={HOST}")]);
            // The port for management is not used; 0 lets the kernel choose one.
            command.args([&format!("--http-port={port}"), "--http-management-port=0"]);
            command.envs(java_options);
            command
        },
        sign_in: Some(sign_in),
        patience: Duration::from_mins(5),
    })
}

fn sign_in(port: u16) -> Option<String> {
    let form = "grant_type=client_credentials&client_id=rollcall&client_secret=rollcall";
    match post_form(port, "/realms/rollcall/protocol/openid-connect/token", form)?
        .get_mut("access_token")?
        .take()
    {
        Value::String(token) => Some(token),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
