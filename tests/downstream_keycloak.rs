//! Rollcall pushes to Keycloak: a product with a database behind, which takes no members with a new group, shows
//! members on request only, and writes names in lower case. One story in one test: the server is heavy.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rollcall::api::DeletionPolicy;
use rollcall::downstream::{Downstream as _, Had, Has, MemberView};
use rollcall_dev::peers;
use serde_json::json;

use support::app::{App, Shared, had, remote_ids};

static KEYCLOAK: Shared = Shared::new(peers::keycloak);

#[tokio::test]
async fn users_and_teams_arrive_change_and_go() {
    let mut app = App::start(&KEYCLOAK).await;
    users(&mut app).await;
    groups(&mut app).await;
}

async fn users(app: &mut App) {
    let mut user = app.user("Ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    assert_eq!(app.get(&path).await["name"]["familyName"], "Lovelace");

    assert!(!app.scim.apply_user(&user, &had(&first)).await.unwrap().changed, "nothing has changed");

    user.document["name"]["familyName"] = "King".into();
    user.document["emails"][0]["value"] = "Countess@example.com".into();
    assert!(app.scim.apply_user(&user, &had(&first)).await.unwrap().changed);
    assert_eq!(app.get(&path).await["name"]["familyName"], "King");
    assert!(
        !app.scim.apply_user(&user, &had(&first)).await.unwrap().changed,
        "an address in lower case is no drift"
    );

    app.patch(&path, json!({ "op": "replace", "path": "name.familyName", "value": "Mallory" })).await;
    assert!(app.scim.apply_user(&user, &had(&first)).await.unwrap().changed);
    assert_eq!(app.get(&path).await["name"]["familyName"], "King", "a foreign edit is repaired");

    app.restart();
    let adopted = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!(adopted.remote_id, first.remote_id, "an existing account is adopted");

    let kept = app.scim.revoke_user(&user.id, &had(&first), DeletionPolicy::Retain).await.unwrap();
    assert_eq!(app.get(&path).await["active"], false);
    let gone = app.scim.revoke_user(&user.id, &had(&kept), DeletionPolicy::Delete).await.unwrap();
    assert_eq!((gone.remote_id, gone.changed), (None, true));
    assert_eq!(app.ask("GET", &path, None).await.0, 404);
    assert!(!app.scim.revoke_user(&user.id, &had(&kept), DeletionPolicy::Delete).await.unwrap().changed);
}

async fn groups(app: &mut App) {
    let members = app.members_of(130).await;
    let first = app.scim.apply_team(&app.team("engineers", &members[..128]), &Had::default()).await.unwrap();
    has_exactly(app, &first, &members[..128]).await;

    app.proxy.seen();
    app.scim.apply_team(&app.team("engineers", &members[..129]), &had(&first)).await.unwrap();
    let writes = app.proxy.writes();
    let added = json!([{ "op": "add", "path": "members", "value": [{ "value": members[128].remote_id }] }]);
    assert_eq!(writes.iter().map(|seen| &seen.body["Operations"]).collect::<Vec<_>>(), [&added]);
    has_exactly(app, &first, &members[..129]).await;

    app.scim.apply_team(&app.team("engineers", &members[1..129]), &had(&first)).await.unwrap();
    has_exactly(app, &first, &members[1..129]).await;

    let group = format!("/Groups/{}", first.remote_id.as_ref().unwrap());
    let stranger = json!({ "op": "add", "path": "members", "value": [{ "value": members[129].remote_id }] });
    app.patch(&group, stranger).await;
    app.restart();
    let mut team = app.team("engineers", &members[1..129]);
    team.display_name = app.name("developers");
    app.scim.apply_team(&team, &had(&first)).await.unwrap();
    has_exactly(app, &first, &members[1..129]).await;
    assert_eq!(app.get(&group).await["displayName"], app.name("developers"));
    assert!(!app.scim.apply_team(&team, &had(&first)).await.unwrap().changed);

    app.scim.revoke_team(&team.id, &had(&first), DeletionPolicy::Retain).await.unwrap();
    has_exactly(app, &first, &[]).await;
    app.scim.revoke_team(&team.id, &had(&first), DeletionPolicy::Delete).await.unwrap();
    assert_eq!(app.ask("GET", &group, None).await.0, 404);
}

async fn has_exactly(app: &App, group: &Has, members: &[MemberView]) {
    assert_eq!(app.members(group.remote_id.as_ref().unwrap()).await, remote_ids(members));
}
