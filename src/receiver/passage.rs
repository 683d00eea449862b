//! The way of each request to its handler, and of the answer back: in one place, as the order matters.
//!
//! It is one function rather than a stack of layers, each of which would have every request pay for a copy of all that is
//! below it and for two boxes.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use super::{
    ReceiverError, ReceiverState, auth,
    dialect::Spoken,
    error::or_answer_panic,
    media, methods,
    observe::{Route, Seen},
    request::limit_time,
    shares,
};

/// What happens to every request, whatever its URL: it is given an id, guarded against panics and delays, and let in.
pub(super) async fn enter(State(state): State<ReceiverState>, request: Request, next: Next) -> Response {
    let (seen, plain) = (Seen::new(&state, &request), media::prefers_plain(request.headers()));
    let (limit, is_safe) = (state.settings.request_timeout, request.method().is_safe());
    // In a box, as it would be moved into each of those around it.
    let answer = limit_time(limit, is_safe, Box::pin(admit(state.clone(), request, next)));
    let mut response = or_answer_panic(answer).instrument(seen.span()).await;
    media::name_type(&mut response, plain);
    seen.tell(&state, &mut response);
    response
}

/// Lets a request through if its token is one of the tenant that its URL names, once it is that tenant's turn.
async fn admit(state: ReceiverState, mut request: Request, next: Next) -> Response {
    let access = match auth::authenticate(&state, request.headers(), request.uri().path()).await {
        Ok(access) => access,
        Err(error) => return error.into_response(),
    };
    let tenant = access.tenant.clone();
    let work = shares::work_of(&request);
    let mut response = if access.suspended {
        ReceiverError::Suspended.into_response()
    } else {
        // Nothing of a body has been read yet.
        match shares::wait(&state, &tenant, work).await {
            Ok(()) => {
                request.extensions_mut().insert(access);
                next.run(request).await
            }
            Err(refused) => refused.into_response(),
        }
    };
    methods::add_options(response.headers_mut());
    // For the access log, which names a tenant only once somebody has proved to belong to it.
    response.extensions_mut().insert(tenant);
    response
}

/// What happens to a request of which it is known which route it takes.
pub(super) async fn take_route(
    State(state): State<ReceiverState>,
    mut request: Request,
    next: Next,
) -> Response {
    let (route, spoken) = (Route::of(&request), Spoken::of(&mut request));
    let mut response = next.run(request).await;
    if let Some(spoken) = spoken {
        spoken.note(&state, &response);
    }
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
