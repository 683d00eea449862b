use std::cell::Cell;

use k8s_openapi::{ByteString, apimachinery::pkg::apis::meta::v1::Time};

use super::*;
use crate::{
    api::{PreviousToken, ScimTenantSpec, TokenRetention},
    store::Token,
};

const NOW: i64 = 1_800_000_000;
const ENDPOINT: &str = "https://scim.example.com/scim/acme/okta/v2";
const DAY: i64 = 86_400;

/// A tenant, its Secrets and a clock. Each round plans and does what was planned, as the executor would.
struct World {
    tenant: ScimTenant,
    secrets: BTreeMap<String, Secret>,
    now: i64,
    issued: Cell<u8>,
}

impl World {
    fn new(tokens: Vec<TokenSpec>) -> Self {
        let mut tenant = ScimTenant::new("okta", ScimTenantSpec { tokens, ..ScimTenantSpec::default() });
        tenant.metadata.namespace = Some("acme".into());
        tenant.metadata.uid = Some("uid-1".into());
        tenant.metadata.generation = Some(1);
        Self { tenant, secrets: BTreeMap::new(), now: NOW, issued: Cell::new(0) }
    }

    /// A tenant whose tokens are in their Secrets.
    fn settled(tokens: Vec<TokenSpec>) -> Self {
        let mut world = Self::new(tokens);
        world.settle();
        world
    }

    fn plan(&self) -> Plan {
        let found = secret_names(&self.tenant)
            .into_iter()
            .map(|name| (name.clone(), Found::classify(self.secrets.get(&name).cloned(), "uid-1")))
            .collect();
        let observed = Observed {
            tenant: &self.tenant,
            secrets: &found,
            endpoint: ENDPOINT,
            counts: None,
            shared: Some(&[]),
            failure: None,
            now: Timestamp::from_second(self.now).unwrap(),
        };
        let mut issue = || {
            self.issued.set(self.issued.get() + 1);
            Ok(token(self.issued.get()))
        };
        plan(&observed, &mut issue).unwrap()
    }

    /// Does the first `steps` steps of the plan: pin, remove, status, write, annotation.
    fn act(&mut self, plan: Plan, steps: usize) {
        let annotations = self.tenant.metadata.annotations.get_or_insert_default();
        if let Some(pin) = plan.pin {
            annotations.insert(names::ANNOTATION_ROTATE.into(), pin);
            return;
        }
        if steps > 0 {
            for secret in &plan.remove {
                self.secrets.remove(&name_of(secret));
            }
        }
        if steps > 1 {
            self.tenant.status = Some(plan.status);
        }
        if steps > 2 {
            for secret in plan.write {
                self.secrets.insert(name_of(&secret), secret);
            }
        }
        if steps > 3 && plan.rotation_done {
            annotations.remove(names::ANNOTATION_ROTATE);
        }
    }

    fn round(&mut self) {
        let plan = self.plan();
        self.act(plan, 4);
    }

    /// Until nothing is left to do.
    fn settle(&mut self) {
        for _ in 0..6 {
            self.round();
        }
        assert!(self.is_quiet(), "it never comes to rest");
    }

    fn is_quiet(&self) -> bool {
        let plan = self.plan();
        plan.pin.is_none()
            && plan.remove.is_empty()
            && plan.write.is_empty()
            && !plan.rotation_done
            && self.tenant.status == Some(plan.status)
    }

    fn rotate(&mut self, what: &str) {
        let annotations = self.tenant.metadata.annotations.get_or_insert_default();
        annotations.insert(names::ANNOTATION_ROTATE.into(), what.into());
    }

    fn row(&self, name: &str) -> TokenStatus {
        rows(&self.tenant).iter().find(|row| row.name == name).unwrap().clone()
    }

    fn data(&mut self, secret: &str) -> &mut BTreeMap<String, ByteString> {
        self.secrets.get_mut(secret).unwrap().data.get_or_insert_default()
    }

    /// The number of the token in this Secret, in the order of issue.
    fn carried(&self, secret: &str) -> Option<u8> {
        let text = self.secrets.get(secret)?.data.as_ref()?.get("token")?;
        (1..=self.issued.get()).find(|number| token(*number).reveal().as_bytes() == text.0)
    }

