//! What Rollcall promises about speed, measured: `make bench` prints one table of figures, targets and what this
//! machine needed. A figure above its target makes it fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_debug_implementations,
    reason = "a benchmark fails by panicking, and prints"
)]

mod directory;
mod protocol;
mod table;

use std::process::ExitCode;

use table::Table;

fn main() -> ExitCode {
    // `cargo test --benches` builds us, and runs us with this to see that we start.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let mut table = Table::default();
    protocol::measure(&mut table);
    table.print();
    if table.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
