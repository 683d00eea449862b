//! How much memory a request with very many members takes. One test, in a process of its own, as it looks at all of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

#[path = "support/memory.rs"]
mod memory;

use std::fmt::Write;

use memory::{in_use, peak};
use rollcall::scim::{
    Limits, json,
    member::MemberChange,
    normalize::normalize,
    patch::{PatchRequest, apply},
    schema::ResourceSchema,
};

const MEMBERS: usize = 50_000;

const MOST_MIB: usize = 64;

#[test]
fn fifty_thousand_members_in_one_request_take_less_than_64_mib() {
    let (limits, group) = (Limits::default(), ResourceSchema::group());
    let before = in_use();

    let put = text("{\"displayName\":\"Everybody\",\"members\":[", "]}");
    let body = json::parse(put.as_bytes(), &limits).unwrap();
    drop(put);
    let normalized = normalize(body, &group, &limits).unwrap();
    assert_eq!(normalized.members.map(|members| members.len()), Some(MEMBERS));
    let after_put = peak();

    // A peak stays, so this one is of both; what the PUT took is free again.
    let patch = text("{\"Operations\":[{\"op\":\"add\",\"path\":\"members\",\"value\":[", "]}]}");
    let body = json::parse(patch.as_bytes(), &limits).unwrap();
    drop(patch);
    let request = PatchRequest::parse(body, &limits).unwrap();
    let patched = apply(&request, &group, normalized.document, &limits).unwrap();
    let added = patched.members.iter().map(|change| match change {
        MemberChange::Add(added) => added.len(),
        MemberChange::Remove(_) | MemberChange::ReplaceAll(_) | MemberChange::Clear => 0,
    });
    assert_eq!(added.sum::<usize>(), MEMBERS);
    let after_patch = peak();

    let [put, patch] = [after_put, after_patch].map(|after| (after - before) / 1024);
    println!("a PUT took {put} MiB, a PATCH {patch} MiB at most");
    assert!(put <= MOST_MIB && patch <= MOST_MIB, "a PUT took {put} MiB, a PATCH {patch} MiB");
}

/// Members as Okta and Entra ID name them, with all that the RFC's examples have, in one text that never moves.
fn text(begin: &str, end: &str) -> String {
    let mut text = String::with_capacity(MEMBERS * 200);
    text.push_str(begin);
    for number in 0..MEMBERS {
        let id = format!("0190a7f2-5c1e-7b3a-9d44-{number:012x}");
        let comma = if number == 0 { "" } else { "," };
        let base = "https://rollcall.example.com/scim/acme/okta/v2";
        write!(text, "{comma}{{\"value\":\"{id}\",\"$ref\":\"{base}/Users/{id}\",").unwrap();
        write!(text, "\"display\":\"user{number}@example.com\"}}").unwrap();
    }
    text.push_str(end);
    text
}
