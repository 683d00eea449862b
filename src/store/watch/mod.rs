//! Feeding the directory from the API server: a list of each kind, then a watch from that version on.
//!
//! A read that failed or was partial never removes anything: what a new list doesn't name is only forgotten after the API
//! server, asked for exactly that object, says that it is gone.

mod followed;
mod items;
mod list;
mod progress;

use std::{pin::pin, time::Duration};

use futures::StreamExt;
use kube::{
    Api, Resource, ResourceExt,
    api::{WatchEvent, WatchParams},
    core::Request,
    runtime::{utils::Backoff, watcher::DefaultBackoff},
};
use serde_json::value::RawValue;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

pub(super) use self::progress::Progress;
use self::{
    followed::{Followed, Listed, Unlisted},
    list::{Ask, List, ListError},
};
use super::{
    Store,
    api_error::call,
    retry::Attempts,
    sweep::api_of,
    unreadable::{Unreadable, decode, said},
};
use crate::api::{MembershipSlice, Team, User};

/// A watch that has been silent for so long is dead: the API server says something every minute. One that says less is
/// asked again, which costs it little.
const SILENCE: Duration = Duration::from_secs(150);

/// Why a watch was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error("{}", said(.0))]
    Broken(#[from] kube::Error),
    #[error("an object is gone, and {0}")]
    End(Unreadable),
}

impl Interruption {
    /// Whether all must be listed anew: a 410 says that the API server doesn't know any more what happened.
    fn asks_for_list(&self) -> bool {
        match self {
            Self::Broken(kube::Error::Api(status)) => status.code == 410,
            Self::Broken(_) => false,
            Self::End(_) => true,
        }
    }
}

/// Follows users, teams and slices of `namespaces` until `stop`.
pub(super) async fn follow(store: &Store, namespaces: &[String], stop: &CancellationToken) {
    // An empty name stands for all namespaces.
    let all = [String::new()];
    let namespaces = if namespaces.is_empty() { &all[..] } else { namespaces };
    store
        .progress()
        .expect(namespaces.iter().flat_map(|it| ["users", "teams", "slices"].map(|kind| label(kind, it))));
    // Each is a task of its own: objects are decoded on several processors while others are under way.
    let mut tasks = JoinSet::new();
    for namespace in namespaces {
        let (slices_listed, mut teams_may_start) = watch::channel(false);
        tasks.spawn(each::<User>(store.clone(), namespace.clone(), label("users", namespace), || {}));
        tasks.spawn(each::<MembershipSlice>(
            store.clone(),
            namespace.clone(),
            label("slices", namespace),
            move || {
                slices_listed.send_replace(true);
            },
        ));
        let teams = each::<Team>(store.clone(), namespace.clone(), label("teams", namespace), || {});
        tasks.spawn(async move {
            // Teams name slices: with the slices here first, no team has to ask for each of its own.
            if teams_may_start.wait_for(|listed| *listed).await.is_ok() {
                teams.await;
            }
        });
    }
    while let Some(ended) = stop.run_until_cancelled(tasks.join_next()).await.flatten() {
        if let Err(error) = ended
            && error.is_panic()
        {
            // Nobody would follow that kind any more.
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

fn label(kind: &str, namespace: &str) -> String {
    let place =
        if namespace.is_empty() { "all namespaces".to_owned() } else { format!("namespace {namespace}") };
    format!("store: {kind} of {place} have not been listed yet")
}

/// Follows one kind in one namespace for as long as it is polled.
async fn each<K: Followed>(store: Store, namespace: String, label: String, on_listed: impl Fn()) {
    let api: Api<K> = api_of(&store, &namespace);
    let mut backoff = DefaultBackoff::default();
    let mut ask = Ask::AtOnce;
    loop {
        match list(&store, &namespace, &api, ask).await {
            Ok(version) => {
                (backoff, ask) = (DefaultBackoff::default(), Ask::AtOnce);
                store.progress().listed(&label);
                on_listed();
                watch_from(&store, &namespace, &api, version, &mut backoff).await;
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "a list did not come whole; it is asked for again");
                store.progress().failed(&label, &error);
                ask = Ask::InPages;
                pause(&mut backoff).await;
            }
        }
    }
}

/// Takes in everything that there is of a kind, and gives back the version to follow it from.
async fn list<K: Followed>(
    store: &Store,
    namespace: &str,
    api: &Api<K>,
    ask: Ask,
) -> Result<String, ListError> {
    let mut list = List::new(store.client().clone(), api, ask);
    let mut listed = Listed::default();
    while let Some(object) = list.next().await? {
        listed.insert(&object);
        prune(object).appeared(store).await;
    }
    let version = list.version()?;
    confirm_gone::<K>(store, K::unlisted(store, namespace, &listed)).await;
    K::passed(store, namespace, &version);
    Ok(version)
}

/// Takes in what happens after `version`, until the API server no longer remembers what that was.
async fn watch_from<K: Followed>(
    store: &Store,
    namespace: &str,
    api: &Api<K>,
    mut version: String,
    backoff: &mut DefaultBackoff,
) {
    loop {
        match watch_once(store, namespace, api, &mut version).await {
            Ok(true) => backoff.reset(),
            // Asked again at once, it might say nothing again and again.
            Ok(false) => pause(backoff).await,
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), %error, "a watch was interrupted; it goes on");
                if error.asks_for_list() {
                    return;
                }
                pause(backoff).await;
            }
        }
    }
}

