//! What Rollcall promises about speed, measured: `make bench` prints one table of figures, targets and what this
//! machine needed. A figure above its target makes it fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_debug_implementations,
    reason = "a benchmark fails by panicking, and prints"
)]

mod directory;
mod gauge;
mod load;
mod memory;
mod people;
mod protocol;
mod rivals;
mod scale;
mod selection;
mod system;
mod table;

use std::process::ExitCode;

use selection::Selection;
use table::Table;

fn main() -> ExitCode {
    // `cargo test --benches` builds us, and runs us with this to see that we start.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let (selection, mut table) = (Selection::from_environment(), Table::default());
    if selection.has("protocol") {
        protocol::measure(&mut table);
    }
    scale::measure(&mut table, &selection).unwrap();
    table.print();
    if table.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
