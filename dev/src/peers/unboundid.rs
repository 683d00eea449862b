//! A Java program that uses Ping Identity's (once UnboundID's) SCIM 2 SDK as its guide says.

use std::process::Command;

use super::PeerError;
use super::install::{Recipe, installed};

const PROJECT: &str = include_str!("../../../tests/external/unboundid/pom.xml");
const PROGRAM: &str = include_str!("../../../tests/external/unboundid/src/main/java/LifeCycle.java");

/// The command that runs it.
pub fn unboundid() -> Result<Command, PeerError> {
    let directory = installed(&Recipe {
        name: "unboundid",
        files: &[("pom.xml", PROJECT), ("src/main/java/LifeCycle.java", PROGRAM)],
        commands: &|_| {
            let mut build = Command::new("mvn");
            build.args(["-q", "-B", "compile", "dependency:copy-dependencies"]);
            vec![build]
        },
    })?;
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-cp", "target/classes:target/dependency/*", "LifeCycle"]);
    command.current_dir(directory);
    Ok(command)
}
