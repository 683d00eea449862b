//! What every handler shares.

use std::{ops::Deref, sync::Arc, time::Duration};

use super::{ExternalUrl, RequestMetrics, observe::RequestIds, shares::Shares};
use crate::{
    scim::{Limits, list::PageSizes},
    store::{Store, Tenants},
};

/// What can be set about the receiver.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where identity providers reach it.
    pub external_url: ExternalUrl,
    /// Bytes of one body. A group of 50,000 members as Okta sends it has about 8 MB.
    pub max_body: usize,
    /// How long one request may take, its body included.
    pub request_timeout: Duration,
    /// How long a client may take to send a request's headers.
    pub header_timeout: Duration,
    /// How much one SCIM message may hold.
    pub limits: Limits,
    /// How many resources are on one page of a list.
    pub pages: PageSizes,
    /// How long a cursor is good for.
    pub cursor_timeout: Duration,
    /// Operations of one bulk request.
    pub bulk_operations: usize,
    /// Reads a second that a tenant may send while others send too, a write counting as four; 0 for no limit.
    pub tenant_rate: u32,
}

impl Settings {
    /// The defaults. Okta waits 60 s for an answer, so ours comes sooner, and says why.
    pub fn new(external_url: ExternalUrl) -> Self {
        Self {
            external_url,
            max_body: 16 * 1024 * 1024,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            // Okta's own pages have a hundred, too.
            pages: PageSizes { default: 100, most: 1000 },
            cursor_timeout: Duration::from_hours(1),
            bulk_operations: 1000,
            // Entra ID asks for 25 requests a second, and was seen to send some 16.
            tenant_rate: 1000,
        }
    }
}

/// The receiver's state. One pointer, as each request has a dozen copies of it made.
#[derive(Clone, Debug)]
pub struct ReceiverState(Arc<Shared>);

/// What the pointer leads to.
#[derive(Debug)]
pub struct Shared {
    pub(super) store: Store,
    pub(super) tenants: Arc<Tenants>,
    pub(super) settings: Settings,
    pub(super) metrics: RequestMetrics,
    pub(super) shares: Shares,
    pub(super) ids: RequestIds,
}

impl ReceiverState {
    /// A receiver for these tenants on this store. The caller registers (a clone of) the metrics.
    pub fn new(store: Store, tenants: Arc<Tenants>, settings: Settings, metrics: RequestMetrics) -> Self {
        // Whoever has waited has most of the time left that a request may take.
        let shares = Shares::new(settings.tenant_rate, settings.request_timeout / 6);
        let ids = RequestIds::default();
        Self(Arc::new(Shared { store, tenants, settings, metrics, shares, ids }))
    }
}

impl Deref for ReceiverState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
