//! Users, pushed to servers of others.

use http::Method;
use rollcall::api::DeletionPolicy;
use rollcall::downstream::{Blame, Downstream as _, Had};
use serde_json::json;

use crate::support::app::{App, had};
use crate::support::fault_proxy::Fault;
use crate::{against_both, methods};

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
    let gone = Had { remote_id: Some("00000000-0000-4000-8000-000000000000".to_owned()), ..Had::default() };
    for policy in [DeletionPolicy::Retain, DeletionPolicy::Delete] {
        let has = app.scim.revoke_user("our-id", &gone, policy).await.unwrap();
        assert_eq!((has.remote_id, has.changed), (None, false));
    }
}
