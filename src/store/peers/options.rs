//! How this replica takes part.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// How a replica and the others reach each other.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Whether others may run, now or later. If not, we wait for nobody and tell nobody anything, so two must never run
    /// at once.
    pub expected: bool,
    /// Who we are, for people who look at the Leases: the pod's name.
    pub identity: String,
    /// Where the replicas' Leases and their common key are.
    pub operator_namespace: String,
    /// Where we listen for other replicas.
    pub listen: SocketAddr,
    /// Where other replicas reach us: the pod's address and the port of `listen`.
    pub advertise: SocketAddr,
    /// How long a replica that has died is waited for. Whole seconds, at least one.
    pub lease_duration: Duration,
}

impl PeerOptions {
    /// No other replicas.
    pub fn alone() -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            expected: false,
            identity: String::new(),
            operator_namespace: String::new(),
            listen: nowhere,
            advertise: nowhere,
            lease_duration: Duration::from_secs(6),
        }
    }
}
