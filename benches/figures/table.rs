//! The table that `make bench` prints, and how a time is measured.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

/// How many times something is measured. The fastest counts: what else a machine does only ever adds.
const ROUNDS: usize = 15;

/// All figures, and since when they are being measured.
pub struct Table {
    rows: Vec<Row>,
    began: Instant,
    /// When the last part has ended.
    ended: Instant,
}

impl Default for Table {
    fn default() -> Self {
        let now = Instant::now();
        Self { rows: Vec::new(), began: now, ended: now }
    }
}

/// One figure, as it is printed.
pub struct Row {
    pub figure: String,
    /// With its bound: `< 10 us`, `>= 0.8 x`.
    pub target: String,
    pub measured: String,
    /// What else was measured in the same run to compare with, and the ratio to it.
    pub beside: String,
    pub met: bool,
}

impl Table {
    pub fn push(&mut self, row: Row) {
        // Shown as it comes, for those who wait.
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    /// A figure that must be below its target, with what it is counted in.
    pub fn at_most(&mut self, figure: &str, target: f64, measured: f64, unit: &str) {
        let met = measured <= target;
        self.push(Row {
            figure: figure.to_owned(),
            target: format!("<= {} {unit}", short(target)),
            measured: format!("{} {unit}", short(measured)),
            beside: String::new(),
            met,
        });
    }

    /// A figure that nothing was promised about, beside those that explain it.
    pub fn note(&mut self, figure: &str, measured: f64, unit: &str) {
        self.push(Row {
            figure: figure.to_owned(),
            target: String::new(),
            measured: format!("{} {unit}", short(measured)),
            beside: String::new(),
            met: true,
        });
    }

    /// The same, beside what it is without something in the same run.
    pub fn note_times(&mut self, figure: &str, measured: f64, without: (&str, f64), unit: &str) {
        self.push(Row {
            figure: figure.to_owned(),
            target: String::new(),
            measured: format!("{} {unit}", short(measured)),
            beside: format!("{} x {} ({} {unit})", short(measured / without.1), without.0, short(without.1)),
            met: true,
        });
    }

    /// The same, with what it was for somebody else in the same run.
    pub fn note_beside(&mut self, figure: &str, measured: f64, other: (&str, f64), unit: &str) {
        self.push(Row {
            figure: figure.to_owned(),
            target: String::new(),
            measured: format!("{} {unit}", short(measured)),
            beside: format!("{} {} {unit}", other.0, short(other.1)),
            met: true,
        });
    }

    /// A figure that must be at least `target` times what `rival` reached in the same run.
    pub fn at_least_times(
        &mut self,
        figure: &str,
        target: f64,
        measured: f64,
        rival: (&str, f64),
        unit: &str,
    ) {
        let ratio = measured / rival.1;
        self.push(Row {
            figure: figure.to_owned(),
            target: format!(">= {} x", short(target)),
            measured: format!("{} {unit}", short(measured)),
            beside: format!("{} x {} ({} {unit})", short(ratio), rival.0, short(rival.1)),
            met: ratio >= target,
        });
    }

    /// A figure that must be at most `target` times what it is without something, measured in the same run.
    pub fn at_most_times(
        &mut self,
        figure: &str,
        target: f64,
        measured: f64,
        without: (&str, f64),
        unit: &str,
    ) {
        let ratio = measured / without.1;
        self.push(Row {
            figure: figure.to_owned(),
            target: format!("<= {} x", short(target)),
            measured: format!("{} {unit}", short(measured)),
            beside: format!("{} x {} ({} {unit})", short(ratio), without.0, short(without.1)),
            met: ratio <= target,
        });
    }

    /// Measures how long one call takes: the fastest of several rounds of `calls` calls each.
    pub fn measure<T>(&mut self, figure: &str, target: Duration, calls: u32, mut call: impl FnMut() -> T) {
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            start.elapsed() / calls
        });
        let measured = rounds.min().unwrap_or(Duration::MAX);
        self.push(Row {
            figure: figure.to_owned(),
            target: format!("< {}", time(target)),
            measured: time(measured),
            beside: String::new(),
            met: measured < target,
        });
    }

    /// Says that a part has ended, and how long it took.
    pub fn end(&mut self, part: &str) {
        let now = Instant::now();
        eprintln!("== {part}: {:.0} s", (now - self.ended).as_secs_f64());
        self.ended = now;
    }

    /// How long all of it takes so far.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn all_met(&self) -> bool {
        self.rows.iter().all(|row| row.met)
    }

    pub fn print(&self) {
        println!("{:<60} {:>12} {:>14}  beside it, in the same run", "figure", "target", "measured");
        for row in &self.rows {
            println!("{}", row.line());
        }
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { figure, target, measured, beside, met } = self;
        let verdict = if *met { "" } else { "  MISSED" };
        format!("{figure:<60} {target:>12} {measured:>14}  {beside}{verdict}").trim_end().to_owned()
    }
}

/// A time in the unit that reads best.
pub fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    match micros {
        ..1000.0 => format!("{micros:.1} us"),
        ..1e6 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.1} s", micros / 1e6),
    }
}

/// A number with three digits that say something.
fn short(number: f64) -> String {
    match number.abs() {
        100.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}
