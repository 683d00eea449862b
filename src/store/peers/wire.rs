//! What replicas say to each other.

use serde::{Deserialize, Serialize};

use super::leases::LeaseName;
use crate::store::written::Written;

/// "I am new, tell me of your writes."
pub(super) const HELLO: &str = "/peers/v1/hello";

/// "I have written this; do you know it?"
pub(super) const WRITTEN: &str = "/peers/v1/written";

/// The header that carries the seal, of questions and answers.
pub(super) const SEAL: &str = "rollcall-seal";

/// The longest body, question or answer. The longest batch of the longest names is shorter.
pub(super) const LONGEST: usize = 256 * 1024;

/// The most writes in one question.
pub(super) const MOST: usize = 256;

/// A newcomer's question to one replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The lease of the replica that is asked.
    pub(super) to: LeaseName,
    /// The newcomer's lease.
    pub(super) from: LeaseName,
}

/// The newcomer is told of every write from now on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Welcome {}

/// A writer's question to one replica.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// The lease of the replica that is asked.
    pub(super) to: LeaseName,
    pub(super) written: Vec<Written>,
}

/// Which of them it knows, in the order of the question. For the others it is to be asked again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) known: Vec<bool>,
}
