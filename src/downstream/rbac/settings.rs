//! What a DownstreamApp of kind `rbac` asks for, validated once.

use std::collections::BTreeSet;

use crate::api::{Grant, RbacTarget, RoleKind, RoleRef};
use crate::scim::fold::fold_case;

use super::binding::Place;
use super::subject::Naming;

/// The checked form of an [`RbacTarget`].
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Which subjects a team becomes.
    pub naming: Naming,
    grants: Vec<CheckedGrant>,
}

/// Where the installation lets Rollcall write bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// In every namespace.
    #[default]
    Cluster,
    /// In these namespaces only.
    Namespaces(BTreeSet<String>),
}

/// What is wrong with an [`RbacTarget`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the app has no spec.rbac")]
    NotRbac,
    #[error("subjects.prefix must end in ':', '/' or '#', after letters, digits or ._-:/#")]
    Prefix,
    #[error("subjects.prefix can't start with system:, because these subjects belong to Kubernetes")]
    ReservedPrefix,
    #[error("subjects.name DisplayName is for groups; users have UserName, Email, ExternalId or Id")]
    NameOfUsers,
    #[error("subjects.name UserName and Email are for users; a group has DisplayName, ExternalId or Id")]
    NameOfGroup,
    #[error("grants names {0:?} as a namespace, which is no DNS label")]
    Namespace(String),
    #[error("grants gives the Role {0:?} clusterWide; only a ClusterRole can be")]
    RoleClusterWide(String),
}

#[derive(Clone, Debug, PartialEq)]
struct CheckedGrant {
    /// Folded, for comparison.
    team: String,
    role: RoleRef,
    places: Vec<Place>,
}

impl Settings {
    /// Checks what the schema of DownstreamApp promises; a namespace becomes part of a URL.
    pub fn new(target: &RbacTarget) -> Result<Self, SettingsError> {
        let naming = Naming::new(&target.subjects)?;
        let grants = target.grants.iter().map(CheckedGrant::new).collect::<Result<_, _>>()?;
        Ok(Self { naming, grants })
    }

    /// Which roles a team of this name, whatever its case, gets and where. One entry each, however often it is
    /// granted.
    pub fn granted(&self, team: &str) -> Vec<(&RoleRef, &Place)> {
        let team = fold_case(team);
        let mut granted: Vec<(&RoleRef, &Place)> = Vec::new();
        for grant in self.grants.iter().filter(|grant| grant.team == team) {
            for place in &grant.places {
                if !granted.contains(&(&grant.role, place)) {
                    granted.push((&grant.role, place));
                }
            }
        }
        granted
    }

    /// Every namespace in which something is granted.
    pub fn namespaces(&self) -> BTreeSet<String> {
        let places = self.grants.iter().flat_map(|grant| &grant.places);
        places
            .filter_map(|place| match place {
                Place::Namespace(name) => Some(name.clone()),
                Place::Cluster => None,
            })
            .collect()
    }
}

impl CheckedGrant {
    fn new(grant: &Grant) -> Result<Self, SettingsError> {
        let Grant { team, role_ref, namespaces, cluster_wide } = grant;
        let mut places = Vec::with_capacity(namespaces.len());
        for namespace in namespaces {
            places.push(Place::namespace(namespace)?);
        }
        if *cluster_wide {
            match role_ref.kind {
                RoleKind::ClusterRole => places.push(Place::Cluster),
                RoleKind::Role => return Err(SettingsError::RoleClusterWide(role_ref.name.clone())),
            }
        }
        Ok(Self { team: fold_case(team), role: role_ref.clone(), places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Subjects;

    fn target(grants: Vec<Grant>) -> RbacTarget {
        let subjects = Subjects { prefix: "okta:".to_owned(), ..Subjects::default() };
        RbacTarget { subjects, grants }
    }

    fn grant(team: &str, namespaces: &[&str]) -> Grant {
        let role_ref = RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() };
        let namespaces = namespaces.iter().map(|&namespace| namespace.to_owned()).collect();
        Grant { team: team.to_owned(), role_ref, namespaces, cluster_wide: false }
    }

    #[test]
    fn a_team_is_found_whatever_the_case_of_its_letters() {
        let settings = Settings::new(&target(vec![grant("Straße", &["dev"])])).unwrap();
        assert_eq!(settings.granted("STRASSE").len(), 1);
        assert_eq!(settings.granted("Strass").len(), 0);
    }

    #[test]
    fn a_grant_given_twice_counts_once() {
        let settings =
            Settings::new(&target(vec![grant("ops", &["dev", "prod"]), grant("Ops", &["dev"])])).unwrap();
        assert_eq!(settings.granted("ops").len(), 2);
    }

    #[test]
    fn a_namespace_that_would_change_the_url_is_refused() {
        for bad in ["../kube-system", "a/b", "a%2fb", "", "-a", "a-", "A", "a.b"] {
            let refused = Settings::new(&target(vec![grant("ops", &[bad])]));
            assert_eq!(refused, Err(SettingsError::Namespace(bad.to_owned())));
        }
    }
}
