//! The HTTP of the SCIM client: sends one [`Request`], and gives its [`Answer`] or says what is wrong with the app.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::redirect;
use tokio::sync::Semaphore;
use url::Url;

use super::address::{AddressGuard, Forbidden};
use super::answer::{Answer, app};
use super::request::Request;
use crate::downstream::{ApplyError, Blame, Fence};

/// RFC 7644 section 3.1: the media type of SCIM; `application/json` is accepted from servers that use it.
const SCIM_JSON: &str = "application/scim+json";
const ACCEPTED: &str = "application/scim+json, application/json;q=0.9";

/// The most that is read of one answer: a group of 100,000 members fits.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// A bearer token. Nothing prints it.
#[derive(Clone)]
pub struct BearerToken(String);

/// One SCIM server, reached with one token.
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: BearerToken,
    authorization: HeaderValue,
    /// How many requests may be under way at once.
    slots: Semaphore,
    fence: Fence,
}

/// How to reach a server.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// How long to wait for one answer.
    pub timeout: Duration,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// Whether the server may be on this machine's loopback.
    pub allow_loopback: bool,
}

impl BearerToken {
    /// Takes a token as a Secret holds it: space around it, such as an editor's newline, does not count.
    pub fn new(text: &str) -> Result<Self, ApplyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(app("the token for the app is empty: put the app's token in the Secret"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(app(
                "the token for the app has spaces or characters that no token has: put the token alone in the Secret",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Client {
    pub fn new(url: &str, token: BearerToken, reach: Reach, fence: Fence) -> Result<Self, ApplyError> {
        let guard = AddressGuard::new(reach.allow_loopback);
        let url = base_url(url)?;
        guard.check_url(&url).map_err(|forbidden| app(forbidden.to_string()))?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.0))
            .map_err(|_| app("the token for the app cannot be sent in a header"))?;
        authorization.set_sensitive(true);
        // Whoever comes first installs the process-wide provider; a second attempt is no error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .timeout(reach.timeout)
            .redirect(redirect::Policy::none())
            // A proxy would resolve the name itself, behind the guard's back.
            .no_proxy()
            .dns_resolver(guard)
            .build()
            .map_err(|error| app(format!("no TLS client can be made: {}", causes(error))))?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let slots = Semaphore::new(reach.concurrency.max(1));
        Ok(Self { http, base, token, authorization, slots, fence })
    }

    /// Whether a SCIM service is there and lets us in. Asked too before a 404 is believed to mean that something is
    /// gone: a wrong URL answers 404 to everything.
    pub async fn probe(&self) -> Result<(), ApplyError> {
        match self.send(&Request::Probe).await? {
            Answer::Done(Some(list))
                if list.contains_key("totalResults") || list.contains_key("Resources") =>
            {
                Ok(())
            }
            Answer::Done(_) => Err(app("the app's /Users answers no list: is the URL its SCIM base URL?")),
            Answer::Missing => Err(app("there is no SCIM service at the app's URL: its /Users answers 404")),
            Answer::Refused(refusal) => {
                Err(ApplyError { blame: Blame::App, ..refusal.into_error("list its users") })
            }
        }
    }

    /// Sends one request.
    pub async fn send(&self, request: &Request) -> Result<Answer, ApplyError> {
        let _slot = self.slots.acquire().await.map_err(|_| app("the app is being shut down"))?;
        let mut call = self
            .http
            .request(request.method(), format!("{}{}", self.base, request.target()))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, ACCEPTED);
        if let Some(body) = request.body() {
            call = call.header(CONTENT_TYPE, SCIM_JSON).body(body.to_string());
        }
        self.fence.check()?;
        let mut response = call.send().await.map_err(broken)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(app("the app answered more than 32 MiB, which was not read"));
            }
            body.extend_from_slice(&chunk);
        }
        match Answer::sort(response.status(), response.headers(), &body)? {
            // However it is clipped, quoted or escaped, a server must not make us tell a password.
            Answer::Refused(refusal) if request.has_password() => {
                Ok(Answer::Refused(refusal.without_detail()))
            }
            Answer::Refused(refusal) => Ok(Answer::Refused(refusal.without(&self.token.0))),
            answer @ (Answer::Done(_) | Answer::Missing) => Ok(answer),
        }
    }
}

fn base_url(text: &str) -> Result<Url, ApplyError> {
    let url =
        Url::parse(text).map_err(|error| app(format!("the app's URL cannot be understood: {error}")))?;
    let why = if !matches!(url.scheme(), "http" | "https") {
        "must start with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "must not hold a user name or password: the token belongs in the Secret"
    } else if url.query().is_some() || url.fragment().is_some() {
        "must not have a query or fragment: /Users and /Groups are appended to it"
    } else {
        return Ok(url);
    };
    Err(app(format!("the app's URL {why}")))
}

/// Why no whole answer came. The URL is left out: its query names people.
fn broken(error: reqwest::Error) -> ApplyError {
    if let Some(forbidden) = forbidden(&error) {
        return app(forbidden.to_string());
    }
    let what = if error.is_timeout() {
        "the app did not answer in time"
    } else if error.is_connect() {
        "the app cannot be reached"
    } else {
        "the app broke the connection off"
    };
    app(format!("{what}: {}", causes(error)))
}

fn forbidden(error: &reqwest::Error) -> Option<&Forbidden> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(forbidden) = inner.downcast_ref::<Forbidden>() {
            return Some(forbidden);
        }
        cause = inner.source();
    }
    None
}

/// The innermost cause, which says most.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_checked_and_never_printed() {
        let token = BearerToken::new(" s3cret\n").unwrap();
        assert_eq!(token.0, "s3cret");
        assert!(!format!("{token:?}").contains("s3cret"));
        for bad in ["", " \n", "two words", "line\nbreak", "ü"] {
            assert!(!BearerToken::new(bad).unwrap_err().message.contains("two"), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_is_plain() {
        assert!(base_url("https://app.example.com/scim/v2/").is_ok());
        for bad in ["ftp://a", "https://u:p@a/", "https://a/?x=1", "https://a/#b", "nonsense"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
