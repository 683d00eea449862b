//! Which namespaces Rollcall looks after: all of them, or a list.

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};

/// The namespaces whose tenants, users, teams and apps are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespaces {
    /// Every namespace of the cluster.
    All,
    /// These, each once.
    These(Vec<String>),
}

impl Namespaces {
    /// From what a person lists; an empty list means all.
    pub fn from_list(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { Self::All } else { Self::These(names) }
    }

    /// Their names; none for all.
    pub fn names(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::These(names) => names,
        }
    }

    /// Whether a namespace is one of them.
    pub fn contain(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|name| name == namespace),
        }
    }

    /// What to list and watch, one `Api` per watch: a list of namespaces needs rights in these alone.
    pub fn apis<K>(&self, client: &Client) -> Vec<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        match self {
            Self::All => vec![Api::all(client.clone())],
            Self::These(names) => names.iter().map(|name| Api::namespaced(client.clone(), name)).collect(),
        }
    }
}