/// Takes in what one watch tells, until it ends. Says whether it told anything.
async fn watch_once<K: Followed>(
    store: &Store,
    namespace: &str,
    api: &Api<K>,
    version: &mut String,
) -> Result<bool, Interruption> {
    let request = Request::new(api.resource_url()).watch(&WatchParams::default(), version);
    let request = request.map_err(kube::Error::BuildRequest)?;
    // Objects come as they are, so that one that can't be decoded can be named.
    let mut events = pin!(store.client().request_events::<Box<RawValue>>(request).await?);
    let mut told = false;
    while let Ok(Some(event)) = timeout(SILENCE, events.next()).await {
        match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                match decode::<K>(object.get().as_bytes()) {
                    Ok(object) => {
                        go_on_from(version, object.resource_version());
                        prune(object).appeared(store).await;
                    }
                    // It would be told again and again if it ended the watch.
                    Err(error) => {
                        tracing::error!(%error, "a change is not taken in; what is shown is older");
                    }
                }
            }
            WatchEvent::Deleted(object) => {
                // Whose it was can't be read; a list tells.
                let object: K = decode(object.get().as_bytes()).map_err(Interruption::End)?;
                go_on_from(version, object.resource_version());
                object.vanished(store);
            }
            WatchEvent::Bookmark(bookmark) => go_on_from(version, Some(bookmark.metadata.resource_version)),
            WatchEvent::Error(status) => return Err(kube::Error::Api(status.boxed()).into()),
        }
        K::passed(store, namespace, version);
        told = true;
    }
    Ok(told)
}

fn go_on_from(version: &mut String, told: Option<String>) {
    if let Some(told) = told.filter(|it| !it.is_empty()) {
        *version = told;
    }
}

async fn pause(backoff: &mut DefaultBackoff) {
    tokio::time::sleep(backoff.next().unwrap_or_default()).await;
}

/// Forgets those that the API server says are gone. The others were written after the list was made.
///
/// It asks until it is answered: reads must not begin while something is shown that may have been deleted long ago.
async fn confirm_gone<K: Followed>(store: &Store, unlisted: Vec<Unlisted>) {
    for gone in unlisted {
        let (tenant, name, _) = &gone;
        let api: Api<K> = Api::namespaced(store.client().clone(), &tenant.namespace);
        let mut attempts = Attempts::default();
        loop {
            match call(api.get_opt(name)).await {
                // One of the same name may have been made again under another tenant.
                Ok(found) if found.as_ref().is_none_or(|it| it.tenant() != *tenant) => {
                    break K::forget(store, &gone);
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%name, %error, "could not check yet whether an object is gone; keeping it");
                }
            }
            if attempts.next(&"gone").await.is_err() {
                attempts = Attempts::default();
            }
        }
    }
}

