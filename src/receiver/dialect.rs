//! Notes in which dialect a client speaks, of requests that were understood; nothing is decided by it.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, Uri},
    response::Response,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{ReceiverState, query::parameters};
use crate::{
    scim::{
        bulk::{Action, Endpoint, Task},
        dialect::{self, Quirk, Quirks},
        filter::Filter,
        schema::ResourceSchema,
    },
    store::{Access, TenantRules},
};

/// What the body of a request showed, on its way from whoever reads the body to whoever notes it.
#[derive(Clone, Default)]
struct Heard(Arc<OnceLock<Quirks>>);

/// A request as far as its dialect shows in it.
pub(super) struct Spoken {
    access: Access,
    kind: Kind,
    method: Method,
    uri: Uri,
    heard: Heard,
}

impl Spoken {
    /// Of a request that is on its way to its handler; `None` if it is about nothing that has dialects.
    pub(super) fn of(request: &mut Request) -> Option<Self> {
        let (kind, access) = (Kind::of(request)?, request.extensions().get::<Access>()?.clone());
        let (method, uri, heard) = (request.method().clone(), request.uri().clone(), Heard::default());
        request.extensions_mut().insert(heard.clone());
        Some(Self { access, kind, method, uri, heard })
    }

    /// Notes its dialect if it has succeeded: what was refused says nothing about what is supported.
    pub(super) fn note(&self, state: &ReceiverState, response: &Response) {
        if response.status().is_success() {
            let quirks = of_request(&self.access.rules, self.kind, &self.method, &self.uri);
            let quirks = quirks.union(self.heard.0.get().copied().unwrap_or_default());
            state.tenants.dialects().note(&self.access.tenant, quirks, Timestamp::now());
        }
    }
}

/// Looks at the body of a request. What it shows counts only once the request has succeeded.
pub(super) fn listen(request: &Request) -> impl FnOnce(&Value) + use<> {
    let heard = request.extensions().get::<Heard>().cloned();
    let rules = request.extensions().get::<Access>().map(|access| Arc::clone(&access.rules));
    let (kind, method) = (Kind::of(request), request.method().clone());
    move |body| {
        let (Some(heard), Some(kind), Some(rules)) = (heard, kind, rules) else { return };
        let Some(schema) = kind.schema(&rules) else { return };
        _ = heard.0.set(of_body(&method, body, schema));
    }
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Users,
    User,
    Groups,
    Group,
    Bulk,
}

impl Kind {
    fn of(request: &Request) -> Option<Self> {
        let route = request.extensions().get::<MatchedPath>()?.as_str();
        match route.split_once("/v2")?.1 {
            "/Users" => Some(Self::Users),
            "/Users/{id}" => Some(Self::User),
            "/Groups" => Some(Self::Groups),
            "/Groups/{id}" => Some(Self::Group),
            "/Bulk" => Some(Self::Bulk),
            _ => None,
        }
    }

    fn schema(self, rules: &TenantRules) -> Option<&ResourceSchema> {
        match self {
            Self::Users | Self::User => Some(&rules.users.schema),
            Self::Groups | Self::Group => Some(&rules.groups.schema),
            Self::Bulk => None,
        }
    }
}

/// What one operation of a bulk request shows: what a request of its own would.
pub(super) fn of_operation(rules: &TenantRules, Task { endpoint, action }: &Task) -> Quirks {
    let kind = match endpoint {
        Endpoint::Users => Kind::User,
        Endpoint::Groups => Kind::Group,
    };
    let (method, body) = match action {
        Action::Create(body) => (Method::POST, Some(body)),
        Action::Replace(_, _, body) => (Method::PUT, Some(body)),
        Action::Patch(_, _, body) => (Method::PATCH, Some(body)),
        Action::Delete(..) => (Method::DELETE, None),
    };
    let said = body.zip(kind.schema(rules)).map(|(body, schema)| of_body(&method, body, schema));
    said.unwrap_or_default().union(way(&method, kind).into_iter().collect())
}

fn of_body(method: &Method, body: &Value, schema: &ResourceSchema) -> Quirks {
    match *method {
        Method::PATCH => dialect::of_patch(body, schema),
        Method::PUT | Method::POST => dialect::of_resource(body, schema),
        _ => Quirks::new(),
    }
}

fn of_request(rules: &TenantRules, kind: Kind, method: &Method, uri: &Uri) -> Quirks {
    let parameters = parameters(uri.query());
    let named = |wanted: &'static str| {
        parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    let listed = match (kind, kind.schema(rules)) {
        (Kind::Users | Kind::Groups, Some(schema)) if method == Method::GET => {
            let filter = named("filter").and_then(|filter| Filter::parse(filter).ok());
            dialect::of_query(filter.as_ref(), schema)
        }
        _ => Quirks::new(),
    };
    let is_members = |name: &str| name.trim().eq_ignore_ascii_case("members");
    let excludes = named("excludedAttributes").is_some_and(|names| names.split(',').any(is_members));
    let members = excludes.then_some(Quirk::ExcludesMembers);
    let flag = named("aadOptscim062020").map(|_| Quirk::EntraComplianceFlag);
    listed.union([way(method, kind), members, flag].into_iter().flatten().collect())
}

/// The way in which something is changed.
fn way(method: &Method, kind: Kind) -> Option<Quirk> {
    match (method, kind) {
        (_, Kind::Bulk) => Some(Quirk::SendsBulk),
        (&Method::PUT, Kind::User) => Some(Quirk::PutsUsers),
        (&Method::PATCH, Kind::User) => Some(Quirk::PatchesUsers),
        (&Method::DELETE, Kind::User) => Some(Quirk::DeletesUsers),
        (&Method::PUT, Kind::Group) => Some(Quirk::PutsGroups),
        (&Method::PATCH, Kind::Group) => Some(Quirk::PatchesGroups),
        _ => None,
    }
}
