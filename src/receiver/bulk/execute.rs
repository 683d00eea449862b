//! Carries the operations of a bulk request out, one after the other, as they were planned.
//!
//! Each operation happens whole or not at all, as a request of its own would; the request as a whole may happen in part,
//! and its answer says which. An operation that was carried out without a reference is not done before that is set: if
//! it can't be, what the operation has created is deleted again.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::write::{Writer, Written};
use crate::{
    receiver::{
        ReceiverError, ReceiverState,
        auth::{Granted, SendBulk},
        dialect,
        location::Links,
        request::object_name,
    },
    scim::{
        ScimError,
        bulk::{
            Action, BulkOperation, BulkRequest, Endpoint, Method, Step, Target, Task, plan,
            reference::{patch_of, resolve, split_off},
            response::OperationResult,
        },
        dialect::Quirks,
        version::{Conditions, etag},
    },
};

/// Which part of a request's time may pass until the last operation is begun. That one may take long, and the answer
/// must still come.
const BEGIN_WITHIN: f64 = 0.5;

/// Carries out what can be, and tells what became of it, in the order of the request. What was not begun because there
/// were too many errors is left out.
pub(super) async fn execute(
    state: &ReceiverState,
    granted: &Granted<SendBulk>,
    links: &Links,
    request: BulkRequest,
) -> Vec<OperationResult> {
    let steps = plan(&request.operations);
    let errors_left = request.fail_on_errors.unwrap_or(usize::MAX);
    let mut execution = Execution {
        writer: Writer { state, granted, links },
        slots: request.operations.into_iter().map(Slot::new).collect(),
        ids: HashMap::new(),
        errors_left,
        seen: Quirks::new(),
        begin_until: Instant::now() + begin_within(state.settings.request_timeout),
    };
    for step in steps {
        if execution.errors_left == 0 {
            break;
        }
        match step {
            Step::Run { operation, without } => execution.run(operation, &without).await,
            Step::Complete { operation } => execution.complete(operation).await,
        }
    }
    execution.finish().await
}

fn begin_within(request_timeout: Duration) -> Duration {
    request_timeout.mul_f64(BEGIN_WITHIN)
}

struct Execution<'a> {
    writer: Writer<'a>,
    slots: Vec<Slot>,
    /// What has been created, by bulkId.
    ids: HashMap<String, String>,
    errors_left: usize,
    /// The dialect of what has succeeded.
    seen: Quirks,
    begin_until: Instant,
}

/// One operation, and what has become of it.
struct Slot {
    method: Option<Method>,
    bulk_id: Option<String>,
    references: Vec<String>,
    /// `None` once it was begun.
    task: Option<Result<Task, ScimError>>,
    /// Which resource it is about, as soon as that is known.
    resource: Option<(Endpoint, String)>,
    version: Option<String>,
    /// What is still to be set.
    left_out: Option<Value>,
    outcome: Option<Result<u16, ScimError>>,
}

impl Slot {
    fn new(operation: BulkOperation) -> Self {
        let BulkOperation { method, bulk_id, references, task } = operation;
        let resource = task.as_ref().ok().and_then(named_resource);
        Self {
            method,
            bulk_id,
            references,
            task: Some(task),
            resource,
            version: None,
            left_out: None,
            outcome: None,
        }
    }
}

/// The resource that a task names by its id. RFC 7644 section 3.7: "location" is in every answer but to a POST that has
/// failed.
fn named_resource(task: &Task) -> Option<(Endpoint, String)> {
    match &task.action {
        Action::Replace(Target::Id(id), ..)
        | Action::Patch(Target::Id(id), ..)
        | Action::Delete(Target::Id(id), _) => Some((task.endpoint, object_name(id.clone()).ok()?)),
        Action::Create(_) | Action::Replace(..) | Action::Patch(..) | Action::Delete(..) => None,
    }
}

/// What an operation has done.
struct Done {
    status: u16,
    version: Option<String>,
    created: Option<String>,
    left_out: Option<Value>,
}

