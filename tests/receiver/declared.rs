//! A name that people declared and nobody has claimed: no controllers run here.

use kube::{Api, api::PostParams};
use rollcall::api::{Team, TeamSpec, TenantRef, User, UserSpec};
use serde_json::{Value, json};

use crate::{answer, ask, endpoint::Endpoint, support::Receiver};

async fn send(tenant: &Endpoint, method: &str, path: &str, body: Value) -> (u16, Value) {
    let response = answer(ask(method, tenant, path).bearer_auth(&tenant.token).json(&body)).await;
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_declared_name_is_taken_before_it_is_claimed() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let name = tenant.url.trim_end_matches("/v2").rsplit('/').next().unwrap();
    let tenant_ref = TenantRef { name: name.to_owned() };
    let user = UserSpec {
        tenant_ref: tenant_ref.clone(),
        user_name: "ada@example.com".to_owned(),
        active: true,
        ..UserSpec::default()
    };
    let team = TeamSpec { tenant_ref, display_name: "Ops".to_owned(), ..TeamSpec::default() };
    let users: Api<User> = receiver.api();
    let teams: Api<Team> = receiver.api();
    users.create(&PostParams::default(), &User::new("ada", user)).await.unwrap();
    teams.create(&PostParams::default(), &Team::new("ops", team)).await.unwrap();
    for path in ["/Users/ada", "/Groups/ops"] {
        receiver.until(|| async { send(&tenant, "GET", path, Value::Null).await.0 == 200 }).await;
    }

    let other = send(&tenant, "POST", "/Users", json!({"userName": "grace@example.com"})).await.1;
    let other = format!("/Users/{}", other["id"].as_str().unwrap());
    for (method, path, body) in [
        ("POST", "/Users", json!({"userName": "ADA@example.com"})),
        ("PUT", &other, json!({"userName": "Ada@example.com"})),
        ("POST", "/Groups", json!({"displayName": "OPS"})),
    ] {
        let (status, error) = send(&tenant, method, path, body).await;
        assert_eq!((status, &error["scimType"]), (409, &json!("uniqueness")), "{method} {path}");
    }
    receiver.stop().await;
}
