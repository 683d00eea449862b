//! Rollcall pushes to third-party SCIM servers: what it changes there, what it leaves alone, what it sends.
//! Each test runs against scim2-server (strict) and SCIMMY (lenient), neither of them ours.

mod support;

use http::Method;
use rollcall::api::DeletionPolicy;
use rollcall::downstream::{Blame, Downstream as _, Had};
use rollcall_dev::peers;
use serde_json::json;

use support::app::{App, Shared, had, remote_ids};
use support::fault_proxy::{Fault, Seen};

static SCIM2_SERVER: Shared = Shared::new(peers::scim2_server);
static SCIMMY: Shared = Shared::new(peers::scimmy);

/// Runs each test against both servers.
macro_rules! against_both {
    ($($test:ident)*) => {
        mod scim2_server {
            $(#[tokio::test] async fn $test() { super::$test(super::App::start(&super::SCIM2_SERVER).await).await; })*
        }
        mod scimmy {
            $(#[tokio::test] async fn $test() { super::$test(super::App::start(&super::SCIMMY).await).await; })*
        }
    };
}

against_both! {
    a_new_user_is_created_with_everything_but_a_password
    a_user_who_is_as_wanted_costs_no_write
    a_changed_attribute_is_sent_alone
    an_attribute_that_is_gone_is_taken_away
    a_foreign_edit_of_a_user_is_repaired
    what_the_app_adds_to_a_user_is_left_alone
    an_existing_account_is_adopted_by_user_name
    an_account_that_was_created_meanwhile_is_adopted_on_409
    a_lost_answer_to_a_creation_makes_no_twin
    a_user_who_vanished_is_created_again
    a_deactivated_user_loses_access_and_can_return
    an_inactive_user_gets_no_account
    a_user_is_renamed
    a_revoked_user_is_kept_without_access_or_deleted
    revoking_a_user_who_is_gone_succeeds
    a_group_is_created_with_its_members
    one_more_of_300_members_sends_one_member
    one_less_of_300_members_sends_one_removal
    the_last_member_is_removed
    a_group_is_renamed_without_touching_its_members
    a_group_that_is_as_wanted_costs_no_write
    foreign_edits_of_a_group_are_repaired
    an_existing_group_is_adopted
    a_group_that_somebody_else_uses_is_left_alone
    a_group_that_vanished_is_created_again
    a_member_whom_the_app_does_not_have_is_left_out
    a_revoked_group_is_emptied_or_deleted
    foreign_users_and_groups_are_untouched
    a_memory_that_is_wrong_is_corrected
}

async fn a_new_user_is_created_with_everything_but_a_password(app: App) {
    let mut user = app.user("ada");
    user.document.insert("password".into(), "hunter2".into());
    user.document.insert("groups".into(), json!([{ "value": "x" }]));
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert!(has.changed);
    let shown = app.get(&format!("/Users/{}", has.remote_id.unwrap())).await;
    assert_eq!(shown["userName"], user.document["userName"]);
    assert_eq!(shown["externalId"], user.document["externalId"]);
    assert_eq!(shown["name"]["familyName"], "Lovelace");
    assert_eq!(shown["active"], true);
    let writes = app.proxy.writes();
    assert_eq!(methods(&writes), ["POST"]);
    assert_eq!(writes[0].body.get("password"), None);
    assert_eq!(writes[0].body.get("groups"), None);
    assert_eq!(writes[0].headers["content-type"], "application/scim+json");
    assert_eq!(writes[0].headers["user-agent"], concat!("rollcall/", env!("CARGO_PKG_VERSION")));
}

async fn a_user_who_is_as_wanted_costs_no_write(mut app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    for _ in 0..2 {
        app.proxy.seen();
        let again = app.scim.apply_user(&user, &had(&first)).await.unwrap();
        assert_eq!((again.changed, &again.remote_id), (false, &first.remote_id));
        assert_eq!(methods(&app.proxy.writes()), [""; 0]);
        app.restart();
    }
}

async fn a_changed_attribute_is_sent_alone(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    app.proxy.seen();
    user.document["name"]["familyName"] = "King".into();
    let has = app.scim.apply_user(&user, &had(&first)).await.unwrap();
    assert!(has.changed);
    let writes = app.proxy.writes();
    assert_eq!(methods(&writes), ["PATCH"]);
    let expected = json!([{ "op": "replace", "path": "name.familyName", "value": "King" }]);
    assert_eq!(writes[0].body["Operations"], expected);
    let shown = app.get(&format!("/Users/{}", has.remote_id.unwrap())).await;
    assert_eq!(shown["name"], json!({ "givenName": "Ada", "familyName": "King" }));
}

async fn an_attribute_that_is_gone_is_taken_away(app: App) {
    let mut user = app.user("ada");
    user.document.insert("title".into(), "Countess".into());
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    user.document.remove("title");
    assert!(app.scim.apply_user(&user, &had(&first)).await.unwrap().changed);
    let shown = app.get(&format!("/Users/{}", first.remote_id.unwrap())).await;
    assert_eq!(shown.get("title"), None);
}

async fn a_foreign_edit_of_a_user_is_repaired(app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    app.patch(&path, json!({ "op": "replace", "path": "active", "value": false })).await;
    app.patch(&path, json!({ "op": "replace", "path": "displayName", "value": "Mallory" })).await;
    assert!(app.scim.apply_user(&user, &had(&first)).await.unwrap().changed);
    let shown = app.get(&path).await;
    assert_eq!((&shown["active"], &shown["displayName"]), (&json!(true), &json!("Ada Lovelace")));
}

async fn what_the_app_adds_to_a_user_is_left_alone(app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    app.patch(&path, json!({ "op": "replace", "path": "locale", "value": "en-GB" })).await;
    assert!(!app.scim.apply_user(&user, &had(&first)).await.unwrap().changed);
    assert_eq!(app.get(&path).await["locale"], "en-GB");
}

async fn an_existing_account_is_adopted_by_user_name(app: App) {
    let user = app.user("ada");
    let theirs = app.create("Users", json!({ "userName": app.name("ada"), "active": false })).await;
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!(has.remote_id.as_ref(), Some(&theirs));
    let shown = app.get(&format!("/Users/{theirs}")).await;
    assert_eq!((&shown["active"], &shown["displayName"]), (&json!(true), &json!("Ada Lovelace")));
    assert!(methods(&app.proxy.writes()).iter().all(|method| method != "POST"));
}

async fn an_account_that_was_created_meanwhile_is_adopted_on_409(app: App) {
    let user = app.user("ada");
    let theirs = app.create("Users", json!({ "userName": app.name("ada") })).await;
    // The first search does not find it yet.
    app.proxy.fail(Fault::body(200, r#"{"totalResults":0,"Resources":[]}"#));
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!(has.remote_id, Some(theirs));
    let seen = app.proxy.seen();
    assert_eq!(methods(&seen)[..3], ["GET", "POST", "GET"]);
    assert!(seen[2].path.contains("filter=userName%20eq%20%22ada"), "{}", seen[2].path);
}

async fn a_lost_answer_to_a_creation_makes_no_twin(app: App) {
    let user = app.user("ada");
    app.proxy.fail_next(Method::POST, Fault::LoseAnswer);
    let error = app.scim.apply_user(&user, &Had::default()).await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    app.proxy.seen();
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert!(has.remote_id.is_some());
    assert_eq!(methods(&app.proxy.writes()), [""; 0]);
}

async fn a_user_who_vanished_is_created_again(app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let (status, _) = app.ask("DELETE", &format!("/Users/{}", first.remote_id.as_ref().unwrap()), None).await;
    assert_eq!(status, 204);
    let again = app.scim.apply_user(&user, &had(&first)).await.unwrap();
    assert!(again.changed);
    assert_ne!(again.remote_id, first.remote_id);
    assert_eq!(app.get(&format!("/Users/{}", again.remote_id.unwrap())).await["active"], true);
}

async fn a_deactivated_user_loses_access_and_can_return(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    app.proxy.seen();
    for active in [false, true] {
        user.active = active;
        let has = app.scim.apply_user(&user, &had(&first)).await.unwrap();
        assert_eq!(has.remote_id, first.remote_id);
        assert_eq!(app.get(&path).await["active"], active);
        let operations = &app.proxy.writes()[0].body["Operations"];
        assert_eq!(operations, &json!([{ "op": "replace", "path": "active", "value": active }]));
    }
}

async fn an_inactive_user_gets_no_account(app: App) {
    let mut user = app.user("ada");
    user.active = false;
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!((has.remote_id, has.changed), (None, false));
    assert_eq!(methods(&app.proxy.writes()), [""; 0]);
}

async fn a_user_is_renamed(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    user.document["userName"] = app.name("countess").into();
    let has = app.scim.apply_user(&user, &had(&first)).await.unwrap();
    assert_eq!(has.remote_id, first.remote_id);
    let shown = app.get(&format!("/Users/{}", has.remote_id.unwrap())).await;
    assert_eq!(shown["userName"], user.document["userName"]);
}

async fn a_revoked_user_is_kept_without_access_or_deleted(app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    let kept = app.scim.revoke_user(&user.id, &had(&first), DeletionPolicy::Retain).await.unwrap();
    assert_eq!((kept.changed, &kept.remote_id), (true, &first.remote_id));
    let shown = app.get(&path).await;
    assert_eq!((&shown["active"], &shown["displayName"]), (&json!(false), &json!("Ada Lovelace")));
    let again = app.scim.revoke_user(&user.id, &had(&kept), DeletionPolicy::Retain).await.unwrap();
    assert!(!again.changed);
    let gone = app.scim.revoke_user(&user.id, &had(&kept), DeletionPolicy::Delete).await.unwrap();
    assert_eq!((gone.changed, gone.remote_id), (true, None));
    assert_eq!(app.ask("GET", &path, None).await.0, 404);
}

async fn revoking_a_user_who_is_gone_succeeds(app: App) {
    let gone = Had { remote_id: Some("00000000-0000-4000-8000-000000000000".to_owned()) };
    for policy in [DeletionPolicy::Retain, DeletionPolicy::Delete] {
        let has = app.scim.revoke_user("our-id", &gone, policy).await.unwrap();
        assert_eq!((has.remote_id, has.changed), (None, false));
    }
}

async fn a_group_is_created_with_its_members(app: App) {
    let members = app.members_of(3).await;
    app.proxy.seen();
    let team = app.team("engineers", &members);
    let has = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    assert!(has.changed);
    assert_eq!(app.members(has.remote_id.as_ref().unwrap()).await, remote_ids(&members));
    assert_eq!(methods(&app.proxy.writes()), ["POST"]);
}

async fn one_more_of_300_members_sends_one_member(app: App) {
    let members = app.crowd().await;
    let first = app.scim.apply_team(&app.team("many", &members[..300]), &Had::default()).await.unwrap();
    let group = first.remote_id.clone().unwrap();
    assert_eq!(app.members(&group).await, remote_ids(&members[..300]));
    app.proxy.seen();
    app.scim.apply_team(&app.team("many", &members[..301]), &had(&first)).await.unwrap();
    let seen = app.proxy.seen();
    assert_eq!(methods(&seen), ["PATCH"]);
    let added = json!([{ "op": "add", "path": "members", "value": [{ "value": members[300].remote_id }] }]);
    assert_eq!(seen[0].body["Operations"], added);
    assert_eq!(app.members(&group).await, remote_ids(&members[..301]));
}

async fn one_less_of_300_members_sends_one_removal(mut app: App) {
    let members = app.crowd().await;
    let first = app.scim.apply_team(&app.team("many", members), &Had::default()).await.unwrap();
    app.restart();
    app.proxy.seen();
    app.scim.apply_team(&app.team("many", &members[1..]), &had(&first)).await.unwrap();
    let path = format!("members[value eq \"{}\"]", members[0].remote_id.as_ref().unwrap());
    let writes = app.proxy.writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].body["Operations"], json!([{ "op": "remove", "path": path }]));
    assert_eq!(app.members(first.remote_id.as_ref().unwrap()).await, remote_ids(&members[1..]));
    // Removing has been seen to work, so the next one is not looked at again.
    app.scim.apply_team(&app.team("many", &members[2..]), &had(&first)).await.unwrap();
    assert_eq!(methods(&app.proxy.seen()), ["PATCH"]);
    assert_eq!(app.members(first.remote_id.as_ref().unwrap()).await, remote_ids(&members[2..]));
}

async fn the_last_member_is_removed(app: App) {
    let members = app.members_of(1).await;
    let first = app.scim.apply_team(&app.team("one", &members), &Had::default()).await.unwrap();
    app.scim.apply_team(&app.team("one", &[]), &had(&first)).await.unwrap();
    assert_eq!(app.members(&first.remote_id.unwrap()).await, [""; 0]);
}

async fn a_group_is_renamed_without_touching_its_members(app: App) {
    let members = app.members_of(2).await;
    let mut team = app.team("old", &members);
    let first = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    app.proxy.seen();
    team.display_name = app.name("new");
    app.scim.apply_team(&team, &had(&first)).await.unwrap();
    let writes = app.proxy.writes();
    let renamed = json!([{ "op": "replace", "path": "displayName", "value": app.name("new") }]);
    assert_eq!(writes.iter().map(|seen| &seen.body["Operations"]).collect::<Vec<_>>(), [&renamed]);
    let group = first.remote_id.unwrap();
    assert_eq!(app.get(&format!("/Groups/{group}")).await["displayName"], app.name("new"));
    assert_eq!(app.members(&group).await, remote_ids(&members));
}

async fn a_group_that_is_as_wanted_costs_no_write(mut app: App) {
    let members = app.members_of(2).await;
    let team = app.team("same", &members);
    let first = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    for _ in 0..2 {
        app.proxy.seen();
        let again = app.scim.apply_team(&team, &had(&first)).await.unwrap();
        assert_eq!((again.changed, &again.remote_id), (false, &first.remote_id));
        assert_eq!(methods(&app.proxy.writes()), [""; 0]);
        app.restart();
    }
}

async fn foreign_edits_of_a_group_are_repaired(app: App) {
    let members = app.members_of(3).await;
    let team = app.team("drift", &members[..2]);
    let first = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    let group = first.remote_id.clone().unwrap();
    let path = format!("/Groups/{group}");
    app.patch(&path, json!({ "op": "replace", "path": "displayName", "value": app.name("hijacked") })).await;
    let theirs = json!([{ "value": members[1].remote_id }, { "value": members[2].remote_id }]);
    app.patch(&path, json!({ "op": "replace", "path": "members", "value": theirs })).await;
    assert!(app.scim.apply_team(&team, &had(&first)).await.unwrap().changed);
    assert_eq!(app.members(&group).await, remote_ids(&members[..2]));
    assert_eq!(app.get(&path).await["displayName"], app.name("drift"));
}

async fn an_existing_group_is_adopted(app: App) {
    let members = app.members_of(2).await;
    let theirs = json!([{ "value": members[0].remote_id }]);
    let group = app.create("Groups", json!({ "displayName": app.name("staff"), "members": theirs })).await;
    let has = app.scim.apply_team(&app.team("staff", &members[1..]), &Had::default()).await.unwrap();
    assert_eq!(has.remote_id.as_ref(), Some(&group));
    assert_eq!(app.members(&group).await, remote_ids(&members[1..]));
    assert_eq!(app.get(&format!("/Groups/{group}")).await["externalId"], app.team("staff", &[]).id);
}

async fn a_group_that_somebody_else_uses_is_left_alone(app: App) {
    let members = app.members_of(2).await;
    let theirs = json!([{ "value": members[0].remote_id }]);
    let name = app.name("theirs");
    let body = json!({ "displayName": name, "externalId": "another-tenant", "members": theirs });
    let group = app.create("Groups", body).await;
    app.proxy.seen();
    let error = app.scim.apply_team(&app.team("theirs", &members[1..]), &Had::default()).await.unwrap_err();
    assert_eq!(error.blame, Blame::Item);
    assert!(error.message.contains("somebody else's externalId"), "{error}");
    assert_eq!(methods(&app.proxy.writes()), [""; 0]);
    assert_eq!(app.members(&group).await, remote_ids(&members[..1]));
}

async fn a_group_that_vanished_is_created_again(app: App) {
    let members = app.members_of(2).await;
    let first = app.scim.apply_team(&app.team("gone", &members[..1]), &Had::default()).await.unwrap();
    let (status, _) =
        app.ask("DELETE", &format!("/Groups/{}", first.remote_id.as_ref().unwrap()), None).await;
    assert_eq!(status, 204);
    let again = app.scim.apply_team(&app.team("gone", &members), &had(&first)).await.unwrap();
    assert_ne!(again.remote_id, first.remote_id);
    assert_eq!(app.members(&again.remote_id.unwrap()).await, remote_ids(&members));
}

async fn a_member_whom_the_app_does_not_have_is_left_out(app: App) {
    let mut members = app.members_of(2).await;
    members[1].remote_id = None;
    let has = app.scim.apply_team(&app.team("partly", &members), &Had::default()).await.unwrap();
    assert_eq!(app.members(&has.remote_id.unwrap()).await, remote_ids(&members[..1]));
}

async fn a_revoked_group_is_emptied_or_deleted(app: App) {
    let members = app.members_of(2).await;
    let team = app.team("left", &members);
    let first = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    let group = first.remote_id.clone().unwrap();
    let kept = app.scim.revoke_team(&team.id, &had(&first), DeletionPolicy::Retain).await.unwrap();
    assert_eq!((kept.changed, &kept.remote_id), (true, &first.remote_id));
    assert_eq!(app.members(&group).await, [""; 0]);
    assert_eq!(app.get(&format!("/Groups/{group}")).await["displayName"], app.name("left"));
    assert!(!app.scim.revoke_team(&team.id, &had(&kept), DeletionPolicy::Retain).await.unwrap().changed);
    let gone = app.scim.revoke_team(&team.id, &had(&kept), DeletionPolicy::Delete).await.unwrap();
    assert_eq!((gone.changed, &gone.remote_id), (true, &None));
    assert_eq!(app.ask("GET", &format!("/Groups/{group}"), None).await.0, 404);
    // The answer to the deletion may have been lost: it is asked for again.
    assert!(!app.scim.revoke_team(&team.id, &had(&kept), DeletionPolicy::Delete).await.unwrap().changed);
}

async fn foreign_users_and_groups_are_untouched(app: App) {
    let user = app.create("Users", json!({ "userName": app.name("eve") })).await;
    let theirs = json!({ "displayName": app.name("evil"), "members": [{ "value": user }] });
    let group = app.create("Groups", theirs).await;
    let before = (app.get(&format!("/Users/{user}")).await, app.get(&format!("/Groups/{group}")).await);
    let members = app.members_of(2).await;
    let team = app.team("ours", &members);
    let has = app.scim.apply_team(&team, &Had::default()).await.unwrap();
    app.scim.revoke_team(&team.id, &had(&has), DeletionPolicy::Delete).await.unwrap();
    for member in &members {
        let had = Had { remote_id: member.remote_id.clone() };
        app.scim.revoke_user(&member.id, &had, DeletionPolicy::Delete).await.unwrap();
    }
    let after = (app.get(&format!("/Users/{user}")).await, app.get(&format!("/Groups/{group}")).await);
    assert_eq!(before, after);
}

async fn a_memory_that_is_wrong_is_corrected(app: App) {
    let members = app.members_of(3).await;
    let first = app.scim.apply_team(&app.team("moved", &members[..2]), &Had::default()).await.unwrap();
    let group = first.remote_id.clone().unwrap();
    let removed = format!("members[value eq \"{}\"]", members[0].remote_id.as_ref().unwrap());
    app.patch(&format!("/Groups/{group}"), json!({ "op": "remove", "path": removed })).await;
    // Something new of ours is sent as a difference; the next call brings nothing new, and compares.
    app.scim.apply_team(&app.team("moved", &members), &had(&first)).await.unwrap();
    assert!(app.scim.apply_team(&app.team("moved", &members), &had(&first)).await.unwrap().changed);
    assert_eq!(app.members(&group).await, remote_ids(&members));
}

fn methods(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.method.to_string()).collect()
}
