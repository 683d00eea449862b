//! Attributes that a tenant calls unique are, across replicas.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rollcall::{
    scim::{Document, rules::Unique, version::Conditions},
    store::StoreError,
};
use rollcall_dev::ports;
use serde_json::json;

use crate::{
    gate::Passes,
    replica::{Replica, Site},
};

fn emails() -> [Unique; 1] {
    [Unique::new("emails.value", false).unwrap()]
}

fn person(user_name: &str, addresses: &[&str]) -> Document {
    let emails: Vec<_> = addresses.iter().map(|address| json!({ "value": address })).collect();
    serde_json::from_value(json!({ "userName": user_name, "emails": emails })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_users_who_want_the_same_two_addresses_exactly_one_is_created() {
    let site = Site::new().await;
    let replicas = site.three().await;
    // Each way round, so that whoever takes them as they come would wait for the other.
    let addresses = [["x@example.com", "y@example.com"], ["Y@example.com", "X@example.com"]];
    let unique = emails();
    let start = Instant::now();
    let creating = (0..30).map(|number| {
        let document = person(&format!("user{number}"), &addresses[number % 2]);
        replicas[number % 3].store.create_user(&site.tenant, document, &unique)
    });
    let results = join_all(creating).await;
    let created: Vec<_> = results.iter().flatten().collect();
    assert_eq!(created.len(), 1);
    for error in results.iter().filter_map(|it| it.as_ref().err()) {
        assert!(
            matches!(error, StoreError::Taken { attribute, .. } if attribute == "emails.value"),
            "{error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(20), "they waited for each other");
    for number in 0..30 {
        let named = replicas[0].named(&format!("user{number}")).unwrap();
        assert!(named.is_empty() || named == [created[0].id()], "what was refused has left nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_from_before_the_rule_is_respected_until_it_is_given_up() {
    let site = Site::new().await;
    let [a, b, _c] = site.three().await;
    let old = a.store.create_user(&site.tenant, person("ada", &["x@example.com"]), &[]).await.unwrap();
    let newer = person("grace", &["X@example.com"]);
    let refused = b.store.create_user(&site.tenant, newer.clone(), &emails()).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    // Given up by a replica that dies before it tells anybody.
    b.gate.set(Passes::AllButWatches);
    let port = ports::reserve().unwrap();
    let mut options = site.options("alone", &port);
    options.expected = false;
    let silent = Replica::with_options(&site, options, port);
    silent.ready().await;
    let without = |_| Ok(person("ada", &["other@example.com"]));
    silent
        .store
        .change_user(&site.tenant, old.id(), &Conditions::default(), &emails(), without)
        .await
        .unwrap();
    drop(silent);
    b.store.create_user(&site.tenant, newer, &emails()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_refused_change_claimed_is_free_again() {
    let site = Site::new().await;
    let a = site.replica("a").await;
    let unique = emails();
    let create = |name: &str, address: &str| {
        let document = person(name, &[address]);
        let (a, site, unique) = (&a, &site, &unique);
        async move { a.store.create_user(&site.tenant, document, unique).await }
    };
    let ada = create("ada", "ada@example.com").await.unwrap();
    create("grace", "grace@example.com").await.unwrap();
    // The first of the two is free and claimed, then the second is not.
    let both = |_| Ok(person("ada", &["a-new@example.com", "grace@example.com"]));
    let refused = a.store.change_user(&site.tenant, ada.id(), &Conditions::default(), &unique, both).await;
    assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    let start = Instant::now();
    create("mary", "a-new@example.com").await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "it had to be taken over");
}
