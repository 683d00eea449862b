//! The operator is killed while it works: nothing acknowledged is lost, nothing is there twice, and it converges.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    operator::eventually,
    scim::Scim,
    world::{Server, World, user},
};

/// How often the operator is killed.
const KILLS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let mut world = World::start().await;
    let chat = Server::scim2_server().await;
    world.scim_app("chat", &chat.proxy.base_url(), &chat.peer.token, json!({})).await;
    let team = world.group("crash-team", &[]).await;
    let acknowledged: Arc<Mutex<BTreeSet<(String, String)>>> = Arc::default();
    let done = Arc::new(AtomicBool::new(false));
    let pushers: Vec<_> = (0..4)
        .map(|lane| {
            let (scim, acknowledged, done) =
                (world.scim.clone(), Arc::clone(&acknowledged), Arc::clone(&done));
            let team = team.clone();
            tokio::spawn(async move {
                for number in 0.. {
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                    push(&scim, &format!("crash-{lane}-{number}"), &team, &acknowledged).await;
                }
            })
        })
        .collect();
    for kill in 0..KILLS {
        // Each life ends after some more people have come, so the cut falls into the middle of the work.
        let enough = (kill + 1) * 12;
        eventually("more people are acknowledged", || async {
            (acknowledged.lock().unwrap().len() >= enough).then_some(())
        })
        .await;
        world.operator.kill();
        world.operator.launch().await;
    }
    done.store(true, Ordering::Relaxed);
    for pusher in pushers {
        pusher.await.unwrap();
    }

    let acknowledged = acknowledged.lock().unwrap().clone();
    let listed = world.send(Method::GET, "/Users?count=1000", Value::Null).await;
    let resources = listed["Resources"].as_array().unwrap();
    let text = |user: &Value, key: &str| user[key].as_str().unwrap().to_owned();
    let stored: Vec<(String, String)> =
        resources.iter().map(|it| (text(it, "userName"), text(it, "id"))).collect();
    let names: BTreeSet<&String> = stored.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), stored.len(), "nobody is there twice");
    let stored: BTreeSet<(String, String)> = stored.into_iter().collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let group = world.send(Method::GET, &format!("/Groups/{team}"), Value::Null).await;
    let members: BTreeSet<String> =
        group["members"].as_array().unwrap().iter().map(|it| text(it, "value")).collect();
    let missing: Vec<_> = acknowledged.iter().filter(|(_, id)| !members.contains(id)).collect();
    assert!(missing.is_empty(), "acknowledged as members and lost: {missing:?}");

    let expected = members.len();
    eventually("the app has exactly these members", || async {
        let remote = chat.group("crash-team").await["members"].as_array().map_or(0, Vec::len);
        (remote == expected).then_some(())
    })
    .await;
    let groups = chat.get("/Groups?filter=displayName%20eq%20%22crash-team%22").await;
    assert_eq!(groups["totalResults"], 1, "the app's group is there once");
}

/// Pushes one person as an identity provider does, which tries again when there is no answer, and puts them into the
/// team. What is acknowledged is remembered.
async fn push(scim: &Scim, name: &str, team: &str, acknowledged: &Mutex<BTreeSet<(String, String)>>) {
    let id = loop {
        match scim.send(Method::POST, "/Users", &user(name)).await {
            Some((201, created)) => break created["id"].as_str().unwrap().to_owned(),
            // An earlier attempt was stored, and its answer was lost.
            Some((409, _)) => {
                let found = format!("/Users?filter=userName%20eq%20%22{name}%22");
                if let Some((200, list)) = scim.send(Method::GET, &found, &Value::Null).await
                    && let Some(id) = list["Resources"][0]["id"].as_str()
                {
                    break id.to_owned();
                }
            }
            Some((503, _)) | None => {}
            Some((status, answer)) => panic!("{status} {answer}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let add = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "members", "value": [{"value": id}]}]});
    loop {
        match scim.send(Method::PATCH, &format!("/Groups/{team}"), &add).await {
            Some((200 | 204, _)) => break,
            Some((503, _)) | None => tokio::time::sleep(Duration::from_millis(50)).await,
            Some((status, answer)) => panic!("{status} {answer}"),
        }
    }
    acknowledged.lock().unwrap().insert((name.to_owned(), id));
}
