//! What Rollcall promises about speed, measured: `make bench` prints one table of figures, targets and what this
//! machine needed. A figure above its target makes it fail.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_debug_implementations,
    reason = "a benchmark fails by panicking, prints, and counts to a few millions at most"
)]

mod access;
mod bare;
mod coalesce;
mod connection;
mod delete;
mod directory;
mod fair;
mod gauge;
mod growth;
mod load;
mod memory;
mod million;
mod mixed;
mod pace;
mod people;
mod protocol;
mod rivals;
mod scale;
mod selection;
mod start;
mod system;
mod table;
mod throughput;

use std::{process::ExitCode, time::Duration};

use mimalloc::MiMalloc;

use selection::Selection;
use table::Table;

/// What is measured in this process runs as it does in the operator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long the quick form may take.
const PATIENCE: Duration = Duration::from_mins(5);

fn main() -> ExitCode {
    // `cargo test --benches` builds us, and runs us with this to see that we start.
    if std::env::args().any(|argument| argument == "--test") {
        return ExitCode::SUCCESS;
    }
    let (selection, mut table) = (Selection::from_environment(), Table::default());
    if selection.has("protocol") {
        protocol::measure(&mut table);
        table.end("protocol");
    }
    million::measure(&mut table, &selection).unwrap();
    scale::measure(&mut table, &selection).unwrap();
    if selection.is_quick_and_whole() {
        table.at_most("all of these figures", PATIENCE.as_secs_f64(), table.elapsed().as_secs_f64(), "s");
    }
    table.print();
    if table.all_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
