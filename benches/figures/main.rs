//! What Rollcall promises about speed, measured: `make bench` prints one table of figures, targets and what this
//! machine needed. A figure above its target makes it fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_debug_implementations,
    reason = "a benchmark fails by panicking, and prints"
)]

mod directory;
mod load;
mod protocol;
mod rivals;
mod table;

use std::process::ExitCode;

use table::Table;

fn main() -> ExitCode {
    // `cargo test --benches` builds us, and runs us with this to see that we start.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let mut table = Table::default();
    let full = std::env::var_os("BENCH").is_some_and(|form| form == "full");
    let only: Option<String> = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    if wanted("protocol") {
        protocol::measure(&mut table);
    }
    if wanted("rivals") {
        rivals::measure(&mut table, full);
    }
    table.print();
    if table.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
