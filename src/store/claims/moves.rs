//! The claims that one write of an object gains and loses.

use super::{
    about::{About, Claim},
    protocol::{Text, Write},
};
use crate::{
    scim::rules::Unique,
    store::{claimant::Claimant, tenant::TenantKey},
};

/// What a write does to the claims of its object.
#[derive(Clone, Debug)]
pub(in crate::store) struct Moves {
    creates: bool,
    gained: Vec<Claim>,
    lost: Vec<Claim>,
}

impl Moves {
    /// Of the write that makes `after` of `before`, or creates it.
    pub(in crate::store) fn between<K: Claimant>(
        tenant: &TenantKey,
        unique: &[Unique],
        before: Option<&K>,
        after: &K,
    ) -> Self {
        let had = before.map(|before| claims_of(tenant, unique, before)).unwrap_or_default();
        let has = claims_of(tenant, unique, after);
        Self { creates: before.is_none(), gained: without(&has, &had), lost: without(&had, &has) }
    }

    /// The claims on values that the object has not now.
    pub(in crate::store) fn gained(&self) -> &[Claim] {
        &self.gained
    }

    /// The machine that does it.
    pub(super) fn write(&self, id: &str) -> Write {
        let names = |claims: &[Claim]| claims.iter().map(|claim| claim.name.clone()).collect();
        if self.creates {
            Write::create(id.into(), names(&self.gained))
        } else {
            Write::change(id.into(), names(&self.gained), names(&self.lost))
        }
    }

    /// What each claim that is gained is about.
    pub(super) fn about(&self) -> Vec<(Text, About)> {
        self.gained.iter().map(|claim| (claim.name.clone(), claim.about.clone())).collect()
    }
}

/// All claims that an object should have, in the order in which everybody gets them: by attribute, then by value.
pub(in crate::store) fn claims_of<K: Claimant>(
    tenant: &TenantKey,
    unique: &[Unique],
    object: &K,
) -> Vec<Claim> {
    let mut claims =
        vec![Claim::new::<K>(tenant, About::Name, About::Name.comparable(object.unique_value()))];
    if unique.is_empty() {
        return claims;
    }
    let document = object.document();
    let mut attributes: Vec<&Unique> = unique.iter().collect();
    attributes.sort_by_key(|attribute| attribute.path());
    for attribute in attributes {
        let values = attribute.values(&document).into_iter();
        claims
            .extend(values.map(|value| Claim::new::<K>(tenant, About::Attribute(attribute.clone()), value)));
    }
    claims
}

fn without(claims: &[Claim], others: &[Claim]) -> Vec<Claim> {
    let is_other = |claim: &Claim| others.iter().any(|other| other.name == claim.name);
    claims.iter().filter(|claim| !is_other(claim)).cloned().collect()
}
