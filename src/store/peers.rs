//! Any replica answers: what other replicas must know before a write is acknowledged.

use kube::Resource;

use super::error::StoreError;

/// The other replicas.
#[derive(Debug, Default)]
pub(super) struct Peers;

impl Peers {
    /// Waits until every other replica that answers reads has seen this version of an object.
    #[expect(clippy::unused_async, reason = "with other replicas it waits for them")]
    pub(super) async fn written<K: Resource>(&self, _object: &K) -> Result<(), StoreError> {
        Ok(())
    }
}
