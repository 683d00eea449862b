//! How much memory a request with very many members takes. One test, in a process of its own, as it looks at all of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(target_os = "linux")]

use std::{fmt::Write, fs};

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
    let (put, patch) = (put(), patch());
    let before = kib("VmRSS");

    // The text is there as long as it is read.
    let body = put.clone();
    let put = json::parse(body.as_bytes(), &limits).unwrap();
    drop(body);
    let normalized = normalize(put, &group, &limits).unwrap();
    assert_eq!(normalized.members.map(|members| members.len()), Some(MEMBERS));
    let after_put = kib("VmHWM");

    let body = patch.clone();
    let patch = json::parse(body.as_bytes(), &limits).unwrap();
    drop(body);
    let request = PatchRequest::parse(patch, &limits).unwrap();
    let patched = apply(&request, &group, normalized.document, &limits).unwrap();
    let added = patched.members.iter().map(|change| match change {
        MemberChange::Add(added) => added.len(),
        MemberChange::Remove(_) | MemberChange::ReplaceAll(_) | MemberChange::Clear => 0,
    });
    assert_eq!(added.sum::<usize>(), MEMBERS);
    let after_patch = kib("VmHWM");

    let [put, patch] = [after_put, after_patch].map(|after| (after - before) / 1024);
    println!("a PUT took {put} MiB, a PATCH {patch} MiB at most");
    assert!(put <= MOST_MIB && patch <= MOST_MIB, "a PUT took {put} MiB, a PATCH {patch} MiB");
}

fn put() -> String {
    format!("{{\"displayName\":\"Everybody\",\"members\":[{}]}}", members())
}

fn patch() -> String {
    format!("{{\"Operations\":[{{\"op\":\"add\",\"path\":\"members\",\"value\":[{}]}}]}}", members())
}

/// As Okta and Entra ID name members, with all that the RFC's examples have.
fn members() -> String {
    let mut text = String::new();
    for number in 0..MEMBERS {
        let id = format!("0190a7f2-5c1e-7b3a-9d44-{number:012x}");
        let comma = if number == 0 { "" } else { "," };
        let base = "https://rollcall.example.com/scim/acme/okta/v2";
        write!(text, "{comma}{{\"value\":\"{id}\",\"$ref\":\"{base}/Users/{id}\",\"display\":\"user{number}@example.com\"}}").unwrap();
    }
    text
}

/// One line of what the kernel knows of this process: its memory now, or at its peak.
fn kib(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}
