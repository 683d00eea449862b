//! Takes the steps of a plan: every write of this room.

use std::collections::BTreeMap;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;
use kube::{Api, Client};

use crate::api::names::FIELD_MANAGER;

use super::binding::{Binding, Place};
use super::plan::{Plan, Step};
use super::subject::RBAC_GROUP;
use super::{ApplyError, Blame, fault};

/// Writes bindings.
pub struct Writer {
    client: Client,
    /// What makes a binding of this team ours.
    labels: BTreeMap<String, String>,
}

/// How the steps of a plan went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether something was no longer as it was seen, so that it has to be looked at again.
    pub conflict: bool,
    /// How many steps changed something.
    pub done: usize,
    /// What could not be done, for people.
    pub problems: Vec<String>,
}

/// Why one step was not taken.
enum Refusal {
    /// The binding is no longer as it was seen.
    Conflict,
    /// Somebody has to do something.
    Fault(ApplyError),
}

impl Writer {
    pub fn new(client: Client, labels: BTreeMap<String, String>) -> Self {
        Self { client, labels }
    }

    /// Takes every step that can be taken: a grant that is refused must not hold up a revocation.
    pub async fn run(&self, plan: Plan) -> Result<Outcome, ApplyError> {
        let mut outcome = Outcome { problems: plan.problems, ..Outcome::default() };
        for step in plan.steps {
            match self.take(&step).await {
                Ok(()) => outcome.done += 1,
                Err(Refusal::Conflict) => outcome.conflict = true,
                Err(Refusal::Fault(error)) => match error.blame {
                    Blame::App => return Err(error),
                    Blame::Item => outcome.problems.push(error.message),
                },
            }
        }
        Ok(outcome)
    }

    async fn take(&self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::Create(wanted) => self.create(wanted).await,
            Step::Replace { seen, wanted } => self.replace(seen, wanted).await,
            Step::Recreate { seen, wanted } => {
                self.delete(seen).await?;
                self.create(wanted).await
            }
            Step::Delete(seen) => self.delete(seen).await,
        }
    }

    async fn create(&self, wanted: &Binding) -> Result<(), Refusal> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let answer = match &wanted.place {
            Place::Cluster => self.cluster().create(&params, &wanted.clone().into()).await.map(drop),
            Place::Namespace(name) => {
                self.within(name).create(&params, &wanted.clone().into()).await.map(drop)
            }
        };
        match answer {
            Ok(()) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_already_exists() => Err(self.whose(wanted).await),
            Err(error) => Err(self.explain(wanted, error).await),
        }
    }

    async fn replace(&self, seen: &Binding, wanted: &Binding) -> Result<(), Refusal> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let name = wanted.name();
        let answer = match &wanted.place {
            Place::Cluster => self.cluster().replace(name, &params, &wanted.clone().into()).await.map(drop),
            Place::Namespace(namespace) => {
                self.within(namespace).replace(name, &params, &wanted.clone().into()).await.map(drop)
            }
        };
        match answer {
            Ok(()) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.code == 404 => {
                Err(Refusal::Conflict)
            }
            Err(error) => match self.explain(wanted, error).await {
                Refusal::Fault(fault) if fault.blame == Blame::Item && seen.loses_subjects(wanted) => {
                    self.withdraw(seen, fault).await
                }
                refusal @ (Refusal::Conflict | Refusal::Fault(_)) => Err(refusal),
            },
        }
    }

    /// Somebody has to lose access, but the API server does not let us write the binding any more: Kubernetes asks
    /// for the right to bind even to take a subject away. Deleting needs no such right, and whoever took the
    /// role off the list of those that Rollcall may bind wants it granted to nobody.
    async fn withdraw(&self, seen: &Binding, fault: ApplyError) -> Result<(), Refusal> {
        self.delete(seen).await?;
        let message = format!("{}; {seen} is deleted, because members had to lose it", fault.message);
        Err(Refusal::Fault(ApplyError { message, ..fault }))
    }

    /// Deletes the very binding that was seen, or nothing.
    async fn delete(&self, seen: &Binding) -> Result<(), Refusal> {
        let metadata = &seen.metadata;
        let params = DeleteParams::default().preconditions(Preconditions {
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
        });
        let answer = match &seen.place {
            Place::Cluster => self.cluster().delete(seen.name(), &params).await.map(drop),
            Place::Namespace(namespace) => {
                self.within(namespace).delete(seen.name(), &params).await.map(drop)
            }
        };
        match answer {
            Ok(()) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() => Err(Refusal::Conflict),
            Err(error) => Err(self.explain(seen, error).await),
        }
    }

    /// A binding of our name is there, and the list did not show it: it is foreign, or it has just been made.
    async fn whose(&self, wanted: &Binding) -> Refusal {
        let found = match &wanted.place {
            Place::Cluster => {
                self.cluster().get_opt(wanted.name()).await.map(|found| found.map(Binding::from))
            }
            Place::Namespace(name) => {
                self.within(name).get_opt(wanted.name()).await.map(|found| found.map(Binding::from))
            }
        };
        match found {
            Ok(Some(found)) if !found.has_labels(&self.labels) => Refusal::Fault(fault::foreign(wanted)),
            Ok(Some(_) | None) => Refusal::Conflict,
            Err(error) => Refusal::Fault(fault::unexpected(&error)),
        }
    }

    /// Finds out what a "no" means.
    async fn explain(&self, binding: &Binding, error: kube::Error) -> Refusal {
        let kube::Error::Api(status) = &error else { return Refusal::Fault(fault::unexpected(&error)) };
        let fault = match status.code {
            403 => self.explain_forbidden(binding, status).await,
            404 => Ok(fault::missing(binding, status)),
            400 | 409 | 413 | 422 => Ok(fault::rejected(binding, status)),
            _ => Ok(fault::unexpected(&error)),
        };
        Refusal::Fault(fault.unwrap_or_else(|error| fault::unexpected(&error)))
    }

    /// A 403 says in prose alone whether the right to write or the right to bind is missing; so ask.
    async fn explain_forbidden(&self, binding: &Binding, status: &Status) -> Result<ApplyError, kube::Error> {
        if fault::is_terminating(status) {
            return Ok(fault::terminating(binding));
        }
        let (bindings, namespace) = match &binding.place {
            Place::Cluster => ("clusterrolebindings", None),
            Place::Namespace(namespace) => ("rolebindings", Some(namespace.clone())),
        };
        let roles = if binding.role.kind == "Role" { "roles" } else { "clusterroles" };
        if !self.may("create", bindings, None, namespace.clone()).await? {
            return Ok(fault::cannot_write(binding));
        }
        if !self.may("bind", roles, Some(binding.role.name.clone()), namespace).await? {
            return Ok(fault::cannot_bind(binding));
        }
        Ok(fault::forbidden(binding))
    }

    async fn may(
        &self,
        verb: &str,
        resource: &str,
        name: Option<String>,
        namespace: Option<String>,
    ) -> Result<bool, kube::Error> {
        let attributes = ResourceAttributes {
            group: Some(RBAC_GROUP.to_owned()),
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            name,
            namespace,
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let answer = Api::all(self.client.clone()).create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    fn cluster(&self) -> Api<ClusterRoleBinding> {
        Api::all(self.client.clone())
    }

    fn within(&self, namespace: &str) -> Api<RoleBinding> {
        Api::namespaced(self.client.clone(), namespace)
    }
}
