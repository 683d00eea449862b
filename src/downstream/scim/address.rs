//! Which addresses an app may have.
//!
//! A DownstreamApp is written by people who may do less than Rollcall may, so a URL must not lead to what only
//! Rollcall's machine can reach: the cloud's metadata service (link-local), and whatever listens on loopback.
//! Names are checked as they are resolved for the connection itself: what was checked is what is connected to,
//! and a name that changes its mind in between (DNS rebinding) gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Amazon's metadata service over IPv6, a unique local address.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);

/// An address that an app may not have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the app's address {address} is {what}, which is never connected to; set the URL to the app itself")]
pub struct Forbidden {
    address: IpAddr,
    what: &'static str,
}

/// Checks addresses, and resolves names to checked addresses.
#[derive(Clone, Copy, Debug)]
pub struct AddressGuard {
    allow_loopback: bool,
}

impl AddressGuard {
    pub fn new(allow_loopback: bool) -> Self {
        Self { allow_loopback }
    }

    /// Checks a URL whose host is an address; a name is checked when it is resolved.
    pub fn check_url(self, url: &Url) -> Result<(), Forbidden> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    fn check(self, address: IpAddr) -> Result<(), Forbidden> {
        let forbidden = |what| Err(Forbidden { address, what });
        let (link_local, loopback) = match effective(address) {
            // The unspecified address connects to loopback on Linux.
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_loopback() || v4.is_unspecified()),
            IpAddr::V6(v6) => {
                let link_local = v6.is_unicast_link_local() || v6 == METADATA_V6;
                (link_local, v6.is_loopback() || v6.is_unspecified())
            }
        };
        match (link_local, loopback && !self.allow_loopback) {
            (true, _) => forbidden("link-local"),
            (false, true) => forbidden("loopback"),
            (false, false) => Ok(()),
        }
    }
}

/// The IPv4 address inside an IPv6 one that only wraps it (RFC 4291 section 2.5.5, RFC 6052 section 2.1).
fn effective(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.segments() {
            [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                Ipv4Addr::new(a, b, c, d).into()
            }
            _ => address,
        },
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One forbidden address is enough to refuse the name: it is not used by chance either.
            for address in &found {
                guard.check(address.ip())?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(allow_loopback: bool, url: &str) -> Option<&'static str> {
        AddressGuard::new(allow_loopback)
            .check_url(&Url::parse(url).unwrap())
            .err()
            .map(|forbidden| forbidden.what)
    }

    #[test]
    fn link_local_is_refused_in_every_spelling_even_where_loopback_is_allowed() {
        for host in [
            "169.254.169.254",
            "0xA9FEA9FE",
            "2852039166",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[fd00:ec2::254]",
        ] {
            assert_eq!(what(true, &format!("http://{host}/v2")), Some("link-local"), "{host}");
        }
    }

    #[test]
    fn loopback_is_refused_unless_it_is_allowed() {
        for host in ["127.0.0.1", "127.1.2.3", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"] {
            assert_eq!(what(false, &format!("http://{host}/v2")), Some("loopback"), "{host}");
            assert_eq!(what(true, &format!("http://{host}/v2")), None, "{host}");
        }
    }

    #[test]
    fn other_addresses_may_be_apps() {
        for host in ["10.0.0.7", "[fd12::7]", "203.0.113.9", "app.example.com"] {
            assert_eq!(what(false, &format!("https://{host}/v2")), None, "{host}");
        }
    }
}
