//! Canaille, an identity provider: it pushes by itself what becomes of its users and groups, and it can be pushed to, and
//! then lets people sign in.
//!
//! To update it: `pip install 'canaille[oidc,scim,sqlite]'` into an empty virtual environment, and `pip freeze` into the
//! list. Of scim2-client it needs the version that it was released with: from 0.8 on, that sends `If-Match` with the
//! version in a document, and Canaille puts its own version there, which no server can know.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::install::{Recipe, installed};
use super::{Peer, PeerError, Start, python};

const REQUIREMENTS: &str = include_str!("../../../tests/peers/canaille/requirements.txt");

/// A database of its own, a client whose users sign in with their passwords, and a token for SCIM.
const SERVE: &str = r#"
set -e
cd "$SCRATCH"
export CANAILLE_CONFIG="$SCRATCH/canaille.toml"
printf "SECRET_KEY = 'only for tests'\n[CANAILLE_SQL]\nDATABASE_URI = 'sqlite:///%s/canaille.sqlite'\n" "$SCRATCH" >canaille.toml
"$BIN/canaille" install
"$BIN/canaille" create client --client-id rollcall --client-secret rollcall --client-name Rollcall \
    --client-uri http://rollcall.invalid --grant-types password --token-endpoint-auth-method client_secret_post --scope openid
"$BIN/canaille" create token --token-id scim --client rollcall --access-token "$TOKEN" --scope openid \
    --lifetime 630720000 --issue-date 2025-01-01T00:00:00+00:00
exec "$BIN/flask" --app 'canaille:create_app()' run --no-reload --port "$PORT"
"#;

/// Its command line.
pub fn canaille() -> Result<PathBuf, PeerError> {
    Ok(bin()?.join("canaille"))
}

/// Starts it as a SCIM server. Where people sign in is `/oauth/token`, for the client `rollcall` with the secret
/// `rollcall`.
pub fn canaille_server() -> Result<Peer, PeerError> {
    let bin = bin()?;
    Peer::start(&Start {
        name: "canaille",
        base_path: "/scim/v2",
        command: &|port, token| {
            let mut command = Command::new("sh");
            command.args(["-c", SERVE]);
            command.env("BIN", &bin).env("PORT", port.to_string()).env("TOKEN", token);
            command
        },
        sign_in: None,
        patience: Duration::from_mins(3),
    })
}

fn bin() -> Result<PathBuf, PeerError> {
    let directory = installed(&Recipe {
        name: "canaille",
        files: &[("requirements.txt", REQUIREMENTS)],
        commands: &python::packages,
    })?;
    Ok(directory.join("venv/bin"))
}
