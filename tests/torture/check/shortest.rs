//! The shortest part of a history that can't be explained, for people to read.

use std::{fmt::Write as _, time::Duration};

use super::{Event, Kind, Object, is_explained};

/// What can't be explained about a history, as text; `None` if all of it can.
pub fn explain<O: Object>(events: &[Event<O::Op>]) -> Option<String> {
    if is_explained::<O>(events) {
        return None;
    }
    let shortest = without_needless_reads::<O>(shortest_beginning::<O>(events));
    let mut text = String::new();
    for event in &shortest {
        let ended = event.ended.map_or_else(|| "?".to_owned(), |it| format!("{:.3}", it.as_secs_f64()));
        let Event { client, replica, began, ended: _, op } = event;
        let began = format!("{:.3}", began.as_secs_f64());
        // Writing to a string can't fail.
        let _ = writeln!(text, "{began:>9} to {ended:>9}  client {client:>2}, replica {replica}: {op}");
    }
    Some(text)
}

/// The history until the moment when it could not be explained any more.
fn shortest_beginning<O: Object>(events: &[Event<O::Op>]) -> Vec<Event<O::Op>> {
    let mut ends: Vec<Duration> = events.iter().filter_map(|event| event.ended).collect();
    ends.sort();
    let first_bad = ends.partition_point(|end| is_explained::<O>(&until::<O>(events, *end)));
    let mut beginning = until::<O>(events, ends.get(first_bad).copied().unwrap_or(Duration::MAX));
    beginning.sort_by_key(|event| event.began);
    beginning
}

/// What had ended by then; and of what had not, the writes, of which nobody knew yet what would come of them.
fn until<O: Object>(events: &[Event<O::Op>], end: Duration) -> Vec<Event<O::Op>> {
    let begun = events.iter().filter(|event| event.began <= end).cloned();
    let known = begun.map(|event| Event { ended: event.ended.filter(|it| *it <= end), ..event });
    known.filter(|event| event.ended.is_some() || O::kind(&event.op) == Kind::Writes).collect()
}

/// A part that can't be explained stays one without a read that is not needed for that.
fn without_needless_reads<O: Object>(mut events: Vec<Event<O::Op>>) -> Vec<Event<O::Op>> {
    let mut number = 0;
    while number < events.len() {
        let event = events.remove(number);
        if O::kind(&event.op) == Kind::Writes || is_explained::<O>(&events) {
            events.insert(number, event);
            number += 1;
        }
    }
    events
}