    fn condition(&self, type_: &str) -> (String, String) {
        let conditions = &self.tenant.status.as_ref().unwrap().conditions;
        let condition = conditions.iter().find(|condition| condition.type_ == type_).unwrap();
        (condition.status.clone(), condition.reason.clone())
    }

    fn use_now(&mut self) {
        let now = time(self.now);
        self.tenant.status.as_mut().unwrap().tokens[0].last_used_at = Some(now);
    }
}

fn token(number: u8) -> Token {
    Token::from_bits([number; 32])
}

fn time(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn named(name: &str) -> TokenSpec {
    TokenSpec { name: name.into(), ..TokenSpec::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "this is what the fields of a spec take")]
fn seconds(seconds: i64) -> Option<kube::core::Duration> {
    Some(std::time::Duration::from_secs(seconds.try_into().unwrap()).into())
}

fn says(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

#[test]
fn a_new_tenant_gets_one_token_named_default() {
    let world = World::settled(vec![]);
    assert_eq!(world.carried("okta-default"), Some(1));
    assert_eq!(world.row("default").hash, token(1).hash());
    assert_eq!(world.condition("Ready"), says("True", "Serving"));
    assert_eq!(world.condition("IdentityProviderConnected"), says("Unknown", "NoRequestYet"));
}

#[test]
fn a_tenant_is_not_ready_before_its_secret_is_seen() {
    let mut world = World::new(vec![]);
    world.round();
    assert_eq!(world.condition("Ready"), says("False", "IssuingTokens"));
    assert_eq!(world.condition("Reconciling"), says("True", "IssuingTokens"));
}

#[test]
fn each_listed_token_has_a_secret_of_its_own() {
    let world = World::settled(vec![named("a"), TokenSpec { secret_name: Some("b.d".into()), ..named("b") }]);
    assert_eq!((world.carried("okta-a"), world.carried("b.d")), (Some(1), Some(2)));
}

#[test]
fn a_death_after_any_step_ends_with_one_token_that_works() {
    for steps in 0..=4 {
        let mut world = World::new(vec![]);
        let plan = world.plan();
        world.act(plan, steps);
        world.settle();
        let carried = world.carried("okta-default").unwrap();
        assert_eq!(world.row("default").hash, token(carried).hash(), "after step {steps}");
        assert_eq!(world.row("default").previous, None);
    }
}

#[test]
fn a_deleted_secret_ends_its_token() {
    let mut world = World::settled(vec![]);
    world.secrets.clear();
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(2));
    assert_eq!(world.row("default").previous, None);
}

#[test]
fn an_edited_token_is_replaced_and_never_accepted() {
    for edit in [token(99).reveal(), "x", ""] {
        let mut world = World::settled(vec![]);
        world.data("okta-default").insert("token".into(), ByteString(edit.into()));
        world.settle();
        assert_eq!(world.row("default").hash, token(2).hash());
        assert_eq!(world.carried("okta-default"), Some(2));
        assert_eq!(world.row("default").previous, None);
    }
}

#[test]
fn an_edited_url_or_label_is_repaired_and_the_token_stays() {
    let mut world = World::settled(vec![]);
    world.data("okta-default").insert("url".into(), ByteString(b"http://elsewhere".into()));
    world.secrets.get_mut("okta-default").unwrap().metadata.labels = None;
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(1));
    assert_eq!(world.data("okta-default")["url"].0, ENDPOINT.as_bytes());
}

#[test]
fn a_foreign_secret_is_never_written() {
    let mut world = World::new(vec![]);
    let foreign =
        Secret { data: Some([("token".into(), ByteString(b"x".into()))].into()), ..Secret::default() };
    world.secrets.insert("okta-default".into(), foreign.clone());
    world.settle();
    assert_eq!(world.secrets["okta-default"], foreign);
    assert_eq!(world.issued.get(), 0);
    assert_eq!(world.condition("Ready"), says("False", "SecretNotOwned"));
    assert_eq!(world.condition("Stalled"), says("True", "SecretNotOwned"));
}

#[test]
fn a_secret_that_became_foreign_ends_its_token() {
    let mut world = World::settled(vec![]);
    world.secrets.get_mut("okta-default").unwrap().metadata.owner_references = None;
    world.settle();
    assert_eq!(rows(&world.tenant), []);
    assert_eq!(world.carried("okta-default"), Some(1), "the Secret itself is left alone");
}

