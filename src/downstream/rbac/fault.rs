//! Answers of the API server that mean "no", told as an [`ApplyError`].
//!
//! The API server's own words are not repeated: they quote subjects, which are people's names and addresses.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::core::Status;

use super::binding::{Binding, Place};
use super::settings::SettingsError;
use super::{ApplyError, Blame};

/// An error of this team alone.
pub fn item(message: impl Into<String>) -> ApplyError {
    ApplyError { blame: Blame::Item, message: message.into(), retry_after: None }
}

/// An error of the app as a whole.
pub fn app(message: impl Into<String>) -> ApplyError {
    ApplyError { blame: Blame::App, message: message.into(), retry_after: None }
}

/// A DownstreamApp that asks for something impossible.
pub fn settings(error: &SettingsError) -> ApplyError {
    app(error.to_string())
}

/// The first few problems in one line, and how many more there are.
pub fn join(problems: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = problems[..problems.len().min(SHOWN)].join("; ");
    match problems.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// What is not about one binding: the API server can't be reached, does not know us, or is overloaded.
pub fn unexpected(error: &kube::Error) -> ApplyError {
    let kube::Error::Api(status) = error else {
        return app("the Kubernetes API server can't be reached, or its answer is not understood");
    };
    if status.code == 401 {
        return app("the Kubernetes API server refuses Rollcall's credentials");
    }
    let message =
        format!("the Kubernetes API server can't serve now: HTTP {} {}", status.code, status.reason);
    ApplyError { retry_after: retry_after(status), ..app(message) }
}

/// The installation lets Rollcall see no bindings at all.
pub fn no_rights() -> ApplyError {
    app("the installation gives Rollcall no right to manage RoleBindings: set rbac.enabled in the chart")
}

/// The installation lets Rollcall see the bindings of some namespaces, and Rollcall was not told of which.
pub fn no_rights_everywhere(namespace: &str) -> ApplyError {
    app(format!(
        "Rollcall may manage RoleBindings in namespace {namespace}, but not in every namespace, as it does without \
         --rbac-namespaces: give it that flag with the namespaces of rbac.namespaces, or empty rbac.namespaces"
    ))
}

/// The installation lets Rollcall see no bindings in any of the namespaces that it was told of.
pub fn no_rights_within(namespaces: &BTreeSet<String>) -> ApplyError {
    let names: Vec<String> = namespaces.iter().cloned().collect();
    app(format!(
        "the installation gives Rollcall no right to manage RoleBindings in any namespace of --rbac-namespaces: set \
         rbac.enabled, have these in rbac.namespaces, and see whether they exist: {}",
        join(&names)
    ))
}

/// A binding that the API server finds wrong; which fields, but not what is in them.
pub fn rejected(binding: &Binding, status: &Status) -> ApplyError {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fields: Vec<&str> = causes.map(|cause| cause.field.as_str()).take(3).collect();
    item(format!(
        "the API server rejects {binding}: HTTP {} {} {}",
        status.code,
        status.reason,
        fields.join(", ")
    ))
}

/// A namespace that is not there, or a role that does not exist and may not be bound unseen.
pub fn missing(binding: &Binding, status: &Status) -> ApplyError {
    let kind = status.details.as_ref().map(|details| details.kind.as_str());
    match (&binding.place, kind) {
        (Place::Namespace(namespace), Some("namespaces" | "Namespace")) => {
            item(format!("namespace {namespace} does not exist: create it, or take it out of the grant"))
        }
        (Place::Cluster | Place::Namespace(_), _) => cannot_bind(binding),
    }
}

/// Whether a 403 means that the namespace is on its way out.
pub fn is_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
}

/// A namespace that is being deleted.
pub fn terminating(binding: &Binding) -> ApplyError {
    item(format!("{binding} can't be made, because its namespace is being deleted"))
}

/// The installation holds no right to write this kind of binding there.
pub fn cannot_write(binding: &Binding) -> ApplyError {
    match &binding.place {
        Place::Cluster => item(
            "Rollcall may list ClusterRoleBindings, but not create them: the chart gives both rights with \
             rbac.clusterWide; did somebody change its ClusterRole?",
        ),
        Place::Namespace(namespace) => item(format!(
            "Rollcall may list RoleBindings in namespace {namespace}, but not create them: the chart gives both rights \
             with rbac.enabled; did somebody change its Role?"
        )),
    }
}

/// The installation holds no right to bind this role.
pub fn cannot_bind(binding: &Binding) -> ApplyError {
    let role = binding.role_name();
    match &binding.place {
        Place::Namespace(namespace) if binding.role.kind == "Role" => item(format!(
            "the installation does not allow Rollcall to bind {role} in namespace {namespace}: add it to \
             rbac.bindableNamespacedRoles"
        )),
        Place::Cluster | Place::Namespace(_) => item(format!(
            "the installation does not allow Rollcall to bind {role}: add it to rbac.bindableRoles"
        )),
    }
}

/// A policy of the cluster says no, though RBAC would not.
pub fn forbidden(binding: &Binding) -> ApplyError {
    item(format!(
        "the API server forbids {binding} though RBAC allows it: an admission policy is likely against it"
    ))
}

/// Something of the same name that does not carry our labels.
pub fn foreign(binding: &Binding) -> ApplyError {
    item(format!("{binding} exists but is not ours (it lacks our labels): delete or rename it"))
}

fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.details.as_ref()?.retry_after_seconds;
    (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
}
