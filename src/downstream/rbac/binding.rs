//! A binding as this room sees it: RoleBinding and ClusterRoleBinding in one shape, with the name and the labels by
//! which we know our own.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest, Sha256};

use crate::api::names::{
    LABEL_APP, LABEL_APP_NAMESPACE, LABEL_MANAGED_BY, LABEL_TEAM, LABEL_TENANT, MANAGER,
};
use crate::api::{self, RoleKind};

use super::settings::SettingsError;
use super::subject::RBAC_GROUP;

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// Where it is, which also tells its kind.
    pub place: Place,
    /// Its metadata, whole, so that a replacement keeps what others put there.
    pub metadata: ObjectMeta,
    /// The role it grants.
    pub role: RoleRef,
    /// Whom it grants it to.
    pub subjects: Vec<Subject>,
}

/// Where a role applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Everywhere, by a ClusterRoleBinding.
    Cluster,
    /// In one namespace, by a RoleBinding.
    Namespace(String),
}

/// The DownstreamApp that bindings belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// Its ScimTenant.
    pub tenant: String,
}

impl Binding {
    /// Its name.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Whether it holds all of these labels.
    pub fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        let own = self.metadata.labels.as_ref();
        labels.iter().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value))
    }

    /// Whether somebody would lose the role if it became the other one.
    pub fn loses_subjects(&self, other: &Self) -> bool {
        self.subjects.iter().any(|subject| !other.subjects.contains(subject))
    }

    /// `ClusterRole view`, for people.
    pub fn role_name(&self) -> String {
        format!("{} {}", self.role.kind, self.role.name)
    }
}

/// `RoleBinding dev/rollcall-…`, for people. Subjects are left out: they are people's names and addresses.
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Cluster => write!(f, "ClusterRoleBinding {}", self.name()),
            Place::Namespace(namespace) => write!(f, "RoleBinding {namespace}/{}", self.name()),
        }
    }
}

impl Place {
    /// A namespace, once its name is known to be a DNS label (RFC 1123), as Kubernetes wants it.
    pub fn namespace(name: &str) -> Result<Self, SettingsError> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = (1..=63).contains(&name.len())
            && name.chars().all(inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if good {
            Ok(Self::Namespace(name.to_owned()))
        } else {
            Err(SettingsError::Namespace(name.to_owned()))
        }
    }
}

impl Owner {
    /// The labels of every binding of a team.
    pub fn labels(&self, team: &str) -> BTreeMap<String, String> {
        let mut labels = self.own_labels(team);
        labels.insert(LABEL_TENANT.to_owned(), label_value(&self.tenant));
        labels
    }

    /// The labels that make a binding of a team ours.
    pub fn own_labels(&self, team: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            (LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned()),
            (LABEL_APP.to_owned(), label_value(&self.app)),
            (LABEL_APP_NAMESPACE.to_owned(), label_value(&self.namespace)),
            (LABEL_TEAM.to_owned(), label_value(team)),
        ])
    }

    /// The selector that finds every binding of a team, and nobody else's.
    pub fn selector(&self, team: &str) -> String {
        let terms: Vec<String> =
            self.own_labels(team).iter().map(|(key, value)| format!("{key}={value}")).collect();
        terms.join(",")
    }

    /// A new binding of a team. Its name follows from everything that tells it from others of ours.
    pub fn binding(&self, team: &str, role: &api::RoleRef, place: &Place, shard: usize) -> Binding {
        let kind = match role.kind {
            RoleKind::ClusterRole => "ClusterRole",
            RoleKind::Role => "Role",
        };
        let namespace = match place {
            Place::Cluster => None,
            Place::Namespace(namespace) => Some(namespace.clone()),
        };
        let shard = shard.to_string();
        let place_name = namespace.as_deref().unwrap_or_default();
        let hash = digest(&[&self.namespace, &self.app, team, kind, &role.name, place_name, &shard]);
        let metadata = ObjectMeta {
            name: Some(format!("rollcall-{}-{}", self.app, &hash[..20])),
            namespace,
            labels: Some(self.labels(team)),
            ..ObjectMeta::default()
        };
        let role = RoleRef {
            api_group: Some(RBAC_GROUP.to_owned()),
            kind: kind.to_owned(),
            name: role.name.clone(),
        };
        Binding { place: place.clone(), metadata, role, subjects: Vec::new() }
    }
}

impl From<RoleBinding> for Binding {
    fn from(binding: RoleBinding) -> Self {
        let RoleBinding { metadata, role_ref, subjects } = binding;
        let place = Place::Namespace(metadata.namespace.clone().unwrap_or_default());
        Self { place, metadata, role: role_ref, subjects: subjects.unwrap_or_default() }
    }
}

impl From<ClusterRoleBinding> for Binding {
    fn from(binding: ClusterRoleBinding) -> Self {
        let ClusterRoleBinding { metadata, role_ref, subjects } = binding;
        Self { place: Place::Cluster, metadata, role: role_ref, subjects: subjects.unwrap_or_default() }
    }
}

impl From<Binding> for RoleBinding {
    fn from(binding: Binding) -> Self {
        let Binding { place: _, metadata, role, subjects } = binding;
        Self { metadata, role_ref: role, subjects: Some(subjects) }
    }
}

impl From<Binding> for ClusterRoleBinding {
    fn from(binding: Binding) -> Self {
        let Binding { place: _, metadata, role, subjects } = binding;
        Self { metadata, role_ref: role, subjects: Some(subjects) }
    }
}

/// A name as a label's value: as it is where it fits, otherwise a hash of it, for names of objects may be longer.
fn label_value(name: &str) -> String {
    if name.len() <= 63 { name.to_owned() } else { digest(&[name])[..40].to_owned() }
}

/// SHA-256 in hexadecimal over parts that can't run into each other.
fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digits: Vec<String> = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_longer_than_a_label_is_labelled_by_its_hash() {
        let owner = Owner { app: "a".into(), namespace: "n".into(), tenant: "t".into() };
        let labels = owner.labels(&"x".repeat(253));
        assert!(labels.values().all(|value| value.len() <= 63));
        assert_eq!(owner.labels("short")[LABEL_TEAM], "short");
    }

    #[test]
    fn parts_of_a_hash_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
