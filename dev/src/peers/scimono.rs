//! SAP's compliance tests of scimono.
//!
//! To update them, change the version here.

use std::process::Command;

use super::PeerError;
use super::install::{Recipe, installed};

const ARTIFACT: &str = "-Dartifact=com.sap.scimono:scimono-compliance-tests:0.0.24:jar:shaded";
const JAR: &str = "scimono-compliance-tests-0.0.24-shaded.jar";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";

/// The command that runs them; it takes their own settings as arguments.
pub fn scimono() -> Result<Command, PeerError> {
    let directory = installed(&Recipe {
        name: "scimono",
        files: &[("artifact", ARTIFACT)],
        commands: &|_| {
            let mut copy = Command::new("mvn");
            copy.args(["-q", "-B", COPY, ARTIFACT, "-DoutputDirectory=."]);
            vec![copy]
        },
    })?;
    let mut command = Command::new("java");
    // Its HTTP client reaches into the JDK to send PATCH.
    command.args(["-XX:TieredStopAtLevel=1", "--add-opens", "java.base/java.net=ALL-UNNAMED", "-jar"]);
    command.arg(directory.join(JAR));
    Ok(command)
}
