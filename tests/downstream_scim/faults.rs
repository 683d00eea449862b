//! What Rollcall says and does when an app misbehaves: whose fault it is, how long to wait, and that it recovers. The
//! server behind the proxy is a third party's; only the fault is made up.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use http::Method;
use rollcall::api::{DeletionPolicy, ScimTarget};
use rollcall::downstream::scim::{BearerToken, ScimApp, ScimOptions};
use rollcall::downstream::{ApplyError, Blame, Downstream as _, Fence, Had};
use serde_json::json;

use crate::SCIM2_SERVER;
use crate::support::app::{App, client_of, client_that_waits, had, remote_ids};
use crate::support::fault_proxy::Fault;

#[tokio::test]
async fn what_concerns_every_item_is_the_app_s_fault() {
    let app = App::start(&SCIM2_SERVER).await;
    let faults = [
        (Fault::status(401), "refuses our token"),
        (Fault::status(403), "refuses our token"),
        (Fault::status(429), "429"),
        (Fault::status(500), "500"),
        (Fault::status(503), "503"),
        (Fault::body(200, "<html>welcome</html>"), "not a JSON object"),
        (Fault::body(200, &"x".repeat(33 * 1024 * 1024)), "more than 32 MiB"),
        (Fault::body(302, ""), "redirects"),
        (Fault::Drop, "broke the connection off"),
    ];
    for (fault, says) in faults {
        app.proxy.fail(fault);
        let error = app.scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap_err();
        assert_eq!(error.blame, Blame::App, "{says}: {error}");
        assert!(error.message.contains(says), "{says}: {error}");
        assert_eq!(app.proxy.writes().len(), 0, "{says}");
    }
    app.scim.probe().await.unwrap();
    assert!(app.scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap().changed);
}

#[tokio::test]
async fn an_app_that_says_nothing_is_at_fault() {
    let app = App::start(&SCIM2_SERVER).await;
    app.proxy.fail(Fault::Hang);
    let scim = client_that_waits(Duration::from_secs(1), &app.proxy.base_url(), &app.peer.token);
    let error = scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap_err();
    assert_eq!(error.blame, Blame::App, "{error}");
    assert!(error.message.contains("did not answer in time"), "{error}");
}

#[tokio::test]
async fn the_wait_that_the_app_asks_for_is_passed_on() {
    let app = App::start(&SCIM2_SERVER).await;
    let wait = async |fault: Fault| {
        app.proxy.fail(fault);
        app.scim.probe().await.unwrap_err().retry_after
    };
    assert_eq!(wait(Fault::retry_after(429, "120")).await, Some(Duration::from_mins(2)));
    assert_eq!(
        wait(Fault::retry_after(503, "Thu, 01 Jan 2099 00:00:00 GMT")).await,
        Some(Duration::from_hours(24))
    );
    assert_eq!(wait(Fault::retry_after(503, "Thu, 01 Jan 1970 00:00:00 GMT")).await, Some(Duration::ZERO));
    assert_eq!(wait(Fault::status(503)).await, None);
}

#[tokio::test]
async fn what_the_app_rejects_is_the_item_s_fault_with_the_reason() {
    let app = App::start(&SCIM2_SERVER).await;
    for status in [400, 409, 413, 422] {
        let detail = json!({ "detail": format!("no\nway {}", "x".repeat(500)) }).to_string();
        app.proxy.fail_next(Method::POST, Fault::body(status, &detail));
        let error = app.scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap_err();
        assert_eq!(error.blame, Blame::Item, "{error}");
        assert!(error.message.contains("no way xxx"), "{error}");
        assert!(error.message.len() < 400, "{error}");
    }
}

