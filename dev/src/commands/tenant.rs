//! The tenant of `up` and of the demo: one ScimTenant, `okta`, and what its Secret tells an identity provider.

use rollcall_dev::{ControlPlane, Error};

use super::operator;

const NAME: &str = "okta";

/// What is pasted into an identity provider.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) url: String,
    pub(crate) token: String,
}

/// Applies the CRDs and makes the namespace.
pub(crate) fn prepare(plane: &ControlPlane, namespace: &str) -> Result<(), Error> {
    let crds = operator::root().join("crds");
    plane.kubectl(&["apply", "--server-side", "-f", &crds.to_string_lossy()])?;
    plane.wait_for_kinds()?;
    plane.kubectl(&["create", "namespace", namespace])?;
    Ok(())
}

/// Makes the tenant.
pub(crate) fn apply(plane: &ControlPlane, namespace: &str) -> Result<(), Error> {
    plane.apply(&manifest(namespace)).map(drop)
}

/// The tenant, as one would write it.
pub(crate) fn manifest(namespace: &str) -> String {
    format!(
        "apiVersion: rollcall.dev/v1alpha1
kind: ScimTenant
metadata: {{name: {NAME}, namespace: {namespace}}}
spec: {{}}
"
    )
}

impl Credentials {
    /// Reads the Secret; nothing as long as it is not there or not whole.
    pub(crate) fn read(plane: &ControlPlane, namespace: &str) -> Option<Self> {
        let name = format!("{NAME}-default");
        let template = "-o=go-template={{.data.url | base64decode}} {{.data.token | base64decode}}";
        let text = plane.kubectl(&["get", "secret", &name, "-n", namespace, template]).ok()?;
        let (url, token) = text.split_once(' ')?;
        Some(Self { url: url.to_owned(), token: token.to_owned() })
    }
}
