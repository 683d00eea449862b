//! Teams, pushed to servers of others as groups.

use rollcall::api::DeletionPolicy;
use rollcall::downstream::{Blame, Downstream as _, Had};
use serde_json::json;

use crate::support::app::{App, had, remote_ids};
use crate::{against_both, methods};

against_both! {
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
        let had = Had { remote_id: member.remote_id.clone(), ..Had::default() };
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
