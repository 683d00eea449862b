//! The app `cluster`: Kubernetes' own access control, asked with kubectl as people would.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rollcall_dev::ControlPlane;

use super::error::{DemoError, expect};
use super::screen::Screen;
use super::watch::Look;
use crate::commands::error::Doing;

/// The namespace of the tenant.
pub(super) const ACME: &str = "acme";

/// The namespace in which people get access.
pub(super) const SHOP: &str = "shop";

/// kubectl as the administrator.
#[derive(Debug)]
pub(super) struct Cluster {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Cluster {
    pub(super) fn new(plane: &ControlPlane) -> Self {
        Self { program: plane.assets().kubectl.clone(), kubeconfig: plane.kubeconfig_path() }
    }

    /// Runs kubectl, which must succeed; arguments are separated by spaces, as people type them.
    pub(super) fn get(&self, arguments: &str) -> Result<String, DemoError> {
        let output = self.run(arguments)?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        expect(output.status.success(), format!("`kubectl {arguments}` to succeed"), said)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs kubectl and prints both what was typed and what came.
    pub(super) fn show(&self, screen: &Screen, arguments: &str) -> Result<String, DemoError> {
        let printed = self.get(arguments)?;
        screen.shell(&format!("kubectl {arguments}"), &printed)?;
        Ok(printed)
    }

    /// Whether a person may list Pods.
    pub(super) fn allows(&self, user_name: &str, is: bool) -> Result<Look<()>, DemoError> {
        let found = self.answer(user_name)?;
        Ok(Look::at(found == is, || format!("can-i {}", if found { "yes" } else { "no" })))
    }

    /// Asks whether a person may list Pods, and prints it.
    pub(super) fn show_access(&self, screen: &Screen, user_name: &str, is: bool) -> Result<(), DemoError> {
        let found = self.answer(user_name)?;
        let word = |yes| if yes { "yes" } else { "no" };
        screen.shell(&format!("kubectl {}", question(user_name)), word(found))?;
        expect(found == is, format!("{} for {user_name}", word(is)), || word(found).to_owned())
    }

    fn answer(&self, user_name: &str) -> Result<bool, DemoError> {
        let output = self.run(&question(user_name))?;
        // kubectl fails for a no, and for everything that goes wrong.
        match (output.stdout.trim_ascii(), output.status.success()) {
            (b"yes", true) => Ok(true),
            (b"no", false) => Ok(false),
            (_, _) => Err(DemoError::Unexpected {
                expected: "yes or no from kubectl".to_owned(),
                found: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            }),
        }
    }

    fn run(&self, arguments: &str) -> Result<Output, DemoError> {
        let output = Command::new(&self.program)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments.split(' '))
            .stdin(Stdio::null())
            .output()
            .doing(|| "start kubectl".to_owned())?;
        Ok(output)
    }
}

fn question(user_name: &str) -> String {
    format!("auth can-i --as=okta:{user_name} list pods -n {SHOP}")
}
