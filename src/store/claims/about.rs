//! What a claim is about: the name of an object, or another attribute that its tenant calls unique.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::super::{claimant::Claimant, tenant::TenantKey};
use crate::{
    api::names,
    scim::{fold::fold_case, rules::Unique},
};

/// An attribute that claims are made on.
#[derive(Clone, Debug)]
pub(super) enum About {
    /// `userName` or `displayName`.
    Name,
    /// Another one.
    Attribute(Unique),
}

impl About {
    /// What claims of this one are labelled with: which kind of object holds them, and for a name which one.
    pub(super) fn label<K: Claimant>(&self) -> &'static str {
        match self {
            Self::Name => K::ATTRIBUTE,
            Self::Attribute(_) => K::SCIM_KIND,
        }
    }

    /// What the sweeper must know and a label can't hold.
    pub(super) fn annotations(&self) -> Option<BTreeMap<String, String>> {
        match self {
            Self::Name => None,
            Self::Attribute(unique) => {
                let key = if unique.is_case_exact() {
                    names::ANNOTATION_CLAIMED_EXACTLY
                } else {
                    names::ANNOTATION_CLAIMED
                };
                Some([(key.to_owned(), unique.path().to_owned())].into())
            }
        }
    }

    /// The attribute, as SCIM spells it.
    pub(super) fn path<K: Claimant>(&self) -> &str {
        match self {
            Self::Name => K::ATTRIBUTE,
            Self::Attribute(unique) => unique.path(),
        }
    }

    /// A value in the form in which it is compared.
    pub(super) fn comparable(&self, value: &str) -> String {
        match self {
            Self::Name => fold_case(value),
            Self::Attribute(_) => value.to_owned(),
        }
    }

    /// The values that an object uses, in the form in which they are compared.
    pub(super) fn values<K: Claimant>(&self, object: &K) -> BTreeSet<String> {
        match self {
            Self::Name => [fold_case(object.unique_value())].into(),
            Self::Attribute(unique) => unique.values(&object.document()),
        }
    }

    pub(super) fn uses<K: Claimant>(&self, object: &K, comparable: &str) -> bool {
        self.values(object).contains(comparable)
    }

    /// The name keeps the value itself out of object names and logs; 160 bits of SHA-256 don't collide.
    pub(super) fn claim<K: Claimant>(&self, tenant: &TenantKey, comparable: &str) -> String {
        let digest = Sha256::new()
            .chain_update(tenant.name.as_bytes())
            .chain_update([0])
            .chain_update(self.path::<K>())
            .chain_update([0])
            .chain_update(comparable)
            .finalize();
        let mut name = format!("{}-", self.label::<K>().to_ascii_lowercase());
        for byte in digest.iter().take(20) {
            // Writing to a String does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }
}

/// The attribute that a claim is on, if it is not on a name.
pub(in crate::store) fn claimed(lease: &Lease) -> Option<Unique> {
    let annotation = |key| lease.annotations().get(key);
    let exactly = annotation(names::ANNOTATION_CLAIMED_EXACTLY).map(|path| (path, true));
    let (path, exact) = exactly.or(annotation(names::ANNOTATION_CLAIMED).map(|path| (path, false)))?;
    Unique::new(path, exact)
}
