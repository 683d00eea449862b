//! The table that `make bench` prints, and how a time is measured.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How many times something is measured. The fastest counts: what else a machine does only ever adds.
const ROUNDS: usize = 15;

/// All figures.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
}

struct Row {
    figure: &'static str,
    target: Duration,
    measured: Duration,
}

impl Table {
    /// Measures how long one call takes: the fastest of several rounds of `calls` calls each.
    pub fn measure<T>(
        &mut self,
        figure: &'static str,
        target: Duration,
        calls: u32,
        mut call: impl FnMut() -> T,
    ) {
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed() / calls
        });
        let measured = rounds.min().unwrap_or(Duration::MAX);
        self.rows.push(Row { figure, target, measured });
    }

    pub fn all_met(&self) -> bool {
        self.rows.iter().all(Row::is_met)
    }

    pub fn print(&self) {
        println!("{:<72} {:>10} {:>10}", "figure", "target", "measured");
        for row in &self.rows {
            let Row { figure, target, measured } = row;
            let verdict = if row.is_met() { "" } else { "  MISSED" };
            println!("{figure:<72} {:>10} {:>10}{verdict}", shown(*target), shown(*measured));
        }
    }
}

impl Row {
    fn is_met(&self) -> bool {
        self.measured < self.target
    }
}

fn shown(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 { format!("{micros:.1} us") } else { format!("{:.1} ms", micros / 1000.0) }
}
