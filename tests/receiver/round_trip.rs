//! What no schema knows comes back as it was sent: Okta reads a user, merges its own attributes into it and puts the
//! whole back. Of numbers the value comes back, not the spelling: `1.50` is `1.5`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::{answer, ask, support::Receiver};

/// Attributes without a schema, as text: known URNs with unknown attributes, strange strings, deep and empty values.
const UNKNOWN: &str = r#""favouriteColour":"te\"al\\ \u0007 é é 👩‍🚀 مرحبا","empty":"","nothing":[],"void":{},
"list":[1,-0.5,123456.789,true,null,"1",[],{"b":1,"a":[{"z":null}]}],"big":18446744073709551615,
"$weird-name_1":{"UserName":"x","schemas":["urn:x"]},"attributes":{"userName":"y"},"tenantRef":{"name":"other"},
"urn:acme:1.0:User":{"Badge":7,"sites":["London","Ockham"],"nested":{"deep":[[["x"]]]}}"#;

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

    let (unknown, back) = (format!("{{{}}}", UNKNOWN.replace('\n', "")), parts(&created));
    for (name, value) in parts(&unknown) {
        assert_eq!(back.get(name).map(|it| it.get()), Some(value.get()), "{name}");
    }

    let path = format!("/Users/{}", back["id"].get().trim_matches('"'));
    let read = send("GET", &path, String::new()).await.text().await.unwrap();
    assert_eq!(read, created);
    let put = send("PUT", &path, read.clone()).await;
    assert_eq!(put.headers()["etag"], version, "what was read and put back changes nothing");
    assert_eq!(put.text().await.unwrap(), read);
    receiver.stop().await;
}

/// The members of an object, as they are written.
fn parts(text: &str) -> BTreeMap<&str, &RawValue> {
    serde_json::from_str(text).unwrap()
}
