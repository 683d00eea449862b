//! A short run of what `make fuzz` does at length: each target with its corpus, and with what chance makes of it.
//!
//! This is not guided by coverage; it takes some seconds, does the same each time, and finds what is easy to find.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs, panic,
    path::{Path, PathBuf},
};

use rollcall::scim;

#[path = "../fuzz/src/targets.rs"]
mod targets;

/// How often each target is called. A minute in all on a slow machine.
const CALLS: u64 = 30_000;

/// No input grows beyond this by mutation.
const LONGEST: usize = 4_096;

#[test]
fn no_target_breaks_a_law_on_its_corpus_or_on_what_chance_makes_of_it() {
    let words = dictionary();
    for (name, target) in targets::TARGETS {
        let corpus = corpus(name);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mutated = (0..CALLS).map(|_| chance.mutate(&corpus, &words));
        for input in corpus.iter().cloned().chain(mutated) {
            let call = panic::catch_unwind(|| target(&input));
            assert!(call.is_ok(), "{name} broke on {:?}", String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn no_target_needs_more_than_a_small_stack() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(5_000), close.repeat(5_000));
    let inputs = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        deep("not (", ")"),
        deep("emails[", "]"),
        "a pr and ".repeat(900) + "a pr",
        format!("{{\"Operations\":{}}}", deep("[", "]")),
        format!("filter={}", deep("(", ")")),
        format!("attributes={}", "a,".repeat(50_000)),
    ];
    let run = move || {
        for (_, target) in targets::TARGETS {
            for input in &inputs {
                target(input.as_bytes());
            }
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/fuzz")
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = folder().join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The words of the protocol, as libFuzzer's dictionary has them: in quotes, with `\xHH` for odd bytes.
fn dictionary() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("dictionary.txt")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'));
    lines.map(unescape).collect()
}

fn unescape(line: &str) -> Vec<u8> {
    let mut parts = line.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    bytes
}

/// Numbers that look like chance and are the same each time (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// One of the corpus with a few changes.
    fn mutate(&mut self, corpus: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(12)).min(input.len());
            match self.below(5) {
                0 => drop(input.splice(at..at, words[self.below(words.len())].iter().copied())),
                1 => drop(input.splice(at..end, words[self.below(words.len())].iter().copied())),
                2 => drop(input.drain(at..end)),
                3 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    drop(input.splice(at..end, other[from..].iter().copied()));
                }
                _ => {
                    let byte = u8::try_from(self.below(256)).unwrap();
                    drop(input.splice(at..end.min(at + 1), [byte]));
                }
            }
        }
        input.truncate(LONGEST);
        input
    }
}
