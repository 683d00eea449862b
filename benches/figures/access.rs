//! How soon access follows: from a request of the identity provider until the API server answers otherwise.

use std::time::{Duration, Instant};

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{Api, api::PostParams};
use rollcall::api::{DownstreamApp, DownstreamAppSpec};
use serde_json::json;

use crate::{
    load::Failure,
    people::{add, patch},
    system::{BARE, System, Tenant, eventually},
    table::Table,
};

/// How often somebody loses access and gets it back.
const ROUNDS: usize = 20;

/// As the chart is told.
const PREFIX: &str = "okta:";

pub async fn measure(table: &mut Table, system: &System) -> Result<(), Failure> {
    let started = Instant::now();
    let tenant = system.tenant("access").await?;
    table.at_most("a new tenant until its token is accepted", 2.0, started.elapsed().as_secs_f64(), "s");
    tenant.create(0..1).await?;
    let ada = tenant.ids("/Users").await?.remove(0);
    team_of(&tenant, &ada).await?;
    let app = DownstreamApp::new(
        "cluster",
        serde_json::from_value::<DownstreamAppSpec>(json!({
            "tenantRef": { "name": "access" },
            "rbac": {
                "subjects": { "prefix": PREFIX },
                "grants": [{
                    "team": "Platform",
                    "roleRef": { "kind": "ClusterRole", "name": "view" },
                    "namespaces": [BARE],
                }],
            },
        }))?,
    );
    system.api::<DownstreamApp>().create(&PostParams::default(), &app).await?;
    eventually("the app lets her in", || async { may_view(system).await.then_some(()) }).await;
    let (mut lost, mut got) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        lost.push(until(system, &tenant, &ada, false).await?);
        got.push(until(system, &tenant, &ada, true).await?);
    }
    for (figure, mut times) in [("a deactivation", lost), ("an activation", got)] {
        times.sort_unstable();
        let longest = times.last().copied().unwrap_or_default();
        let figure = format!("{figure} until Kubernetes decides so, the longest of {ROUNDS}");
        table.at_most(&figure, 5.0, longest.as_secs_f64(), "s");
        table.note("  half of them take", times[times.len() / 2].as_secs_f64() * 1e3, "ms");
    }
    Ok(())
}

async fn team_of(tenant: &Tenant, member: &str) -> Result<(), Failure> {
    let team = json!({ "displayName": "Platform" }).to_string();
    tenant.server.load(1, 1, |_| tenant.ask("POST", "/Groups", team.clone())).await?.all(201);
    let team = format!("/Groups/{}", tenant.ids("/Groups").await?.remove(0));
    let join = |_| tenant.ask("PATCH", &team, add(std::iter::once(member)));
    tenant.server.load(1, 1, join).await?.all(204);
    Ok(())
}

/// Sets `active`, and waits until Kubernetes decides accordingly.
async fn until(system: &System, tenant: &Tenant, user: &str, active: bool) -> Result<Duration, Failure> {
    let operation = json!({ "op": "replace", "path": "active", "value": active });
    let patch = |_| tenant.ask("PATCH", &format!("/Users/{user}"), patch(&operation));
    let started = Instant::now();
    tenant.server.load(1, 1, patch).await?.all(200);
    eventually("access follows", || async { (may_view(system).await == active).then_some(()) }).await;
    Ok(started.elapsed())
}

/// What the API server itself says.
async fn may_view(system: &System) -> bool {
    let asked = ResourceAttributes {
        verb: Some("get".to_owned()),
        resource: Some("pods".to_owned()),
        namespace: Some(BARE.to_owned()),
        ..ResourceAttributes::default()
    };
    let user = Some(format!("{PREFIX}person0@example.com"));
    let spec = SubjectAccessReviewSpec {
        user,
        resource_attributes: Some(asked),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let reviews: Api<SubjectAccessReview> = Api::all(system.client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.ok().and_then(|it| it.status).is_some_and(|status| status.allowed)
}
