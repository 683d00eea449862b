//! Notes in which dialect a client speaks, of requests that were understood; nothing is decided by it.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, Uri},
    middleware::Next,
    response::Response,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{ReceiverState, query::parameters};
use crate::{
    scim::{
        dialect::{self, Quirk, Quirks},
        filter::Filter,
        schema::ResourceSchema,
    },
    store::Access,
};

/// What the body of a request showed, on its way from whoever reads the body to whoever notes it.
#[derive(Clone, Default)]
struct Heard(Arc<OnceLock<Quirks>>);

/// Notes the dialect of a request once it has succeeded: what was refused says nothing about what is supported.
pub(super) async fn note(State(state): State<ReceiverState>, mut request: Request, next: Next) -> Response {
    let heard = Heard::default();
    let tenant = request.extensions().get::<Access>().map(|access| access.tenant.clone());
    let asked = Kind::of(&request).map(|kind| (kind, request.method().clone(), request.uri().clone()));
    request.extensions_mut().insert(heard.clone());
    let response = next.run(request).await;
    if let (Some(tenant), Some((kind, method, uri)), true) = (tenant, asked, response.status().is_success()) {
        let quirks = of_request(&state, kind, &method, &uri);
        let quirks = quirks.union(heard.0.get().copied().unwrap_or_default());
        state.tenants.dialects().note(&tenant, quirks, Timestamp::now());
    }
    response
}

/// Looks at the body of a request. What it shows counts only once the request has succeeded.
pub(super) fn listen(state: &ReceiverState, request: &Request) -> impl FnOnce(&Value) + use<> {
    let heard = request.extensions().get::<Heard>().cloned();
    let (kind, method, state) = (Kind::of(request), request.method().clone(), state.clone());
    move |body| {
        let (Some(heard), Some(kind)) = (heard, kind) else { return };
        let schema = kind.schema(&state);
        let quirks = match method {
            Method::PATCH => dialect::of_patch(body, schema),
            Method::PUT => dialect::of_resource(body, schema),
            Method::POST if kind.is_collection => dialect::of_resource(body, schema),
            _ => Quirks::new(),
        };
        _ = heard.0.set(quirks);
    }
}

/// What a request is about.
#[derive(Clone, Copy)]
struct Kind {
    is_group: bool,
    is_collection: bool,
}

impl Kind {
    fn of(request: &Request) -> Option<Self> {
        let route = request.extensions().get::<MatchedPath>()?.as_str();
        let (_, route) = route.split_once("/v2")?;
        let (is_group, is_collection) = match route {
            "/Users" => (false, true),
            "/Users/{id}" => (false, false),
            "/Groups" => (true, true),
            "/Groups/{id}" => (true, false),
            _ => return None,
        };
        Some(Self { is_group, is_collection })
    }

    fn schema(self, state: &ReceiverState) -> &ResourceSchema {
        if self.is_group { &state.schemas.group } else { &state.schemas.user }
    }
}

fn of_request(state: &ReceiverState, kind: Kind, method: &Method, uri: &Uri) -> Quirks {
    let parameters = parameters(uri.query());
    let named = |wanted: &'static str| {
        parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    let filter = named("filter").and_then(|filter| Filter::parse(filter).ok());
    let listed = kind.is_collection && method == Method::GET;
    let mut quirks =
        if listed { dialect::of_query(filter.as_ref(), kind.schema(state)) } else { Quirks::new() };
    let method = match (method, kind.is_group) {
        (&Method::PUT, false) => Some(Quirk::PutsUsers),
        (&Method::PATCH, false) => Some(Quirk::PatchesUsers),
        (&Method::DELETE, false) => Some(Quirk::DeletesUsers),
        (&Method::PUT, true) => Some(Quirk::PutsGroups),
        (&Method::PATCH, true) => Some(Quirk::PatchesGroups),
        _ => None,
    };
    let excludes =
        named("excludedAttributes").is_some_and(|names| names.to_ascii_lowercase().contains("members"));
    let members = excludes.then_some(Quirk::ExcludesMembers);
    let flag = named("aadOptscim062020").map(|_| Quirk::EntraComplianceFlag);
    for quirk in [method, members, flag].into_iter().flatten() {
        quirks.insert(quirk);
    }
    quirks
}