impl Execution<'_> {
    async fn run(&mut self, operation: usize, without: &[usize]) {
        let Some(task) = self.slots[operation].task.take() else { return };
        let endpoint = task.as_ref().ok().map(|task| task.endpoint);
        let rules = &self.writer.granted.access.rules;
        let shown = task.as_ref().map(|task| dialect::of_operation(rules, task)).unwrap_or_default();
        let result = match task {
            Ok(task) => self.carry_out(operation, task, without).await,
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(Done { status, version, created, left_out }) => {
                let slot = &mut self.slots[operation];
                if let (Some(id), Some(endpoint)) = (created, endpoint) {
                    slot.resource = Some((endpoint, id.clone()));
                    self.ids.extend(slot.bulk_id.clone().map(|bulk_id| (bulk_id, id)));
                }
                (slot.version, slot.left_out) = (version, left_out);
                slot.outcome = Some(Ok(status));
                self.seen = self.seen.union(shown);
            }
            Err(error) => self.fail(operation, error.into_scim()),
        }
    }

    async fn carry_out(
        &mut self,
        operation: usize,
        Task { endpoint, action }: Task,
        without: &[usize],
    ) -> Result<Done, ReceiverError> {
        if Instant::now() > self.begin_until {
            return Err(ScimError::new(503, "there was no time left to begin this; send it again").into());
        }
        self.writer.check(endpoint)?;
        let later: HashSet<String> =
            without.iter().filter_map(|index| self.slots[*index].bulk_id.clone()).collect();
        self.check_references(&self.slots[operation].references, &later)?;
        let done = |status, version| Done { status, version, created: None, left_out: None };
        match action {
            Action::Create(mut data) => {
                let left_out =
                    (!later.is_empty()).then(|| split_off(&mut data, |bulk_id| later.contains(bulk_id)));
                self.resolve(&mut data);
                let Written { id, version } = self.writer.create(endpoint, data).await?;
                Ok(Done { status: 201, version: Some(version), created: Some(id), left_out })
            }
            Action::Replace(target, conditions, mut data) => {
                self.resolve(&mut data);
                let id = self.aim(operation, endpoint, target)?;
                let version = self.writer.replace(endpoint, &id, &conditions, data).await?;
                Ok(done(200, Some(version)))
            }
            Action::Patch(target, conditions, mut data) => {
                self.resolve(&mut data);
                let id = self.aim(operation, endpoint, target)?;
                let version = self.writer.patch(endpoint, &id, &conditions, data).await?;
                Ok(done(200, Some(version)))
            }
            Action::Delete(target, conditions) => {
                let id = self.aim(operation, endpoint, target)?;
                self.writer.delete(endpoint, &id, &conditions).await?;
                Ok(done(204, None))
            }
        }
    }

    /// Whether there is an id for every reference but those that are set later.
    fn check_references(&self, references: &[String], later: &HashSet<String>) -> Result<(), ScimError> {
        let is_missing = |bulk_id: &&String| !self.ids.contains_key(*bulk_id) && !later.contains(*bulk_id);
        match references.iter().find(is_missing) {
            Some(missing) => Err(unresolved(missing)),
            None => Ok(()),
        }
    }

    fn resolve(&self, data: &mut Value) {
        resolve(data, |bulk_id| self.ids.get(bulk_id).cloned());
    }

    /// The id of what an operation is about.
    fn aim(&mut self, operation: usize, endpoint: Endpoint, target: Target) -> Result<String, ReceiverError> {
        let id = match target {
            Target::Id(id) => object_name(id)?,
            Target::BulkId(bulk_id) => self.ids.get(&bulk_id).cloned().ok_or_else(|| unresolved(&bulk_id))?,
        };
        self.slots[operation].resource = Some((endpoint, id.clone()));
        Ok(id)
    }

    /// Sets the references that an operation was carried out without.
    async fn complete(&mut self, operation: usize) {
        let slot = &mut self.slots[operation];
        let (Some(mut data), Some((endpoint, id))) = (slot.left_out.take(), slot.resource.clone()) else {
            return;
        };
        let result = match self.check_references(&self.slots[operation].references, &HashSet::new()) {
            Ok(()) => {
                self.resolve(&mut data);
                self.writer.patch(endpoint, &id, &Conditions::default(), patch_of(&data)).await
            }
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(version) => self.slots[operation].version = Some(version),
            Err(error) => self.undo(operation, error.into_scim()).await,
        }
    }

    /// Deletes what an operation has created and could not complete, unless somebody else has changed it since.
    async fn undo(&mut self, operation: usize, error: ScimError) {
        let slot = &mut self.slots[operation];
        if let Some(bulk_id) = &slot.bulk_id {
            self.ids.remove(bulk_id);
        }
        let Some((endpoint, id)) = slot.resource.take() else { return };
        let version = slot.version.take().unwrap_or_default();
        let only_this = Conditions::parse([&*etag(&version)], []);
        let error = match self.writer.delete(endpoint, &id, &only_this).await {
            Ok(()) => error,
            Err(reason) => {
                let left = reason.into_scim().detail;
                self.slots[operation].resource = Some((endpoint, id));
                error.within(&format!("it was created, and not all it refers to could be set ({left})"))
            }
        };
        self.fail(operation, error);
    }

    fn fail(&mut self, operation: usize, error: ScimError) {
        self.errors_left = self.errors_left.saturating_sub(1);
        self.slots[operation].outcome = Some(Err(error));
    }

    /// Undoes what was begun and can't be completed any more, and tells about everything.
    async fn finish(mut self) -> Vec<OperationResult> {
        for operation in 0..self.slots.len() {
            if self.slots[operation].left_out.take().is_some() {
                let error =
                    ScimError::new(409, "what this refers to was not created, as there were too many errors");
                self.undo(operation, error).await;
            }
        }
        let writer = self.writer;
        let dialects = writer.state.tenants.dialects();
        dialects.note(&writer.granted.access.tenant, self.seen, Timestamp::now());
        let tell = |slot: Slot| {
            Some(OperationResult {
                method: slot.method,
                bulk_id: slot.bulk_id,
                location: slot.resource.map(|(endpoint, id)| writer.location(endpoint, &id)),
                version: slot.version.map(|version| etag(&version)),
                outcome: slot.outcome?,
            })
        };
        self.slots.into_iter().filter_map(tell).collect()
    }
}

/// RFC 7644 section 3.7.1: a reference that can't be resolved is a conflict, 409.
fn unresolved(bulk_id: &str) -> ScimError {
    let name: String = bulk_id.chars().take(crate::scim::error::EXCERPT_CHARS).collect();
    ScimError::new(409, format!("the operation with the bulkId {name:?} has failed, and this refers to it"))
}
