//! The few questions that starting a control plane asks its API server.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::pki::Identities;
use crate::error::Error;

/// The API server, asked as the administrator.
#[derive(Debug)]
pub(super) struct Api {
    url: String,
    agent: Agent,
}

impl Api {
    pub(super) fn new(url: String, identities: &Identities) -> Result<Self, Error> {
        let unreadable = |error: ureq::Error| Error::Certificate(error.to_string());
        let ca = Certificate::from_pem(identities.ca.as_bytes()).map_err(unreadable)?;
        let certificate = Certificate::from_pem(identities.admin.as_bytes()).map_err(unreadable)?;
        let key = PrivateKey::from_pem(identities.admin_key.as_bytes()).map_err(unreadable)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .client_cert(Some(ClientCert::new_with_certs(&[certificate], key)))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            // Loopback is never behind the proxy that the environment may name.
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(2)))
            .build()
            .new_agent();
        Ok(Self { url, agent })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Whether a GET of `path` is answered with success. Any failure is a no: the caller asks again.
    pub(super) fn answers(&self, path: &str) -> bool {
        self.agent.get(format!("{}{path}", self.url)).call().is_ok()
    }
}
