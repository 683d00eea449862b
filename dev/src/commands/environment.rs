//! `dev/.state/env`: what people and test suites need to know, in shell syntax.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::{CommandError, Doing};

/// What is up.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) kubeconfig: String,
    pub(crate) scim_token: String,
    /// Directories to put on a PATH for kubectl and helm.
    pub(crate) assets: String,
    pub(crate) replicas: Vec<Replica>,
}

/// One operator process, as seen from outside.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) pid: String,
    pub(crate) scim_url: String,
    pub(crate) metrics_url: String,
}

impl Replica {
    /// Where it tells whether it is ready.
    pub(crate) fn ready_url(&self) -> String {
        self.metrics_url.replace("/metrics", "/readyz")
    }
}

impl Environment {
    /// Writes the file whole or not at all; it holds a token, so only this user can read it.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let partial = path.with_extension("partial");
        File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&partial)
            .and_then(|mut file| file.write_all(self.text().as_bytes()))
            .and_then(|()| fs::rename(&partial, path))
            .doing(|| format!("write {}", path.display()))
    }

    /// Reads the file back; nothing when there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, CommandError> {
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(path).doing(|| format!("read {}", path.display()))?;
        let find = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.map(unquoted)
        };
        let value = |key| find(key).ok_or(CommandError::Environment { path: PathBuf::from(path), key });
        let list = |one, many| find(many).map_or_else(|| value(one), Ok);
        let (pids, scim_urls, metrics_urls) = (
            list("OPERATOR_PID", "OPERATOR_PIDS")?,
            list("SCIM_URL", "SCIM_URLS")?,
            list("METRICS_URL", "METRICS_URLS")?,
        );
        let replicas = pids
            .split(' ')
            .zip(scim_urls.split(' '))
            .zip(metrics_urls.split(' '))
            .map(|((pid, scim_url), metrics_url)| Replica {
                pid: pid.to_owned(),
                scim_url: scim_url.to_owned(),
                metrics_url: metrics_url.to_owned(),
            })
            .collect();
        let (kubeconfig, scim_token) = (value("KUBECONFIG")?, value("SCIM_TOKEN")?);
        Ok(Some(Self { kubeconfig, scim_token, assets: value("ASSETS")?, replicas }))
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Read this with `set -a; . dev/.state/env; set +a`; kubectl and helm are found with PATH=$ASSETS:$PATH.\n",
        );
        let mut set = |key: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}={}", quoted(value));
        };
        set("KUBECONFIG", &self.kubeconfig);
        set("SCIM_TOKEN", &self.scim_token);
        set("ASSETS", &self.assets);
        let columns: [(&str, Vec<&str>); 3] = [
            ("SCIM_URL", self.replicas.iter().map(|replica| replica.scim_url.as_str()).collect()),
            ("METRICS_URL", self.replicas.iter().map(|replica| replica.metrics_url.as_str()).collect()),
            ("OPERATOR_PID", self.replicas.iter().map(|replica| replica.pid.as_str()).collect()),
        ];
        for (key, values) in columns {
            set(key, values.first().unwrap_or(&""));
            if values.len() > 1 {
                set(&format!("{key}S"), &values.join(" "));
            }
        }
        text
    }
}

/// A shell word: as it is when that is safe, so that simpler readers than a shell understand it.
fn quoted(value: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/:._-+=@,%".contains(character);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

fn unquoted(word: &str) -> String {
    let inner = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(word);
    inner.replace(r"'\''", "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_environment_is_read_back() {
        let directory = rollcall_dev::Family::new().unwrap();
        let path = directory.dir().join("env");
        let replica = |number: u32| Replica {
            pid: number.to_string(),
            scim_url: format!("http://127.0.0.1:{number}/scim"),
            metrics_url: format!("http://127.0.0.1:{number}/metrics"),
        };
        for count in [1, 3] {
            let written = Environment {
                kubeconfig: "/it's a/path".to_owned(),
                scim_token: "token".to_owned(),
                assets: "/bin".to_owned(),
                replicas: (1..=count).map(replica).collect(),
            };
            written.write(&path).unwrap();
            let read = Environment::read(&path).unwrap().unwrap();
            assert_eq!(format!("{read:?}"), format!("{written:?}"));
        }
    }
}
