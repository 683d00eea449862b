//! Under which URL a resource is found: the one that its client uses to reach us.
//!
//! One receiver may be reached under several names, from inside and outside of a cluster, so `meta.location`
//! follows the request. What a header claims is used only where it is certainly a host or a scheme.

use std::str::FromStr;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::HOST, request::Parts},
};
use url::Url;

use super::{ReceiverError, ReceiverState};
use crate::store::{Access, TenantKey};

/// The URL under which identity providers reach the receiver, as it is configured: `https://scim.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    scheme: &'static str,
    authority: String,
    /// Empty, or starts with a slash and does not end in one.
    path: String,
}

/// Why a URL can't be the external one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExternalUrlError {
    /// It is no absolute URL of HTTP.
    #[error("the external URL must start with http:// or https:// and name a host")]
    NotHttp,
    /// It has a part that a base URL can't have.
    #[error("the external URL can't have a user, a query or a fragment")]
    TooMuch,
}

impl FromStr for ExternalUrl {
    type Err = ExternalUrlError;

    fn from_str(text: &str) -> Result<Self, ExternalUrlError> {
        let url = Url::parse(text).map_err(|_| ExternalUrlError::NotHttp)?;
        let scheme = http_scheme(url.scheme()).ok_or(ExternalUrlError::NotHttp)?;
        let host = url.host_str().ok_or(ExternalUrlError::NotHttp)?;
        let has_user = !url.username().is_empty() || url.password().is_some();
        if has_user || url.query().is_some() || url.fragment().is_some() {
            return Err(ExternalUrlError::TooMuch);
        }
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { scheme, authority, path: url.path().trim_end_matches('/').to_owned() })
    }
}

impl ExternalUrl {
    /// The base URL of a tenant, as it is told to people.
    pub fn tenant(&self, tenant: &TenantKey) -> String {
        self.base(self.scheme, &self.authority, tenant)
    }

    /// The base URL of a tenant, as the sender of these headers reaches it.
    fn tenant_as_seen(&self, authority: Option<&str>, headers: &HeaderMap, tenant: &TenantKey) -> String {
        let forwarded = headers.get("x-forwarded-proto").and_then(|value| http_scheme(value.to_str().ok()?));
        let host = authority.or_else(|| headers.get(HOST)?.to_str().ok());
        self.base(
            forwarded.unwrap_or(self.scheme),
            host.filter(|host| is_authority(host)).unwrap_or(&self.authority),
            tenant,
        )
    }

    fn base(&self, scheme: &str, authority: &str, TenantKey { namespace, name }: &TenantKey) -> String {
        format!("{scheme}://{authority}{}/scim/{namespace}/{name}/v2", self.path)
    }
}

/// The URLs of one tenant's resources, as the sender of a request sees them.
#[derive(Clone, Debug)]
pub(super) struct Links {
    base: String,
}

impl Links {
    pub(super) fn new(base: String) -> Self {
        Self { base }
    }

    pub(super) fn user(&self, id: &str) -> String {
        format!("{}/Users/{id}", self.base)
    }

    pub(super) fn group(&self, id: &str) -> String {
        format!("{}/Groups/{id}", self.base)
    }

    /// The tenant's base URL, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }
}

impl FromRequestParts<ReceiverState> for Links {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, state: &ReceiverState) -> Result<Self, ReceiverError> {
        let access = parts.extensions.get::<Access>().ok_or(ReceiverError::Unauthorized)?;
        // HTTP/2 has the host in the URI, HTTP/1 in a header.
        let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str);
        let base = state.settings.external_url.tenant_as_seen(authority, &parts.headers, &access.tenant);
        Ok(Self::new(base))
    }
}

fn http_scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme))
}

/// Letters, digits and what else a host name, an IP address and a port consist of.
fn is_authority(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.len() <= 255 && text.bytes().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(external: &str, headers: &[(&'static str, &str)]) -> String {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let external: ExternalUrl = external.parse().unwrap();
        external.tenant_as_seen(None, &headers.collect(), &TenantKey::new("acme", "okta"))
    }

    #[test]
    fn a_location_has_the_host_and_scheme_that_the_client_used() {
        let headers = [("host", "scim.acme.example:8443"), ("x-forwarded-proto", "HTTPS")];
        assert_eq!(
            seen("http://127.0.0.1:8080", &headers),
            "https://scim.acme.example:8443/scim/acme/okta/v2"
        );
        assert_eq!(seen("http://x", &[("host", "[::1]:80")]), "http://[::1]:80/scim/acme/okta/v2");
    }

    #[test]
    fn without_a_usable_host_it_is_the_external_url() {
        for host in ["", "evil.example/path", "a b", "x\"y", "user@host"] {
            assert_eq!(
                seen("https://scim.example/", &[("host", host)]),
                "https://scim.example/scim/acme/okta/v2"
            );
        }
        assert_eq!(seen("https://x:8443/base/", &[]), "https://x:8443/base/scim/acme/okta/v2");
    }

    #[test]
    fn a_scheme_other_than_http_is_not_believed() {
        for scheme in ["javascript", "https,http", "ftp"] {
            assert_eq!(seen("https://x", &[("x-forwarded-proto", scheme)]), "https://x/scim/acme/okta/v2");
        }
    }

    #[test]
    fn an_external_url_is_http_and_nothing_but_a_base() {
        for text in ["scim.example.com", "ftp://x", "mailto:a"] {
            assert_eq!(text.parse::<ExternalUrl>(), Err(ExternalUrlError::NotHttp), "{text}");
        }
        for text in ["https://u:p@x", "https://x?y", "https://x#y"] {
            assert_eq!(text.parse::<ExternalUrl>(), Err(ExternalUrlError::TooMuch), "{text}");
        }
    }
}
