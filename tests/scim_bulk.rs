//! Bulk requests of every shape: each is planned whole, and no reference is lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;

use proptest::{collection::vec, prelude::*};
use rollcall::scim::bulk::{
    BulkRequest, Step, plan,
    reference::{patch_of, resolve, split_off},
};
use serde_json::{Value, json};

/// Groups that have each other as members, or groups that are changed: for each, whether it is created, and the
/// numbers of those that it refers to.
fn graphs() -> impl Strategy<Value = Vec<(bool, Vec<usize>)>> {
    (1..20_usize).prop_flat_map(|size| vec((prop::bool::weighted(0.8), vec(0..size, 0..4)), size))
}

fn request(graph: &[(bool, Vec<usize>)]) -> Value {
    let operation = |(number, (is_new, members)): (usize, &(bool, Vec<usize>))| {
        let members: Vec<Value> =
            members.iter().map(|it| json!({ "value": format!("bulkId:{it}") })).collect();
        if *is_new {
            let data = json!({ "displayName": number.to_string(), "members": members });
            json!({ "method": "POST", "path": "/Groups", "bulkId": number.to_string(), "data": data })
        } else {
            let data = json!({ "Operations": [{ "op": "add", "path": "members", "value": members }] });
            json!({ "method": "PATCH", "path": "/Groups/7", "data": data })
        }
    };
    json!({ "Operations": graph.iter().enumerate().map(operation).collect::<Vec<_>>() })
}

proptest! {
    #[test]
    fn every_operation_runs_once_and_every_reference_is_set(graph in graphs()) {
        let request = BulkRequest::parse(request(&graph), 100).unwrap();
        let (mut run, mut open, mut set) = (HashSet::new(), HashSet::new(), HashSet::new());
        for step in plan(&request.operations) {
            match step {
                Step::Run { operation, without } => {
                    prop_assert!(run.insert(operation), "{operation} runs twice");
                    if request.operations[operation].task.is_err() {
                        continue;
                    }
                    for need in &graph[operation].1 {
                        let is_there = run.contains(need) && *need != operation;
                        prop_assert!(is_there != without.contains(need), "{operation} needs {need}");
                    }
                    if !without.is_empty() {
                        prop_assert!(graph[operation].0, "only what is created can be completed");
                        open.insert((operation, without));
                    }
                }
                Step::Complete { operation } => {
                    let (_, without) = open.iter().find(|(it, _)| *it == operation).unwrap();
                    prop_assert!(without.iter().all(|need| run.contains(need)));
                    prop_assert!(set.insert(operation), "{operation} is completed twice");
                }
            }
        }
        prop_assert_eq!((run.len(), set.len()), (graph.len(), open.len()));
    }

    #[test]
    fn what_is_split_off_and_what_stays_are_the_whole(members in vec(0..6_usize, 0..10), pending in vec(0..6_usize, 0..6)) {
        let refer = |it: &usize| json!({ "value": format!("bulkId:{it}") });
        let mut data = json!({ "members": members.iter().map(refer).collect::<Vec<_>>() });
        let is_pending = |bulk_id: &str| pending.contains(&bulk_id.parse().unwrap());
        let taken = split_off(&mut data, is_pending);
        let values = |part: &Value| -> Vec<String> {
            let items = part["members"].as_array().cloned().unwrap_or_default();
            items.iter().map(|it| it["value"].as_str().unwrap()["bulkId:".len()..].to_owned()).collect()
        };
        prop_assert!(values(&taken).iter().all(|it| is_pending(it)));
        prop_assert!(!values(&data).iter().any(|it| is_pending(it)));
        prop_assert_eq!(values(&taken).len() + values(&data).len(), members.len());
    }

    #[test]
    fn no_message_is_too_strange_to_be_read(text in "[\\[{\"a-zA-Z/:,\\]}0-9]{0,60}", path in ".{0,30}", method in "(POST|PUT|PATCH|DELETE|.{0,6})") {
        let data = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let operation = json!({ "method": method, "path": path, "bulkId": "a", "data": data });
        let body = json!({ "Operations": [operation, data] });
        if let Ok(request) = BulkRequest::parse(body, 100) {
            prop_assert_eq!(plan(&request.operations).len(), 2);
        }
        let mut data = data;
        resolve(&mut data, |_| Some("7".to_owned()));
        let taken = split_off(&mut data, |_| true);
        prop_assert_eq!(&patch_of(&taken)["Operations"][0]["value"], &taken);
    }
}
