//! Who asks, and what they may do: one bearer token, checked before anything else about the request matters.
//!
//! [`authenticate`] is asked before the router is, so that a route can't be without it. A token that is wrong,
//! missing, expired, doubled or another tenant's gets one and the same answer on every path, existing or not.

use std::marker::PhantomData;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use jiff::Timestamp;

use super::{ReceiverError, ReceiverState};
use crate::{scim::ScimError, store::Access};

/// What the token of a request may do; an error for a stranger.
pub(super) async fn authenticate(
    state: &ReceiverState,
    headers: &HeaderMap,
    path: &str,
) -> Result<Access, ReceiverError> {
    // Before everything is read, a good token looks wrong, and a user who exists does not. Both would be
    // believed: whoever gets a 401 stops, and whoever gets a 404 creates.
    if !(state.tenants.not_ready().is_empty() && state.store.not_ready().is_empty()) {
        return Err(ReceiverError::Starting);
    }
    let (Some(token), Some((namespace, name))) = (bearer(headers), tenant_of(path)) else {
        return Err(ReceiverError::Unauthorized);
    };
    // What could not be found out is another error: whoever is told that their token is wrong stops.
    let access = state.tenants.recognise(namespace, name, token, Timestamp::now()).await?;
    access.ok_or(ReceiverError::Unauthorized)
}

/// The token of the only `Authorization` header.
///
/// RFC 6750 section 2: "Clients MUST NOT use more than one method to transmit the token in each request."
/// Two headers are two methods: which one counts must not be left to whoever reads first.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    // RFC 9110 section 11.1: a scheme's name is case-insensitive.
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' ')).filter(|token| !token.is_empty())
}

/// Namespace and name in `/scim/{namespace}/{tenant}/v2`, whatever follows. Taken from the path itself, as
/// URLs that match no route are authenticated too.
fn tenant_of(path: &str) -> Option<(&str, &str)> {
    let mut segments = path.strip_prefix("/scim/")?.split('/');
    let (namespace, name, version) = (segments.next()?, segments.next()?, segments.next()?);
    (version == "v2").then_some((namespace, name))
}

/// Something that a token may or may not do.
pub(super) trait Right {
    /// Refuses with what the token lacks.
    fn check(access: &Access) -> Result<(), ScimError>;
}

/// Read users.
pub(super) struct ReadUsers;
/// Create, change and delete users.
pub(super) struct WriteUsers;
/// Read groups.
pub(super) struct ReadGroups;
/// Create, change and delete groups.
pub(super) struct WriteGroups;
/// List groups, or hear that there are none for this token.
pub(super) struct ListGroups;
/// Search everything that the token may see, however little.
pub(super) struct SearchAll;
/// Send operations in bulk, each of which is checked for itself.
pub(super) struct SendBulk;
/// Read what the service can do.
pub(super) struct Discover;

impl Right for ReadUsers {
    fn check(access: &Access) -> Result<(), ScimError> {
        in_scope(access.users, "Users")
    }
}

impl Right for WriteUsers {
    fn check(access: &Access) -> Result<(), ScimError> {
        ReadUsers::check(access).and_then(|()| may_write(access))
    }
}

impl Right for ReadGroups {
    fn check(access: &Access) -> Result<(), ScimError> {
        in_scope(access.groups, "Groups")
    }
}

impl Right for WriteGroups {
    fn check(access: &Access) -> Result<(), ScimError> {
        ReadGroups::check(access).and_then(|()| may_write(access))
    }
}

/// Entra ID's Test Connection asks for groups even where only users are provisioned, and takes anything but an
/// (empty) list for a service that it can't work with.
impl Right for ListGroups {
    fn check(_: &Access) -> Result<(), ScimError> {
        Ok(())
    }
}

impl Right for SearchAll {
    fn check(_: &Access) -> Result<(), ScimError> {
        Ok(())
    }
}

impl Right for SendBulk {
    fn check(_: &Access) -> Result<(), ScimError> {
        Ok(())
    }
}

impl Right for Discover {
    fn check(_: &Access) -> Result<(), ScimError> {
        Ok(())
    }
}

fn in_scope(granted: bool, resource: &str) -> Result<(), ScimError> {
    if granted {
        return Ok(());
    }
    Err(ScimError::new(
        403,
        format!("this token's scope does not include {resource}; use one whose scope does"),
    ))
}

fn may_write(access: &Access) -> Result<(), ScimError> {
    if access.read_only {
        return Err(ScimError::new(403, "this token is read-only; use one that may write"));
    }
    Ok(())
}

/// The tenant of a request whose token has the right `R`, and its rules. The only way for a handler to come by a tenant.
pub(super) struct Granted<R> {
    pub(super) access: Access,
    right: PhantomData<R>,
}

impl<R> Granted<R> {
    /// Refuses unless the token has the right `Other` as well.
    pub(super) fn also<Other: Right>(&self) -> Result<(), ScimError> {
        Other::check(&self.access)
    }

    /// Whether the token may see users.
    pub(super) fn sees_users(&self) -> bool {
        self.access.users
    }

    /// Whether the token may see groups.
    pub(super) fn sees_groups(&self) -> bool {
        self.access.groups
    }
}

impl<R: Right> FromRequestParts<ReceiverState> for Granted<R> {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        let access = parts.extensions.get::<Access>().ok_or(ReceiverError::Unauthorized)?;
        R::check(access)?;
        Ok(Self { access: access.clone(), right: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::TenantKey;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(bearer(&headers(&[value])), Some("abc"), "{value}");
        }
    }

    #[test]
    fn no_header_two_headers_and_other_schemes_give_no_token() {
        for values in
            [&[][..], &["Bearer a", "Bearer a"], &["Basic abc"], &["Bearer"], &["Bearer "], &["abc"]]
        {
            assert_eq!(bearer(&headers(values)), None, "{values:?}");
        }
    }

    #[test]
    fn the_tenant_is_in_the_path_of_every_url_known_or_not() {
        assert_eq!(tenant_of("/scim/acme/okta/v2/Users/1"), Some(("acme", "okta")));
        assert_eq!(tenant_of("/scim/acme/okta/v2"), Some(("acme", "okta")));
        assert_eq!(tenant_of("/scim/acme/okta/v2/no/such/thing"), Some(("acme", "okta")));
        for path in ["/", "/scim/acme", "/scim/acme/okta/v1/Users", "/other/acme/okta/v2"] {
            assert_eq!(tenant_of(path), None, "{path}");
        }
    }

    #[test]
    fn a_right_needs_the_scope_and_a_token_that_may_write() {
        let access = |users, groups, read_only| Access {
            tenant: TenantKey::new("acme", "okta"),
            token: "default".into(),
            users,
            groups,
            read_only,
            suspended: false,
            rules: std::sync::Arc::default(),
        };
        assert!(WriteUsers::check(&access(true, false, false)).is_ok());
        assert!(ReadGroups::check(&access(true, false, false)).is_err());
        assert!(ReadUsers::check(&access(true, true, true)).is_ok());
        assert_eq!(WriteGroups::check(&access(true, true, true)).unwrap_err().status, 403);
    }
}
