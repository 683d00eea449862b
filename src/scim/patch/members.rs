//! Changes of a Group's members, which are handed to the caller instead of being made to a document.

use serde_json::Value;

use super::PatchOp;
use crate::scim::error::ScimError;
use crate::scim::filter::{Filter, Literal, Node, Op, Term, Test};
use crate::scim::json::Limits;
use crate::scim::member::{self, MemberChange};
use crate::scim::schema::Attribute;

/// What one operation does to the members, if anything.
pub(super) fn change_members(
    op: PatchOp,
    filter: Option<&Filter>,
    sub: Option<&Attribute>,
    value: Option<&Value>,
    limits: &Limits,
) -> Result<Option<MemberChange>, ScimError> {
    match (filter, sub) {
        (_, Some(sub)) => Err(ScimError::mutability(format!(
            "members.{} cannot be changed; remove the member and add another one",
            sub.name
        ))),
        (Some(filter), None) => match op {
            PatchOp::Remove => Ok(Some(MemberChange::Remove(selected_ids(filter)?))),
            PatchOp::Add | PatchOp::Replace => Err(ScimError::invalid_path(
                "a member selected by a filter can only be removed; add members with the path members",
            )),
        },
        (None, None) => whole(op, value, limits),
    }
}

fn whole(op: PatchOp, value: Option<&Value>, limits: &Limits) -> Result<Option<MemberChange>, ScimError> {
    // RFC 7644 section 3.5.2.2: without a value, "the attribute and all values are removed". With a value
    // Entra ID and JumpCloud mean those members only, and with an empty list none of them.
    let value = match (op, value) {
        (PatchOp::Remove, None | Some(Value::Null)) => return Ok(Some(MemberChange::Clear)),
        (_, value) => value.unwrap_or(&Value::Null),
    };
    let members = member::parse(value, limits)?;
    Ok(match op {
        PatchOp::Replace if members.is_empty() => Some(MemberChange::Clear),
        PatchOp::Replace => Some(MemberChange::ReplaceAll(members)),
        PatchOp::Add | PatchOp::Remove if members.is_empty() => None,
        PatchOp::Add => Some(MemberChange::Add(members)),
        PatchOp::Remove => {
            Some(MemberChange::Remove(members.into_iter().map(|member| member.value).collect()))
        }
    })
}

/// The ids that a filter selects, found without looking at the members.
fn selected_ids(filter: &Filter) -> Result<Vec<String>, ScimError> {
    let mut stack: Vec<Vec<String>> = Vec::new();
    for node in &filter.nodes {
        let ids = match node {
            Node::Term(Term::Plain { path, test: Test::Compare(Op::Eq, Literal::Text(id)) })
                if path.urn.is_none() && path.sub.is_none() && path.name.eq_ignore_ascii_case("value") =>
            {
                vec![id.clone()]
            }
            Node::Or => {
                let right = stack.pop().unwrap_or_default();
                let mut left = stack.pop().unwrap_or_default();
                left.extend(right);
                left
            }
            Node::And => {
                let right = stack.pop().unwrap_or_default();
                let mut left = stack.pop().unwrap_or_default();
                left.retain(|id| right.contains(id));
                left
            }
            Node::Term(_) | Node::Not => {
                return Err(ScimError::invalid_filter(
                    "members are selected by value eq \"<id>\", joined with or",
                ));
            }
        };
        stack.push(ids);
    }
    let mut ids = stack.pop().unwrap_or_default();
    ids.dedup();
    Ok(ids)
}
