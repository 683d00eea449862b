//! What a replica would hold and need with 1,000,000 users: simulated, as no API server here holds so many. Everybody is
//! put into the memory of this process as a replica has them.

use std::{
    process,
    time::{Duration, Instant},
};

use rollcall::scim::schema::ResourceSchema;

use crate::{
    directory::{directory, id, tenant},
    gauge::memory,
    load::Failure,
    protocol::{TWO_CLAUSES, list},
    selection::Selection,
    table::Table,
};

const PEOPLE: usize = 1_000_000;

pub fn measure(table: &mut Table, selection: &Selection) -> Result<(), Failure> {
    if !selection.full || !selection.has("million") {
        return Ok(());
    }
    let (schema, before, started) = (ResourceSchema::user(), memory(process::id(), "VmRSS")?, Instant::now());
    let directory = directory(PEOPLE);
    table.note("1,000,000 users put into memory, in process", started.elapsed().as_secs_f64(), "s");
    table.note("  memory for them", memory(process::id(), "VmRSS")? - before, "MiB");
    let number = PEOPLE / 2 + 1;
    assert!(directory.user(&tenant(), &id(number)).is_some());
    let by_name = format!("userName eq \"PERSON{number}@example.com\"");
    assert_eq!(list(&directory, &schema, &by_name).total, 1);
    table.measure("userName eq, of 1,000,000 users", Duration::from_micros(50), 1000, || {
        list(&directory, &schema, &by_name)
    });
    assert_eq!(list(&directory, &schema, TWO_CLAUSES).total, PEOPLE / 200);
    table.measure("two clauses without an index, of 1,000,000 users", Duration::from_millis(600), 1, || {
        list(&directory, &schema, TWO_CLAUSES)
    });
    table.end("million");
    Ok(())
}
