//! Whether a history can be explained: an order of its writes that agrees with time and with everything that was answered.
//!
//! The search of Wing and Gong with the memory of Lowe: try each write that may come next, and never the same set of
//! operations in the same state twice. What only reads is never tried: it is taken as soon as it fits, which can't make
//! anything else fit less.
//!
//! One thing is weaker than linearizability, as ADR 4 says: while a write is not yet acknowledged, one replica may show it
//! and another not yet. So two reads are in the order of time only if the same replica answered both. All else is: what
//! was acknowledged before a read began is seen by it, wherever it is read.

mod names;
mod register;
mod shortest;
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt::{Debug, Display},
    hash::Hash,
    time::Duration,
};

pub use self::{
    names::{NamesOp, Ownership},
    register::{Register, RegisterOp},
    shortest::explain,
};

/// Something that operations are done to, one after the other as it seems.
pub trait Object {
    type State: Clone + Debug + Default + Eq + Hash;
    type Op: Clone + Debug + Display;

    fn kind(op: &Self::Op) -> Kind;

    /// The state after an operation. `None` if its answer can't come from this state.
    fn apply(state: &Self::State, op: &Self::Op) -> Option<Self::State>;

    /// Whether a write of which nobody knows is of no importance, as nobody could tell whether it has happened.
    fn leaves_no_trace(op: &Self::Op, events: &[Event<Self::Op>]) -> bool;
}

/// How an operation is ordered against others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Writes,
    /// Answered from a replica's memory.
    Reads,
    /// Changes nothing either, and is not answered from memory.
    Looks,
}

/// An operation that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<Op> {
    pub client: usize,
    pub replica: usize,
    pub began: Duration,
    /// `None` if nobody knows what has come of it: then it may be done at any later time, or never.
    pub ended: Option<Duration>,
    pub op: Op,
}

/// Operations that are done already, by number.
type Taken = Vec<u64>;

/// Whether there is an order that explains the history.
pub fn is_explained<O: Object>(events: &[Event<O::Op>]) -> bool {
    let search = Search::<O>::new(events);
    let mut seen = HashSet::new();
    let none = vec![0; search.events.len().div_ceil(64)];
    let mut open = Vec::new();
    let mut next = Some((O::State::default(), none));
    loop {
        if let Some((state, mut taken)) = next {
            let Some(horizon) = search.take_what_fits(&state, &mut taken) else { return true };
            if seen.insert((state.clone(), taken.clone())) {
                let candidates = search.writes_that_may_come(&taken, horizon);
                open.push(Open { state, taken, candidates });
            }
        }
        let Some(last) = open.last_mut() else { return false };
        let candidate = last.candidates.pop();
        if candidate.is_none() {
            open.pop();
            next = None;
            continue;
        }
        next = candidate.and_then(|number| search.after(last, number));
    }
}

/// A state in which not everything has been tried.
struct Open<State> {
    state: State,
    taken: Taken,
    /// Writes that may come next, the likeliest last.
    candidates: Vec<usize>,
}

struct Search<'a, O: Object> {
    /// In the order in which they began.
    events: Vec<&'a Event<O::Op>>,
    /// Which of them write, and have ended.
    writes: Vec<usize>,
    /// Which of them write, and nobody knows.
    unknown: Vec<usize>,
    /// Which of them don't write.
    reads: Vec<usize>,
}

impl<'a, O: Object> Search<'a, O> {
    fn new(events: &'a [Event<O::Op>]) -> Self {
        let writes = |event: &Event<O::Op>| O::kind(&event.op) == Kind::Writes;
        let mut sorted: Vec<_> = events.iter().collect();
        sorted.sort_by_key(|event| event.began);
        let mut search = Self { events: sorted, writes: Vec::new(), unknown: Vec::new(), reads: Vec::new() };
        for (number, event) in search.events.iter().enumerate() {
            match (writes(event), event.ended) {
                (true, Some(_)) => search.writes.push(number),
                (true, None) if O::leaves_no_trace(&event.op, events) => {}
                (true, None) => search.unknown.push(number),
                (false, Some(_)) => search.reads.push(number),
                // A read that nobody was answered says nothing.
                (false, None) => {}
            }
        }
        search
    }

    /// Takes every read that fits. `None` if nothing is left that must be done; otherwise when the first thing ended
    /// that is left.
    fn take_what_fits(&self, state: &O::State, taken: &mut Taken) -> Option<Duration> {
        let first_write = self.first_end_of_a_write(taken);
        let mut first_left = first_write;
        let mut stuck: HashMap<usize, Duration> = HashMap::new();
        for &number in &self.reads {
            let event = self.events[number];
            if event.began > first_write {
                break;
            }
            if has(taken, number) {
                continue;
            }
            let replica = stuck.entry(event.replica).or_insert(Duration::MAX);
            let comes_first = O::kind(&event.op) == Kind::Looks || event.began <= *replica;
            if comes_first && O::apply(state, &event.op).is_some() {
                take(taken, number);
                continue;
            }
            let ended = event.ended.unwrap_or(Duration::MAX);
            if O::kind(&event.op) == Kind::Reads {
                *replica = (*replica).min(ended);
            }
            first_left = first_left.min(ended);
        }
        (first_left < Duration::MAX).then_some(first_left)
    }

    /// What may never have happened is tried last.
    fn writes_that_may_come(&self, taken: &Taken, horizon: Duration) -> Vec<usize> {
        let may_come = |number: &&usize| !has(taken, **number) && self.events[**number].began <= horizon;
        let known = self.writes.iter().take_while(|it| self.events[**it].began <= horizon).filter(may_come);
        let mut known: Vec<usize> = known.copied().collect();
        known.reverse();
        self.unknown.iter().filter(may_come).copied().chain(known).collect()
    }

    fn after(&self, open: &Open<O::State>, number: usize) -> Option<(O::State, Taken)> {
        let event = self.events[number];
        let state = O::apply(&open.state, &event.op)?;
        if event.ended.is_none() && state == open.state {
            return None;
        }
        let mut taken = open.taken.clone();
        take(&mut taken, number);
        Some((state, taken))
    }

    fn first_end_of_a_write(&self, taken: &Taken) -> Duration {
        let mut first = Duration::MAX;
        for &number in &self.writes {
            if self.events[number].began > first {
                break;
            }
            if !has(taken, number) {
                first = first.min(self.events[number].ended.unwrap_or(Duration::MAX));
            }
        }
        first
    }
}

fn has(taken: &Taken, number: usize) -> bool {
    taken[number / 64] & (1 << (number % 64)) != 0
}

fn take(taken: &mut Taken, number: usize) {
    taken[number / 64] |= 1 << (number % 64);
}
