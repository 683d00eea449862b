//! What no schema knows comes back as it was sent: Okta reads a user, merges its own attributes into it and puts the
//! whole back. Numbers keep their spelling, too: `1.50` is not `1.5`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{answer, ask, support::Receiver};

/// Attributes without a schema, as text: known URNs with unknown attributes, strange strings, deep and empty values.
const UNKNOWN: &str = r#""favouriteColour":"te\"al\\ \u0007 é é 👩‍🚀 مرحبا","empty":"","nothing":[],"void":{},
"list":[1,-0.5,123456.789,true,null,"1",[],{"b":1,"a":[{"z":null}]}],"big":18446744073709551615,
"numbers":[1.50,1e3,1E400,-0.0,0e0,1e-07,1.0E+2,12345678901234567890123456789],"factor":1.50,
"$weird-name_1":{"UserName":"x","schemas":["urn:x"]},"attributes":{"userName":"y"},"tenantRef":{"name":"other"},
"urn:acme:1.0:User":{"Badge":7,"sites":["London","Ockham"],"nested":{"deep":[[["x"]]],"rate":1E5}},
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Engines","weight":7.10}"#;

#[tokio::test]
async fn what_no_schema_knows_comes_back_as_it_was_sent() {
    let receiver = Receiver::start().await;
    let tenant = receiver.tenant().await;
    let send = |method: &str, path: &str, body: String| {
        answer(ask(method, &tenant, path).bearer_auth(&tenant.token).body(body))
    };
    let body = format!(r#"{{"userName":"ada@example.com",{UNKNOWN}}}"#);
    let created = send("POST", "/Users", body).await;
    assert_eq!(created.status(), 201);
    let (version, created) = (created.headers()["etag"].clone(), created.text().await.unwrap());

    assert_unknown(&created);

    let path = format!("/Users/{}", parts(&created)["id"].get().trim_matches('"'));
    let read = send("GET", &path, String::new()).await.text().await.unwrap();
    assert_eq!(read, created);
    let put = send("PUT", &path, read.clone()).await;
    assert_eq!(put.headers()["etag"], version, "what was read and put back changes nothing");
    assert_eq!(put.text().await.unwrap(), read);

    let operations =
        r#"[{"op":"add","value":{"shoeSize":42.50}},{"op":"replace","path":"title","value":"Countess"}]"#;
    let patched =
        send("PATCH", &path, format!(r#"{{"Operations":{operations}}}"#)).await.text().await.unwrap();
    assert_unknown(&patched);
    assert_eq!(parts(&patched)["shoeSize"].get(), "42.50");
    let search = r#"{"filter":"shoeSize eq 42.5 or title eq \"Countess\"","count":10}"#;
    let found = send("POST", "/Users/.search", search.to_owned()).await.text().await.unwrap();
    assert_unknown(found.split_once(r#""Resources":["#).unwrap().1.trim_end_matches("]}"));
    receiver.stop().await;
}

#[track_caller]
fn assert_unknown(user: &str) {
    let (unknown, back) = (format!("{{{}}}", UNKNOWN.replace('\n', "")), parts(user));
    for (name, value) in parts(&unknown) {
        assert_eq!(back.get(name).map(|it| it.get()), Some(value.get()), "{name}");
    }
}

/// The members of an object, as they are written.
fn parts(text: &str) -> BTreeMap<&str, &RawValue> {
    serde_json::from_str(text).unwrap()
}
