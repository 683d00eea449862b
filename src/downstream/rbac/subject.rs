//! Who a person or a team is in a binding: a prefix that the installation's people chose, then one attribute.
//!
//! What an identity provider sends decides only what comes after the prefix. The prefix is validated once, here, so
//! that nothing that comes after it can turn the whole into one of Kubernetes' own subjects (`system:masters`).

use k8s_openapi::api::rbac::v1::Subject;

use crate::api::{SubjectKind, SubjectName, Subjects};
use crate::downstream::{MemberView, TeamView};

use super::settings::SettingsError;

/// The API group of `User` and `Group` subjects, and of roles.
pub const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// What every name that Kubernetes keeps for itself starts with.
const RESERVED: &str = "system:";

/// Which subjects a team becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Naming {
    /// One `User` subject for each member.
    Users(SubjectPrefix, UserAttribute),
    /// One `Group` subject for the team.
    Group(SubjectPrefix, TeamAttribute),
}

/// A prefix that ends in a delimiter and is not Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPrefix(String);

/// The attribute of a user that follows the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAttribute {
    UserName,
    Email,
    ExternalId,
    Id,
}

/// The attribute of a team that follows the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeamAttribute {
    DisplayName,
    ExternalId,
    Id,
}

/// Why a name can't be a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Unusable {
    #[error("no value in the attribute that names the subject")]
    Empty,
    #[error("a name with control characters")]
    ControlCharacters,
    #[error("a name that Kubernetes keeps for itself")]
    Reserved,
}

impl Naming {
    /// Checks what a DownstreamApp says of its subjects.
    pub fn new(subjects: &Subjects) -> Result<Self, SettingsError> {
        let prefix = SubjectPrefix::parse(&subjects.prefix)?;
        match subjects.kind.unwrap_or_default() {
            SubjectKind::Users => Ok(Self::Users(prefix, user_attribute(subjects.name)?)),
            SubjectKind::Group => Ok(Self::Group(prefix, team_attribute(subjects.name)?)),
        }
    }

    /// The subject that a whole team is, where teams are subjects.
    pub fn team(&self, team: &TeamView) -> Option<Result<Subject, Unusable>> {
        let Self::Group(prefix, attribute) = self else { return None };
        let name = match attribute {
            TeamAttribute::DisplayName => Some(team.display_name.as_str()),
            TeamAttribute::ExternalId => team.external_id.as_deref(),
            TeamAttribute::Id => Some(team.id.as_str()),
        };
        Some(prefix.name(name).map(|name| subject("Group", name)))
    }

    /// The subject that a member is, where members are subjects.
    pub fn member(&self, member: &MemberView) -> Option<Result<Subject, Unusable>> {
        let Self::Users(prefix, attribute) = self else { return None };
        let name = match attribute {
            UserAttribute::UserName => Some(member.user_name.as_str()),
            UserAttribute::Email => member.email.as_deref(),
            UserAttribute::ExternalId => member.external_id.as_deref(),
            UserAttribute::Id => Some(member.id.as_str()),
        };
        Some(prefix.name(name).map(|name| subject("User", name)))
    }
}

impl SubjectPrefix {
    /// Accepts what the CRD's schema accepts. It is checked again, because a schema can be replaced in the cluster.
    pub fn parse(prefix: &str) -> Result<Self, SettingsError> {
        let delimited = prefix.len() > 1 && prefix.ends_with([':', '/', '#']);
        let plain = prefix.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/#".contains(c));
        if !delimited || !plain || prefix.len() > 64 {
            return Err(SettingsError::Prefix);
        }
        if prefix.to_ascii_lowercase().starts_with(RESERVED) {
            return Err(SettingsError::ReservedPrefix);
        }
        Ok(Self(prefix.to_owned()))
    }

    /// The prefix and a name. The result is checked as a whole: it is what the API server will compare.
    fn name(&self, name: Option<&str>) -> Result<String, Unusable> {
        let name = name.filter(|name| !name.trim().is_empty()).ok_or(Unusable::Empty)?;
        if name.chars().any(misleads) {
            return Err(Unusable::ControlCharacters);
        }
        let whole = format!("{}{name}", self.0);
        if whole.starts_with(RESERVED) {
            return Err(Unusable::Reserved);
        }
        Ok(whole)
    }
}

/// Control characters, and those that change the direction of the text around them: with either, a person who
/// reviews the binding reads another name than the one the API server compares.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn subject(kind: &str, name: String) -> Subject {
    Subject { api_group: Some(RBAC_GROUP.to_owned()), kind: kind.to_owned(), name, namespace: None }
}

fn user_attribute(name: Option<SubjectName>) -> Result<UserAttribute, SettingsError> {
    match name {
        None | Some(SubjectName::UserName) => Ok(UserAttribute::UserName),
        Some(SubjectName::Email) => Ok(UserAttribute::Email),
        Some(SubjectName::ExternalId) => Ok(UserAttribute::ExternalId),
        Some(SubjectName::Id) => Ok(UserAttribute::Id),
        Some(SubjectName::DisplayName) => Err(SettingsError::NameOfUsers),
    }
}

fn team_attribute(name: Option<SubjectName>) -> Result<TeamAttribute, SettingsError> {
    match name {
        None | Some(SubjectName::DisplayName) => Ok(TeamAttribute::DisplayName),
        Some(SubjectName::ExternalId) => Ok(TeamAttribute::ExternalId),
        Some(SubjectName::Id) => Ok(TeamAttribute::Id),
        Some(SubjectName::UserName | SubjectName::Email) => Err(SettingsError::NameOfGroup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(value: &str) -> Result<String, Unusable> {
        SubjectPrefix::parse("okta:").expect("a good prefix").name(Some(value))
    }

    #[test]
    fn a_prefix_ends_in_a_delimiter_and_is_not_kubernetes_own() {
        for good in ["okta:", "https://idp.example.com#", "a/", "systems:", "sys:tem:"] {
            assert!(SubjectPrefix::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", ":", "okta", "sys", "system:", "system:serviceaccount:", "SYSTEM:", "ok ta:", "o\u{7}:"]
        {
            assert!(SubjectPrefix::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn whatever_a_name_holds_the_prefix_stays_in_front() {
        for hostile in ["system:masters", "../../system:masters", "okta:root", ":", "/"] {
            assert_eq!(name(hostile), Ok(format!("okta:{hostile}")));
        }
    }

    #[test]
    fn names_that_are_empty_or_mislead_are_unusable() {
        assert_eq!(name(""), Err(Unusable::Empty));
        assert_eq!(name(" \u{a0}"), Err(Unusable::Empty));
        for hidden in ["a\0", "a\nb", "\u{202E}adm", "a\u{85}"] {
            assert_eq!(name(hidden), Err(Unusable::ControlCharacters), "{hidden:?}");
        }
    }

    #[test]
    fn an_attribute_of_the_other_kind_is_refused() {
        let subjects =
            |kind, name| Subjects { kind: Some(kind), prefix: "okta:".to_owned(), name: Some(name) };
        assert_eq!(
            Naming::new(&subjects(SubjectKind::Users, SubjectName::DisplayName)),
            Err(SettingsError::NameOfUsers)
        );
        assert_eq!(
            Naming::new(&subjects(SubjectKind::Group, SubjectName::Email)),
            Err(SettingsError::NameOfGroup)
        );
    }
}