#[test]
fn a_token_whose_new_secret_is_foreign_keeps_working_in_the_old_one() {
    let mut world = World::settled(vec![]);
    world.secrets.insert("taken".into(), Secret::default());
    world.tenant.spec.tokens = vec![TokenSpec { secret_name: Some("taken".into()), ..named("default") }];
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(1));
    assert_eq!(world.row("default").secret_name, "okta-default");
    assert_eq!(world.condition("Ready"), says("False", "SecretNotOwned"));
}

#[test]
fn a_token_that_left_the_spec_loses_secret_and_row() {
    let mut world = World::settled(vec![named("a"), named("b")]);
    world.tenant.spec.tokens = vec![named("b")];
    world.settle();
    assert!(!world.secrets.contains_key("okta-a"));
    assert_eq!(rows(&world.tenant).iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_renamed_secret_gets_a_new_token_and_the_old_one_goes() {
    let mut world = World::settled(vec![]);
    world.tenant.spec.tokens = vec![TokenSpec { secret_name: Some("idp".into()), ..named("default") }];
    world.settle();
    assert_eq!((world.carried("idp"), world.secrets.contains_key("okta-default")), (Some(2), false));
    assert_eq!(world.row("default").previous, None);
}

#[test]
fn two_tokens_may_swap_their_secrets() {
    let at = |name: &str, secret: &str| TokenSpec { secret_name: Some(secret.into()), ..named(name) };
    let mut world = World::settled(vec![at("a", "x"), at("b", "y")]);
    world.tenant.spec.tokens = vec![at("a", "y"), at("b", "x")];
    world.settle();
    assert_eq!((world.carried("y"), world.carried("x")), (Some(3), Some(4)));
}

#[test]
fn two_tokens_that_want_one_secret_are_reported() {
    let at = |name: &str| TokenSpec { secret_name: Some("x".into()), ..named(name) };
    let world = World::settled(vec![at("a"), at("b")]);
    assert_eq!(world.row("a").hash, token(1).hash());
    assert_eq!(rows(&world.tenant).len(), 1);
    assert_eq!(world.condition("Stalled"), says("True", "SecretNameTaken"));
}

#[test]
fn a_secret_name_that_is_a_path_is_refused() {
    let world = World::settled(vec![TokenSpec { secret_name: Some("../configmaps/x".into()), ..named("a") }]);
    assert_eq!(world.condition("Stalled"), says("True", "InvalidSecretName"));
    assert!(world.secrets.is_empty());
}

#[test]
fn a_rotation_keeps_the_old_token_for_a_day() {
    let mut world = World::settled(vec![]);
    world.rotate("default");
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(2));
    let previous = PreviousToken { hash: token(1).hash(), expires_at: Some(time(NOW + DAY)) };
    assert_eq!(world.row("default").previous, Some(previous));
    assert_eq!(world.tenant.metadata.annotations, Some(BTreeMap::new()));
    assert_eq!(world.condition("Ready"), says("True", "Serving"));
}

#[test]
fn a_rotation_that_dies_after_any_step_rotates_once() {
    for steps in 0..=4 {
        let mut world = World::settled(vec![]);
        world.rotate("*");
        world.round();
        let plan = world.plan();
        world.act(plan, steps);
        world.settle();
        let row = world.row("default");
        assert_eq!(
            row.previous.unwrap().hash,
            token(1).hash(),
            "the token in use still works after step {steps}"
        );
        assert_eq!(row.hash, token(world.carried("okta-default").unwrap()).hash());
        assert_eq!(world.tenant.metadata.annotations, Some(BTreeMap::new()));
    }
}

#[test]
fn a_rotated_token_never_outlives_its_own_expiry() {
    let mut world = World::settled(vec![TokenSpec { expires_after: seconds(100), ..named("default") }]);
    world.now += 40;
    world.rotate("default");
    world.settle();
    assert_eq!(world.row("default").previous.unwrap().expires_at, Some(time(NOW + 100)));
    assert_eq!(world.row("default").expires_at, Some(time(NOW + 140)));
}

#[test]
fn an_old_token_is_dropped_once_its_overlap_is_over() {
    let mut world = World::settled(vec![TokenSpec { rotation_overlap: seconds(10), ..named("default") }]);
    world.rotate("default");
    world.settle();
    world.now += 10;
    world.settle();
    assert_eq!(world.row("default").previous, None);
}

#[test]
fn an_overlap_of_zero_keeps_nothing() {
    let mut world = World::settled(vec![TokenSpec { rotation_overlap: seconds(0), ..named("default") }]);
    world.rotate("default");
    world.settle();
    assert_eq!((world.row("default").hash, world.row("default").previous), (token(2).hash(), None));
}

#[test]
fn rotating_an_unknown_token_says_so_and_takes_the_annotation_away() {
    let mut world = World::settled(vec![]);
    world.rotate("nobody");
    assert_eq!(world.plan().notes, vec![Note::NothingToRotate]);
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(1));
    assert_eq!(world.tenant.metadata.annotations, Some(BTreeMap::new()));
}

