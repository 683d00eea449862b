//! The edge where identity providers push to us: SCIM 2.0 over HTTP, RFC 7644.
//!
//! Handlers are thin. What a request means is decided in `scim`, what becomes of it in `store`; here it is
//! authenticated, read, answered. Whoever adds a route gets authentication with it, because it wraps the
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
mod precondition;
mod query;
mod request;
mod resource;
mod respond;
mod serve;
mod shares;
mod state;
mod users;

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{any, get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

pub use error::ReceiverError;
pub use location::{ExternalUrl, ExternalUrlError};
pub use metrics::RequestMetrics;
pub use resource::user_json;
pub use serve::serve;
pub use state::{ReceiverState, Settings};

/// Every URL that the receiver knows. `GET` answers `HEAD` too, and every URL `OPTIONS`.
pub fn router(state: ReceiverState) -> Router {
    let tenant = Router::new()
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/.search", post(users::search))
        .route("/Users/{id}", get(users::read).put(users::replace).patch(users::patch).delete(users::delete))
        .route("/Groups", get(groups::list).post(groups::create))
        .route("/Groups/.search", post(groups::search))
        .route(
            "/Groups/{id}",
            get(groups::read).put(groups::replace).patch(groups::patch).delete(groups::delete),
        )
        .route("/ServiceProviderConfig", get(discovery::service_provider_config))
        .route("/ResourceTypes", get(discovery::resource_types))
        .route("/ResourceTypes/{id}", get(discovery::resource_type))
        .route("/Schemas", get(discovery::schemas))
        .route("/Schemas/{id}", get(discovery::schema))
        .route("/Me", any(error::nobody_is_me))
        .route("/Bulk", post(bulk::bulk))
        .route("/.search", post(list::search))
        .route("/", get(list::list));

    let routes = Router::new()
        .nest("/scim/{namespace}/{tenant}/v2", tenant)
        // A base URL is as often written with a slash at its end as without.
        .route("/scim/{namespace}/{tenant}/v2/", get(list::list))
        .fallback(error::no_such_url)
        .method_not_allowed_fallback(methods::no_such_method)
        .layer((from_fn_with_state(state.clone(), dialect::note), from_fn(observe::note_route)))
        .with_state(state.clone());

    // The routes are wrapped as a whole, so that not even an Allow header tells a stranger which URLs exist. The
    // first layer sees a request first: it is given an id, guarded against panics and delays, authenticated, and waits
    // for its tenant's turn. They are one tuple, as every call of `layer` has each request pay for a copy of all that is
    // below it.
    Router::new().fallback_service(routes).layer((
        from_fn_with_state(state.clone(), observe::observe),
        from_fn(media::negotiate),
        CatchPanicLayer::custom(error::panicked),
        from_fn_with_state(state.clone(), request::limit_time),
        from_fn_with_state(state.clone(), auth::authenticate),
        from_fn_with_state(state, shares::take_turn),
        from_fn(methods::name_options),
    ))
}
