//! Kubeconfig files: who one is to the API server.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::pki;
use crate::error::{Doing, Error};

/// Where the administrator's kubeconfig is.
pub(super) fn admin_path(directory: &Path) -> PathBuf {
    directory.join("kubeconfig")
}

/// Writes the administrator's kubeconfig.
pub(super) fn write_admin(directory: &Path, url: &str) -> Result<(), Error> {
    let user = format!("client-certificate: {}, client-key: {}", pki::ADMIN_CERTIFICATE, pki::ADMIN_KEY);
    write(&admin_path(directory), url, &user)
}

/// Writes a kubeconfig that carries a bearer token.
pub(super) fn write_token(directory: &Path, url: &str, name: &str, token: &str) -> Result<PathBuf, Error> {
    let path = directory.join(format!("kubeconfig-{name}"));
    write(&path, url, &format!("token: {token:?}"))?;
    Ok(path)
}

/// Files that a kubeconfig names without a directory are beside it.
fn write(path: &Path, url: &str, user: &str) -> Result<(), Error> {
    let ca = pki::CA_CERTIFICATE;
    let text = format!(
        "apiVersion: v1
kind: Config
clusters:
- name: rollcall
  cluster: {{server: {url:?}, certificate-authority: {ca}}}
users:
- name: rollcall
  user: {{{user}}}
contexts:
- name: rollcall
  context: {{cluster: rollcall, user: rollcall}}
current-context: rollcall
"
    );
    write_private(path, &text)
}

/// Writes a file that only this user can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .doing(|| format!("write {}", path.display()))
}