#[test]
fn an_expired_token_makes_the_tenant_unready_until_it_is_rotated() {
    let mut world = World::settled(vec![TokenSpec { expires_after: seconds(10), ..named("default") }]);
    world.now += 10;
    world.settle();
    assert_eq!(world.condition("Ready"), says("False", "TokenExpired"));
    world.rotate("default");
    world.settle();
    assert_eq!(world.condition("Ready"), says("True", "Serving"));
    assert_eq!(world.row("default").previous, None);
}

#[test]
fn a_token_expires_soon_in_its_last_seven_days() {
    let mut world = World::settled(vec![TokenSpec { expires_after: seconds(8 * DAY), ..named("default") }]);
    assert_eq!(world.condition("TokensExpiring"), says("False", "NoneExpiresSoon"));
    world.now += DAY + 1;
    world.settle();
    assert_eq!(world.condition("TokensExpiring"), says("True", "ExpiresSoon"));
    assert_eq!(world.condition("Ready"), says("True", "Serving"));
}

#[test]
fn a_changed_life_counts_from_the_issue() {
    let mut world = World::settled(vec![]);
    world.now += 50;
    world.tenant.spec.tokens = vec![TokenSpec { expires_after: seconds(100), ..named("default") }];
    world.settle();
    assert_eq!(world.row("default").expires_at, Some(time(NOW + 100)));
    assert_eq!(world.carried("okta-default"), Some(1));
}

#[test]
fn a_token_is_taken_out_after_its_first_use_where_asked() {
    let once = TokenSpec { retention: Some(TokenRetention::UntilFirstUse), ..named("default") };
    let mut world = World::settled(vec![once]);
    assert_eq!(world.carried("okta-default"), Some(1), "before the first use");
    world.use_now();
    world.settle();
    assert_eq!(world.data("okta-default").get("token"), None);
    assert_eq!(world.data("okta-default")["hash"].0, token(1).hash().as_bytes());
    assert_eq!((world.issued.get(), world.condition("Ready")), (1, says("True", "Serving")));
}

#[test]
fn a_token_that_was_taken_out_can_be_rotated() {
    let once = TokenSpec { retention: Some(TokenRetention::UntilFirstUse), ..named("default") };
    let mut world = World::settled(vec![once]);
    world.use_now();
    world.settle();
    world.rotate("default");
    world.settle();
    assert_eq!(world.carried("okta-default"), Some(2));
    assert_eq!(world.row("default").previous.unwrap().hash, token(1).hash());
    assert_eq!(world.data("okta-default").get("hash"), None);
}

#[test]
fn connected_once_is_connected_even_after_a_rotation() {
    let mut world = World::settled(vec![]);
    world.use_now();
    world.settle();
    assert_eq!(world.condition("IdentityProviderConnected"), says("True", "RequestReceived"));
    world.rotate("default");
    world.settle();
    assert_eq!(world.row("default").last_used_at, None);
    assert_eq!(world.condition("IdentityProviderConnected"), says("True", "RequestReceived"));
}

#[test]
fn a_suspended_tenant_is_not_ready() {
    let mut world = World::settled(vec![]);
    world.tenant.spec.suspend = true;
    world.settle();
    assert_eq!(world.condition("Ready"), says("False", "Suspended"));
}

#[test]
fn every_condition_follows_the_generation() {
    let mut world = World::settled(vec![]);
    world.tenant.metadata.generation = Some(7);
    world.settle();
    let status = world.tenant.status.unwrap();
    assert_eq!(status.observed_generation, Some(7));
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(7)));
}