#[tokio::test]
async fn an_app_that_is_not_there_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client_of(&format!("http://{closed}/v2"), "token").probe().await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(error.message.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_wrong_url_revokes_nothing_by_mistake() {
    let app = App::start(&SCIM2_SERVER).await;
    let wrong = client_of(&format!("{}/nowhere", app.peer.base_url), &app.peer.token);
    let had = Had { remote_id: Some("7".to_owned()), ..Had::default() };
    for policy in [DeletionPolicy::Retain, DeletionPolicy::Delete] {
        for error in [
            wrong.revoke_user("our-id", &had, policy).await.unwrap_err(),
            wrong.revoke_team("our-id", &had, policy).await.unwrap_err(),
        ] {
            assert_eq!(error.blame, Blame::App, "{error}");
            assert!(error.message.contains("no SCIM service"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_and_not_shown() {
    let app = App::start(&SCIM2_SERVER).await;
    let secret = "a-secret-that-is-wrong";
    let scim = client_of(&app.proxy.base_url(), secret);
    let error = scim.probe().await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(error.message.contains("refuses our token (401)"), "{error}");
    assert!(!format!("{error:?} {scim:?}").contains(secret));
}

#[tokio::test]
async fn a_token_that_the_app_echoes_is_taken_out() {
    let app = App::start(&SCIM2_SERVER).await;
    let token = &app.peer.token;
    let echo = json!({ "detail": format!("bad header Bearer {token}") }).to_string();
    app.proxy.fail_next(Method::POST, Fault::body(400, &echo));
    let error = app.scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap_err();
    assert!(error.message.contains("bad header Bearer [token]"), "{error}");
}

#[tokio::test]
async fn a_membership_change_whose_answer_is_lost_converges() {
    let app = App::start(&SCIM2_SERVER).await;
    let members = app.members_of(3).await;
    let first = app.scim.apply_team(&app.team("lost", &members[..2]), &Had::default()).await.unwrap();
    let team = app.team("lost", &members[1..]);
    app.proxy.fail_next(Method::PATCH, Fault::LoseAnswer);
    assert_eq!(app.scim.apply_team(&team, &had(&first)).await.unwrap_err().blame, Blame::App);
    app.scim.apply_team(&team, &had(&first)).await.unwrap();
    assert_eq!(app.members(&first.remote_id.unwrap()).await, remote_ids(&members[1..]));
}

#[tokio::test]
async fn where_a_patch_is_refused_a_user_is_put() {
    let app = App::start(&SCIM2_SERVER).await;
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    app.patch(&path, json!({ "op": "replace", "path": "locale", "value": "en-GB" })).await;
    for (status, name) in [(501, "Byron"), (405, "King"), (400, "Lovelace")] {
        user.document["name"]["familyName"] = name.into();
        app.proxy.fail_next(Method::PATCH, Fault::status(status));
        app.scim.apply_user(&user, &had(&first)).await.unwrap();
        let shown = app.get(&path).await;
        assert_eq!((&shown["name"]["familyName"], &shown["locale"]), (&json!(name), &json!("en-GB")));
    }
}

#[tokio::test]
async fn a_deactivation_that_has_no_effect_is_done_otherwise_or_reported() {
    let app = App::start(&SCIM2_SERVER).await;
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let path = format!("/Users/{}", first.remote_id.as_ref().unwrap());
    user.active = false;
    // The app says yes to the PATCH and does nothing; a PUT helps.
    app.proxy.fail_next(Method::PATCH, Fault::body(200, ""));
    app.scim.apply_user(&user, &had(&first)).await.unwrap();
    assert_eq!(app.get(&path).await["active"], false);

    app.patch(&path, json!({ "op": "replace", "path": "active", "value": true })).await;
    app.proxy.fail_next(Method::PATCH, Fault::body(200, ""));
    app.proxy.fail_next(Method::PUT, Fault::body(200, ""));
    let error = app.scim.apply_user(&user, &had(&first)).await.unwrap_err();
    assert_eq!(error.blame, Blame::Item);
    assert!(error.message.contains("still active"), "{error}");
}

#[tokio::test]
async fn where_filtered_removal_is_refused_or_ignored_the_whole_list_is_sent() {
    for fault in [Fault::status(400), Fault::status(501), Fault::body(200, "")] {
        let app = App::start(&SCIM2_SERVER).await;
        let members = app.members_of(3).await;
        let first = app.scim.apply_team(&app.team("stubborn", &members), &Had::default()).await.unwrap();
        app.proxy.fail_next(Method::PATCH, fault.clone());
        app.proxy.seen();
        app.scim.apply_team(&app.team("stubborn", &members[1..]), &had(&first)).await.unwrap();
        let group = first.remote_id.unwrap();
        assert_eq!(app.members(&group).await, remote_ids(&members[1..]), "{fault:?}");
        let writes = app.proxy.writes();
        assert_eq!(writes.last().unwrap().body["Operations"][0]["op"], "replace", "{fault:?}");
    }
}

#[tokio::test]
async fn an_app_that_takes_no_members_with_a_new_group_gets_them_afterwards() {
    let app = App::start(&SCIM2_SERVER).await;
    let members = app.members_of(2).await;
    for name in ["first", "second"] {
        // As Keycloak does; learned from the first group, so that the second is created empty at once.
        if name == "first" {
            app.proxy.fail_next(Method::POST, Fault::status(400));
        }
        app.proxy.seen();
        let has = app.scim.apply_team(&app.team(name, &members), &Had::default()).await.unwrap();
        assert_eq!(app.members(&has.remote_id.unwrap()).await, remote_ids(&members));
        let writes = app.proxy.writes();
        assert_eq!(writes.last().unwrap().body["Operations"][0]["op"], "add");
        assert_eq!(writes.len(), if name == "first" { 3 } else { 2 });
    }
}

#[tokio::test]
async fn an_id_that_leads_elsewhere_is_never_asked_for() {
    let app = App::start(&SCIM2_SERVER).await;
    for id in ["", ".", "..", "../Groups/7", "..\\Groups", "x/../../Groups"] {
        let had = Had { remote_id: Some(id.to_owned()), ..Had::default() };
        for error in [
            app.scim.apply_user(&app.user("ada"), &had).await.unwrap_err(),
            app.scim.revoke_user("our-id", &had, DeletionPolicy::Delete).await.unwrap_err(),
            app.scim.apply_team(&app.team("t", &[]), &had).await.unwrap_err(),
            app.scim.revoke_team("our-id", &had, DeletionPolicy::Delete).await.unwrap_err(),
        ] {
            assert_eq!(error.blame, Blame::Item, "{id:?}");
        }
    }
    assert_eq!(app.proxy.seen().len(), 0);
    // Escaped once more, this is one segment: an id that nobody has.
    let had = Had { remote_id: Some("..%2f..%2fGroups".to_owned()), ..Had::default() };
    app.scim.revoke_user("our-id", &had, DeletionPolicy::Delete).await.unwrap();
    assert!(app.proxy.seen()[0].path.ends_with("/Users/..%252f..%252fGroups"));
}

#[tokio::test]
async fn an_id_from_the_app_that_leads_elsewhere_is_not_kept() {
    let app = App::start(&SCIM2_SERVER).await;
    app.proxy.fail_next(Method::POST, Fault::body(201, r#"{"id":"../Groups/7","userName":"ada"}"#));
    let error = app.scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap_err();
    assert_eq!(error.blame, Blame::Item);
}

#[tokio::test]
async fn addresses_that_only_this_machine_can_reach_are_refused() {
    let new = |url: &str, allow_loopback| -> Result<ScimApp, ApplyError> {
        let target = ScimTarget { url: url.to_owned(), ..ScimTarget::default() };
        ScimApp::new(
            &target,
            BearerToken::new("token").unwrap(),
            ScimOptions { allow_loopback },
            Fence::open(),
        )
    };
    for url in ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/"] {
        assert!(new(url, true).unwrap_err().message.contains("link-local"), "{url}");
    }
    for url in ["http://127.0.0.1:8080/v2", "http://[::1]/v2", "http://0.0.0.0/"] {
        assert!(new(url, false).unwrap_err().message.contains("loopback"), "{url}");
    }
    // A name is checked when it is resolved.
    let error = new("http://localhost:1/v2", false).unwrap().probe().await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(error.message.contains("loopback"), "{error}");
}

#[tokio::test]
async fn without_groups_only_users_are_pushed_and_old_groups_can_still_go() {
    let app = App::start(&SCIM2_SERVER).await;
    let members = app.members_of(1).await;
    let first = app.scim.apply_team(&app.team("was", &members), &Had::default()).await.unwrap();
    let target = ScimTarget { url: app.proxy.base_url(), groups: Some(false), ..ScimTarget::default() };
    let token = BearerToken::new(&app.peer.token).unwrap();
    let scim = ScimApp::new(&target, token, ScimOptions { allow_loopback: true }, Fence::open()).unwrap();
    app.proxy.seen();
    let has = scim.apply_team(&app.team("new", &members), &Had::default()).await.unwrap();
    assert_eq!((has.remote_id, has.changed, app.proxy.seen().len()), (None, false, 0));
    scim.revoke_team("our-was", &had(&first), DeletionPolicy::Delete).await.unwrap();
    assert_eq!(app.ask("GET", &format!("/Groups/{}", first.remote_id.unwrap()), None).await.0, 404);
}

#[tokio::test]
async fn a_former_leader_sends_nothing_more() {
    let app = App::start(&SCIM2_SERVER).await;
    let leads = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&leads);
    let fence = Fence::new(move || asked.load(Ordering::Relaxed));
    let target = ScimTarget { url: app.proxy.base_url(), ..ScimTarget::default() };
    let token = BearerToken::new(&app.peer.token).unwrap();
    let scim = ScimApp::new(&target, token, ScimOptions { allow_loopback: true }, fence).unwrap();
    let has = scim.apply_user(&app.user("ada"), &Had::default()).await.unwrap();
    leads.store(false, Ordering::Relaxed);
    app.proxy.seen();
    let error = scim.revoke_user("our-ada", &had(&has), DeletionPolicy::Delete).await.unwrap_err();
    assert_eq!(error.blame, Blame::App);
    assert!(app.proxy.seen().is_empty(), "not even a question");
}
