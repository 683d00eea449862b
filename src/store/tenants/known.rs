//! What is known of tenants: their tokens, and what comes with these.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jiff::Timestamp;

use super::{Access, USE_GRANULARITY_SECONDS, token_specs};
use crate::{
    api::{ScimTenant, TokenScope, TokenSpec, TokenStatus},
    scim::rules::Unique,
    store::{directory::version, rules::TenantRules, tenant::TenantKey, written::Kind},
};

/// `KnownToken::last_used` before the first use.
pub(super) const NEVER: i64 = i64::MIN;

/// What has been heard of tenants.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tenants: HashMap<TenantKey, KnownTenant>,
    /// How often a tenant was forgotten. What was read before that may be of one that is gone.
    pub(super) forgotten: u64,
}

#[derive(Debug, Default)]
pub(super) struct KnownTenant {
    version: u64,
    pub(super) suspended: bool,
    pub(super) tokens: Vec<KnownToken>,
}

/// What the controllers have to hear of.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The tenant was suspended or resumed.
    pub(super) suspension: bool,
    /// It calls other attributes unique than before.
    pub(super) unique: bool,
}

#[derive(Debug)]
pub(super) struct KnownToken {
    pub(super) hash: String,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) access: Access,
    /// What the status says, in seconds; `NEVER` for a token without a row of its own: a rotated one.
    pub(super) recorded: i64,
    /// When it was last used here, in seconds. Survives a change of the tenant. Nobody orders anything by it.
    pub(super) last_used: Arc<AtomicI64>,
    /// A rotated token's uses are not recorded: `lastUsedAt` is about the token that replaced it.
    current: bool,
}

impl Known {
    /// Says what about the tenant was changed by it.
    pub(super) fn apply(&mut self, key: &TenantKey, tenant: &ScimTenant) -> News {
        let known = self.tenants.entry(key.clone()).or_default();
        let version = version(tenant);
        if version < known.version {
            return News::default();
        }
        let leaving = tenant.metadata.deletion_timestamp.is_some();
        let tokens = if leaving { Vec::new() } else { known_tokens(key, tenant, &known.tokens) };
        let now = KnownTenant { version, suspended: tenant.spec.suspend && !leaving, tokens };
        let before = std::mem::replace(known, now);
        News { suspension: before.suspended != known.suspended, unique: before.unique().ne(known.unique()) }
    }
}

impl KnownTenant {
    /// Whoever may write has a token, and each token has the rules.
    pub(super) fn rules(&self) -> Option<&Arc<TenantRules>> {
        self.tokens.first().map(|token| &token.access.rules)
    }

    /// What must be unique of users and of groups.
    pub(super) fn unique(&self) -> impl Iterator<Item = (Kind, &Unique)> {
        let rules = self.rules();
        let of_users = rules.into_iter().flat_map(|it| &it.users.unique).map(|it| (Kind::User, it));
        of_users.chain(rules.into_iter().flat_map(|it| &it.groups.unique).map(|it| (Kind::Team, it)))
    }
}

impl KnownToken {
    /// The first use is shown at once; later ones coarsely.
    pub(super) fn is_due(&self) -> bool {
        let used = self.last_used.load(Ordering::Relaxed);
        let shown_until = self.recorded.saturating_add(USE_GRANULARITY_SECONDS);
        self.current && used != NEVER && (self.recorded == NEVER || used >= shown_until)
    }
}

fn known_tokens(key: &TenantKey, tenant: &ScimTenant, before: &[KnownToken]) -> Vec<KnownToken> {
    let rows = tenant.status.as_ref().map(|status| status.tokens.as_slice()).unwrap_or_default();
    let specs = token_specs(tenant);
    // Statuses change often, rules seldom: they are made once for each change of them.
    let rules = TenantRules::of(&tenant.spec, before.first().map(|token| &token.access.rules));
    rows.iter()
        .filter_map(|row| Some((row, specs.iter().find(|spec| spec.name == row.name)?)))
        .flat_map(|(row, spec)| {
            let access = access(key, spec, tenant.spec.suspend, &rules);
            let previous = row.previous.iter().map(|old| (&old.hash, old.expires_at.as_ref(), false));
            std::iter::once((&row.hash, row.expires_at.as_ref(), true)).chain(previous).map(
                move |(hash, expires_at, current)| KnownToken {
                    hash: hash.clone(),
                    expires_at: expires_at.map(|time| time.0),
                    access: access.clone(),
                    recorded: recorded(row, current),
                    last_used: last_used(before, hash),
                    current,
                },
            )
        })
        .collect()
}

fn access(key: &TenantKey, spec: &TokenSpec, suspended: bool, rules: &Arc<TenantRules>) -> Access {
    let may = |scope| spec.scope.is_empty() || spec.scope.contains(&scope);
    Access {
        tenant: key.clone(),
        token: spec.name.as_str().into(),
        users: may(TokenScope::Users),
        groups: may(TokenScope::Groups),
        read_only: spec.read_only,
        suspended,
        rules: Arc::clone(rules),
    }
}

fn recorded(row: &TokenStatus, current: bool) -> i64 {
    row.last_used_at.as_ref().filter(|_| current).map_or(NEVER, |time| time.0.as_second())
}

fn last_used(before: &[KnownToken], hash: &str) -> Arc<AtomicI64> {
    let same = before.iter().find(|token| token.hash == hash);
    same.map_or_else(|| Arc::new(AtomicI64::new(NEVER)), |token| Arc::clone(&token.last_used))
}