/// Nobody reads who wrote which field, and it is a third of an object.
fn prune<K: Resource>(mut object: K) -> K {
    object.meta_mut().managed_fields = None;
    object
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::{Client, client::Body};
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::store::{PeerOptions, TenantKey, heard::Heard};

    fn team(name: &str, version: &str) -> serde_json::Value {
        team_of("okta", name, version)
    }

    fn team_of(tenant: &str, name: &str, version: &str) -> serde_json::Value {
        json!({
            "metadata": { "name": name, "namespace": "identity", "resourceVersion": version },
            "spec": { "tenantRef": { "name": tenant }, "displayName": name },
        })
    }

    fn told(kind: &str, object: &serde_json::Value) -> String {
        format!("{}\n", json!({ "type": kind, "object": object }))
    }

    fn forgotten() -> String {
        told("ERROR", &json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old" }))
    }

    fn knows(store: &Store, tenant: &str, name: &str) -> bool {
        store.directory().team(&TenantKey::new("identity", tenant), name).is_some()
    }

    fn list_of(items: &[serde_json::Value], version: &str) -> String {
        json!({ "items": items, "metadata": { "resourceVersion": version } }).to_string()
    }

    /// Follows teams until `answers` are used up; gives back what is known then, and what was asked.
    async fn followed(answers: Vec<String>) -> (Store, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let end = CancellationToken::new();
        let server = service_fn({
            let (asked, end) = (Arc::clone(&asked), end.clone());
            let answers = Arc::new(Mutex::new(answers.into_iter()));
            move |request: Request<Body>| {
                let answer = answers.lock().unwrap().next();
                match &answer {
                    Some(_) => asked.lock().unwrap().push(request.uri().to_string()),
                    None => end.cancel(),
                }
                async move {
                    let Some(answer) = answer else { return std::future::pending().await };
                    // What is there says no code.
                    let object: serde_json::Value = serde_json::from_str(&answer).unwrap_or_default();
                    let code = object["code"].as_u64().map_or(200, |code| code.try_into().unwrap());
                    let answer = Response::builder().status(code).body(Body::from(answer.into_bytes()));
                    Ok::<_, BoxError>(answer.unwrap())
                }
            }
        });
        let store = Store::new(Client::new(server, "default"), PeerOptions::alone());
        let label = label("teams", "identity");
        store.progress().expect([label.clone()]);
        end.run_until_cancelled(each::<Team>(store.clone(), "identity".to_owned(), label, || {})).await;
        let asked = asked.lock().unwrap().clone();
        (store, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_goes_on_from_what_it_told_last_and_after_410_everything_is_listed_anew() {
        let answers = vec![
            list_of(&[team("a", "5")], "7"),
            told("ADDED", &team("b", "8")),
            forgotten(),
            list_of(&[team("a", "5"), team("b", "8"), team("c", "12")], "13"),
        ];
        let (store, asked) = followed(answers).await;
        let path = "/apis/rollcall.dev/v1alpha1/namespaces/identity/teams?";
        let watch = format!("{path}&watch=true&timeoutSeconds=290&allowWatchBookmarks=true&resourceVersion=");
        assert_eq!(asked, [path.to_owned(), format!("{watch}7"), format!("{watch}8"), path.to_owned()]);
        assert!(["a", "b", "c"].into_iter().all(|name| knows(&store, "okta", name)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_declared_again_under_another_tenant_is_gone_from_the_first() {
        let moved = team_of("entra", "a", "9");
        let lists = [list_of(&[team("a", "5")], "7"), list_of(std::slice::from_ref(&moved), "10")];
        let [before, after] = lists;
        let (store, asked) = followed(vec![before, forgotten(), after, moved.to_string()]).await;
        assert!(asked[3].contains("/teams/a"), "{asked:?}");
        assert!(knows(&store, "entra", "a"));
        assert!(!knows(&store, "okta", "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_written_after_the_list_was_made_stays() {
        let answers = vec![
            list_of(&[team("a", "5")], "7"),
            forgotten(),
            list_of(&[], "10"),
            team("a", "11").to_string(),
        ];
        let (store, asked) = followed(answers).await;
        assert!(asked[3].contains("/teams/a"), "{asked:?}");
        assert!(knows(&store, "okta", "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_one_that_can_not_be_decoded_is_taken_in_as_well() {
        let mut odd = team("a", "8");
        odd["spec"]["membership"] = json!("odd");
        let not_found = json!({ "kind": "Status", "code": 404, "reason": "NotFound", "message": "" });
        let answers = vec![
            list_of(&[team("a", "5"), team("b", "6")], "7"),
            told("DELETED", &odd),
            list_of(&[team("b", "6")], "8"),
            not_found.to_string(),
        ];
        let (store, _) = followed(answers).await;
        assert!(knows(&store, "okta", "b") && !knows(&store, "okta", "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_logged_of_an_object_that_can_not_be_decoded_is_its_name_and_nothing_of_its_values() {
        let heard = Heard::default();
        let mut odd = team("a", "8");
        odd["spec"]["membership"] = json!("ada@example.com");
        let (_store, _) = followed(vec![list_of(&[], "7"), told("ADDED", &odd), list_of(&[odd], "8")]).await;
        let log = heard.text();
        assert!(log.contains("Team identity/a"), "{log}");
        assert!(!log.contains("ada@example.com"), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_ready_says_which_object_can_not_be_decoded() {
        let mut odd = team("a", "8");
        odd["spec"]["membership"] = json!("ada@example.com");
        let answers = vec![list_of(&[odd], "8")];
        let (store, _) = followed(answers).await;
        let missing = store.progress().missing().join("\n");
        assert!(
            missing.contains("teams of namespace identity have not been listed yet: Team identity/a"),
            "{missing}"
        );
        assert!(!missing.contains("ada@example.com"), "{missing}");
    }
}
