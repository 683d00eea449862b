//! What a claim is about: the name of an object, or another attribute that its tenant calls unique.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::protocol::Text;
use crate::{
    api::names,
    scim::{fold::fold_case, rules::Unique},
    store::{claimant::Claimant, tenant::TenantKey},
};

/// An attribute that claims are made on.
#[derive(Clone, Debug)]
pub(in crate::store) enum About {
    /// `userName` or `displayName`.
    Name,
    /// Another one.
    Attribute(Unique),
}

/// A claim on a value.
#[derive(Clone, Debug)]
pub(in crate::store) struct Claim {
    pub(in crate::store) name: Text,
    pub(in crate::store) about: About,
    /// In the form in which it is compared.
    pub(in crate::store) value: String,
}

impl Claim {
    pub(super) fn new<K: Claimant>(tenant: &TenantKey, about: About, value: String) -> Self {
        Self { name: about.claim::<K>(tenant, &value).into(), about, value }
    }
}

impl About {
    /// What a stored claim is about.
    pub(super) fn of(lease: &Lease) -> Self {
        let annotation = |key| lease.annotations().get(key);
        let exactly = annotation(names::ANNOTATION_CLAIMED_EXACTLY).map(|path| (path, true));
        let claimed = exactly.or(annotation(names::ANNOTATION_CLAIMED).map(|path| (path, false)));
        claimed.and_then(|(path, exact)| Unique::new(path, exact)).map_or(Self::Name, Self::Attribute)
    }

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

    /// Whether a claim of this name is one that the object should have. The name is a hash of the value that it keeps, so
    /// the object's own values tell.
    pub(super) fn is_used_by<K: Claimant>(&self, object: &K, claim: &str) -> bool {
        let tenant = tenant_of(object);
        self.values(object).iter().any(|value| self.claim::<K>(&tenant, value) == claim)
    }

    /// The name keeps the value itself out of object names and logs; 160 bits of SHA-256 don't collide.
    pub(in crate::store) fn claim<K: Claimant>(&self, tenant: &TenantKey, comparable: &str) -> String {
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

/// The name of the claim on its name that an object should have.
pub(in crate::store) fn claim_of<K: Claimant>(object: &K) -> String {
    About::Name.claim::<K>(&tenant_of(object), &About::Name.comparable(object.unique_value()))
}

pub(super) fn tenant_of<K: Claimant>(object: &K) -> TenantKey {
    TenantKey::new(object.meta().namespace.as_deref().unwrap_or_default(), object.tenant())
}
