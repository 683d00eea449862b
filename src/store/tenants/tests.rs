use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::api::{PreviousToken, ScimTenantSpec, ScimTenantStatus, TokenScope, TokenStatus};

const NOW: i64 = 1_800_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn token(seed: u8) -> Token {
    Token::from_bits([seed; 32])
}

fn row(name: &str, token: &Token) -> TokenStatus {
    TokenStatus { name: name.into(), hash: token.hash(), ..TokenStatus::default() }
}

fn tenant(specs: Vec<TokenSpec>, rows: Vec<TokenStatus>) -> ScimTenant {
    let mut tenant = ScimTenant::new("okta", ScimTenantSpec { tokens: specs, ..ScimTenantSpec::default() });
    tenant.metadata.namespace = Some("acme".into());
    tenant.status = Some(ScimTenantStatus { tokens: rows, ..ScimTenantStatus::default() });
    tenant
}

fn spec(name: &str) -> TokenSpec {
    TokenSpec { name: name.into(), ..TokenSpec::default() }
}

fn with(tenant: &ScimTenant) -> Tenants {
    let tenants = Tenants::default();
    tenants.apply(tenant);
    tenants
}

fn check(tenants: &Tenants, token: &Token) -> Option<Access> {
    tenants.authenticate("acme", "okta", token.reveal(), at(NOW))
}

#[test]
fn the_implied_token_may_do_everything() {
    let tenants = with(&tenant(vec![], vec![row("default", &token(1))]));
    let access = check(&tenants, &token(1)).unwrap();
    assert!(access.users && access.groups && !access.read_only && !access.suspended);
    assert_eq!(&*access.token, "default");
}

#[test]
fn another_token_is_refused() {
    let tenants = with(&tenant(vec![], vec![row("default", &token(1))]));
    assert_eq!(check(&tenants, &token(2)), None);
}

#[test]
fn a_token_opens_its_own_tenant_only() {
    let tenants = with(&tenant(vec![], vec![row("default", &token(1))]));
    assert_eq!(tenants.authenticate("acme", "entra", token(1).reveal(), at(NOW)), None);
    assert_eq!(tenants.authenticate("other", "okta", token(1).reveal(), at(NOW)), None);
}

#[test]
fn scope_and_read_only_come_from_the_spec() {
    let limited = TokenSpec { scope: vec![TokenScope::Users], read_only: true, ..spec("audit") };
    let tenants = with(&tenant(vec![limited], vec![row("audit", &token(1))]));
    let access = check(&tenants, &token(1)).unwrap();
    assert!(access.users && !access.groups && access.read_only);
}

#[test]
fn a_token_removed_from_the_spec_stops_before_its_row_is_gone() {
    let tenants = with(&tenant(vec![spec("b")], vec![row("a", &token(1)), row("b", &token(2))]));
    assert_eq!(check(&tenants, &token(1)), None);
    assert!(check(&tenants, &token(2)).is_some());
}

#[test]
fn a_token_stops_at_its_expiry() {
    let expiring = TokenStatus { expires_at: Some(Time(at(NOW))), ..row("default", &token(1)) };
    let tenants = with(&tenant(vec![], vec![expiring]));
    assert_eq!(check(&tenants, &token(1)), None);
    assert!(tenants.authenticate("acme", "okta", token(1).reveal(), at(NOW - 1)).is_some());
}

#[test]
fn a_rotated_token_works_until_its_own_expiry() {
    let previous = PreviousToken { hash: token(1).hash(), expires_at: Some(Time(at(NOW + 1))) };
    let rotated = TokenStatus { previous: Some(previous), ..row("default", &token(2)) };
    let tenants = with(&tenant(vec![], vec![rotated]));
    assert!(check(&tenants, &token(1)).is_some() && check(&tenants, &token(2)).is_some());
    assert_eq!(tenants.authenticate("acme", "okta", token(1).reveal(), at(NOW + 1)), None);
}

#[test]
fn a_tenant_that_is_being_deleted_lets_nobody_in() {
    let mut going = tenant(vec![], vec![row("default", &token(1))]);
    let tenants = with(&going);
    going.metadata.deletion_timestamp = Some(Time(at(NOW)));
    tenants.apply(&going);
    assert_eq!(check(&tenants, &token(1)), None);
}

#[test]
fn a_removed_tenant_lets_nobody_in() {
    let tenants = with(&tenant(vec![], vec![row("default", &token(1))]));
    tenants.remove(&TenantKey::new("acme", "okta"));
    assert_eq!(check(&tenants, &token(1)), None);
}

#[test]
fn a_suspended_tenant_still_knows_its_callers() {
    let mut suspended = tenant(vec![], vec![row("default", &token(1))]);
    suspended.spec.suspend = true;
    let tenants = with(&suspended);
    assert!(check(&tenants, &token(1)).unwrap().suspended);
    assert!(tenants.is_suspended(&TenantKey::new("acme", "okta")));
    tenants.remove(&TenantKey::new("acme", "okta"));
    assert!(!tenants.is_suspended(&TenantKey::new("acme", "okta")), "one that is gone is not suspended");
}

#[test]
fn the_first_use_is_due_at_once_and_a_shown_one_is_not() {
    let mut seen = tenant(vec![], vec![row("default", &token(1))]);
    let tenants = with(&seen);
    assert_eq!(tenants.due_uses(), vec![]);
    check(&tenants, &token(1));
    let due = Use { tenant: TenantKey::new("acme", "okta"), hash: token(1).hash(), at: at(NOW) };
    assert_eq!(tenants.due_uses(), vec![due]);
    seen.status.as_mut().unwrap().tokens[0].last_used_at = Some(Time(at(NOW)));
    tenants.apply(&seen);
    check(&tenants, &token(1));
    assert_eq!(tenants.due_uses(), vec![]);
}

#[test]
fn a_refused_token_leaves_no_use() {
    let expired = TokenStatus { expires_at: Some(Time(at(NOW))), ..row("default", &token(1)) };
    let tenants = with(&tenant(vec![], vec![expired]));
    check(&tenants, &token(1));
    assert_eq!(tenants.due_uses(), vec![]);
}

/// The tenant in a later version, with this token alone.
fn version(version: u64, token: &Token) -> ScimTenant {
    let mut tenant = tenant(vec![], vec![row("default", token)]);
    tenant.metadata.resource_version = Some(version.to_string());
    tenant
}

#[test]
fn an_older_version_that_comes_late_changes_nothing() {
    let tenants = with(&version(8, &token(2)));
    tenants.apply(&version(7, &token(1)));
    assert!(check(&tenants, &token(2)).is_some() && check(&tenants, &token(1)).is_none());
}

#[test]
fn what_was_read_before_a_tenant_was_deleted_does_not_bring_it_back() {
    let tenants = with(&version(7, &token(1)));
    let forgotten = tenants.forgotten();
    tenants.remove(&TenantKey::new("acme", "okta"));
    tenants.apply_read(&version(7, &token(1)), forgotten);
    assert_eq!(check(&tenants, &token(1)), None);
    tenants.apply_read(&version(9, &token(2)), tenants.forgotten());
    assert!(check(&tenants, &token(2)).is_some());
}
