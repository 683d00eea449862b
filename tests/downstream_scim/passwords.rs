//! Passwords, passed on to servers of others.

use http::Method;
use rollcall::downstream::{Downstream as _, Had, PasswordOutcome, UserView};
use serde_json::json;

use crate::support::app::{App, had};
use crate::support::fault_proxy::{Fault, Seen};
use crate::{against_both, methods};

const PASSWORD: &str = "correct-horse-battery-9A!";

against_both! {
    a_new_user_is_created_with_their_password
    an_account_that_is_there_gets_a_password_in_a_request_of_its_own
    an_app_that_patches_no_password_gets_it_by_put
    a_refused_password_holds_up_nothing_and_is_not_repeated_to_people
    a_new_user_whose_password_is_refused_is_created_without
    access_is_taken_away_before_a_password_is_tried
}

fn with_password(mut user: UserView) -> UserView {
    // The client is handed passwords by the store alone, which made them of what came over SCIM.
    let body = json!({ "userName": "x", "password": PASSWORD });
    let limits = rollcall::scim::Limits::default();
    let schema = rollcall::scim::rules::ResourceRules::new(rollcall::scim::schema::ResourceSchema::user());
    user.password = schema.create(body, &limits).unwrap().password;
    user
}

fn holds_password(seen: &Seen) -> bool {
    assert!(!seen.path.contains(PASSWORD));
    seen.body.to_string().contains(PASSWORD)
}

fn refusal() -> Fault {
    let detail = format!("the password {PASSWORD} is too weak, {} as well", PASSWORD.to_uppercase());
    Fault::body(400, &json!({ "detail": detail }).to_string())
}

async fn a_new_user_is_created_with_their_password(app: App) {
    let user = with_password(app.user("ada"));
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!(has.password, Some(PasswordOutcome::Taken));
    assert!(!has.attributes.iter().any(|name| name.contains("password")), "{:?}", has.attributes);
    let writes = app.proxy.writes();
    assert_eq!(methods(&writes), ["POST"]);
    assert_eq!(writes[0].body["password"], PASSWORD);
}

async fn an_account_that_is_there_gets_a_password_in_a_request_of_its_own(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    assert_eq!(first.password, None);
    app.proxy.seen();
    user = with_password(user);
    user.document["displayName"] = "Countess".into();
    let has = app.scim.apply_user(&user, &had(&first)).await.unwrap();
    assert_eq!(has.password, Some(PasswordOutcome::Taken));
    let writes = app.proxy.writes();
    assert_eq!(methods(&writes), ["PATCH", "PATCH"]);
    assert!(!holds_password(&writes[0]));
    let expected = json!([{ "op": "replace", "path": "password", "value": PASSWORD }]);
    assert_eq!(writes[1].body["Operations"], expected);
}

async fn an_app_that_patches_no_password_gets_it_by_put(app: App) {
    let user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    app.proxy.seen();
    app.proxy.fail_next(Method::PATCH, Fault::status(501));
    let has = app.scim.apply_user(&with_password(user), &had(&first)).await.unwrap();
    assert_eq!(has.password, Some(PasswordOutcome::Taken));
    let writes = app.proxy.writes();
    assert_eq!(methods(&writes), ["PATCH", "PUT"]);
    assert_eq!(writes[1].body["password"], PASSWORD);
}

async fn a_refused_password_holds_up_nothing_and_is_not_repeated_to_people(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    user.document["displayName"] = "Countess".into();
    // The change of the name passes; the password does not, said in either way.
    app.scim.apply_user(&user, &had(&first)).await.unwrap();
    app.proxy.fail_next(Method::PATCH, refusal());
    app.proxy.fail_next(Method::PUT, refusal());
    let has = app.scim.apply_user(&with_password(user), &had(&first)).await.unwrap();
    let why = "the app refused to take the password (400)".to_owned();
    assert_eq!(has.password, Some(PasswordOutcome::Refused(why)));
}

async fn a_new_user_whose_password_is_refused_is_created_without(app: App) {
    let user = with_password(app.user("ada"));
    app.proxy.fail_next(Method::POST, refusal());
    let has = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    let why = "the app refused to take the password (400)".to_owned();
    assert_eq!(has.password, Some(PasswordOutcome::Refused(why)));
    let writes = app.proxy.writes();
    assert_eq!(writes.iter().map(holds_password).collect::<Vec<_>>(), [true, false]);
    assert!(has.remote_id.is_some());
}

async fn access_is_taken_away_before_a_password_is_tried(app: App) {
    let mut user = app.user("ada");
    let first = app.scim.apply_user(&user, &Had::default()).await.unwrap();
    app.proxy.seen();
    user.active = false;
    user.document.insert("active".into(), false.into());
    app.scim.apply_user(&with_password(user), &had(&first)).await.unwrap();
    let writes = app.proxy.writes();
    assert_eq!(writes.iter().map(holds_password).collect::<Vec<_>>(), [false, true]);
}
