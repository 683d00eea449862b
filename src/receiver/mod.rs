//! The edge where identity providers push to us: SCIM 2.0 over HTTP, RFC 7644.
//!
//! Handlers are thin. What a request means is decided in `scim`, what becomes of it in `store`; here it is
//! authenticated, read, answered. Whoever adds a route gets authentication with it, because [`passage`] wraps the
//! whole router, and gets a tenant to work on only from [`auth::Granted`], which has checked the token's scope.

mod auth;
mod body;
mod bulk;
mod dialect;
mod discovery;
mod error;
mod groups;
mod list;
mod location;
mod media;
mod methods;
mod metrics;
mod observe;
mod passage;
mod precondition;
mod query;
mod request;
mod resource;
mod respond;
mod serve;
mod shares;
mod state;
mod users;

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    middleware::from_fn_with_state,
    response::Response,
    routing::{any, get, post},
};
use tower::{Layer, Service};

pub use error::ReceiverError;
pub use location::{ExternalUrl, ExternalUrlError};
pub use metrics::RequestMetrics;
pub use resource::user_json;
pub use serve::serve;
pub use state::{ReceiverState, Settings};

/// What becomes of each request.
///
/// The routes are wrapped as a whole, so that not even an Allow header tells a stranger which URLs exist.
fn service(
    state: ReceiverState,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static {
    from_fn_with_state(state.clone(), passage::enter).layer(routes(state))
}

/// Every URL that the receiver knows. `GET` answers `HEAD` too, and every URL `OPTIONS`.
fn routes(state: ReceiverState) -> Router {
    // Written out rather than nested: a nested router has a new URI made for each request, without what is above it.
    let at = |below: &str| format!("/scim/{{namespace}}/{{tenant}}/v2{below}");
    let user = get(users::read).put(users::replace).patch(users::patch).delete(users::delete);
    let group = get(groups::read).put(groups::replace).patch(groups::patch).delete(groups::delete);
    Router::new()
        .route(&at("/Users"), get(users::list).post(users::create))
        .route(&at("/Users/.search"), post(users::search))
        .route(&at("/Users/{id}"), user)
        .route(&at("/Groups"), get(groups::list).post(groups::create))
        .route(&at("/Groups/.search"), post(groups::search))
        .route(&at("/Groups/{id}"), group)
        .route(&at("/ServiceProviderConfig"), get(discovery::service_provider_config))
        .route(&at("/ResourceTypes"), get(discovery::resource_types))
        .route(&at("/ResourceTypes/{id}"), get(discovery::resource_type))
        .route(&at("/Schemas"), get(discovery::schemas))
        .route(&at("/Schemas/{id}"), get(discovery::schema))
        .route(&at("/Me"), any(error::nobody_is_me))
        .route(&at("/Bulk"), post(bulk::bulk))
        .route(&at("/.search"), post(list::search))
        .route(&at(""), get(list::list))
        // A base URL is as often written with a slash at its end as without.
        .route(&at("/"), get(list::list))
        .fallback(error::no_such_url)
        .method_not_allowed_fallback(methods::no_such_method)
        .layer(from_fn_with_state(state.clone(), passage::take_route))
        .with_state(state)
}
