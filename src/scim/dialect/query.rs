//! The dialect of a query: what a client looks for, and how.

use super::{Quirk, Quirks};
use crate::scim::filter::{Filter, Literal, Node, Term, Test};
use crate::scim::schema::{Attribute, Kind, ResourceSchema, Target};

/// The dialect of the filter of a list, which is a list of all without one.
pub fn of_query(filter: Option<&Filter>, schema: &ResourceSchema) -> Quirks {
    let Some(filter) = filter else { return Quirks::from_iter([Quirk::ListsAll]) };
    filter.nodes.iter().fold(Quirks::new(), |seen, node| match node {
        Node::Term(Term::Plain { path, test }) => seen.union(of_term(schema.resolve(path), test)),
        Node::Term(Term::Element { path, filter, then: _ }) => {
            let target = schema.resolve(path);
            let literals = match target {
                Some(Target::Attribute { attribute, .. }) => of_literals(filter, attribute),
                Some(Target::Extension(_)) | None => Quirks::new(),
            };
            seen.union(literals).union(of_target(target))
        }
        Node::Not | Node::And | Node::Or => seen,
    })
}

/// The dialect of the values in a filter on the elements of one attribute.
pub(super) fn of_literals(filter: &Filter, attribute: &Attribute) -> Quirks {
    filter.nodes.iter().fold(Quirks::new(), |seen, node| match node {
        Node::Term(Term::Plain { path, test }) => seen.union(of_literal(attribute.sub(&path.name), test)),
        Node::Term(Term::Element { .. }) | Node::Not | Node::And | Node::Or => seen,
    })
}

fn of_term(target: Option<Target<'_>>, test: &Test) -> Quirks {
    let literal = match target {
        Some(Target::Attribute { attribute, sub, .. }) => of_literal(sub.or(Some(attribute)), test),
        Some(Target::Extension(_)) | None => Quirks::new(),
    };
    literal.union(of_target(target))
}

fn of_literal(attribute: Option<&Attribute>, test: &Test) -> Quirks {
    match (attribute.map(|attribute| attribute.kind), test) {
        (Some(Kind::Boolean), Test::Compare(_, Literal::Text(_))) => {
            Quirks::from_iter([Quirk::StringBooleans])
        }
        (Some(_) | None, Test::Compare(..) | Test::Present) => Quirks::new(),
    }
}

fn of_target(target: Option<Target<'_>>) -> Quirks {
    let Some(Target::Attribute { attribute, .. }) = target else { return Quirks::new() };
    let quirk = match attribute.name.as_str() {
        "userName" => Quirk::FindsByUserName,
        "externalId" => Quirk::FindsByExternalId,
        "emails" => Quirk::FindsByEmail,
        "displayName" => Quirk::FindsByDisplayName,
        "manager" | "members" => Quirk::ChecksReferences,
        _ => return Quirks::new(),
    };
    Quirks::from_iter([quirk])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_seen_what_a_client_looks_for() {
        let (user, group) = (ResourceSchema::user(), ResourceSchema::group());
        for (schema, filter, quirks) in [
            (&user, "userName eq \"ada\"", vec!["findsByUserName"]),
            (&user, "externalId eq \"1\"", vec!["findsByExternalId"]),
            (&user, "emails[type eq \"work\"].value eq \"a@b\"", vec!["findsByEmail"]),
            (&user, "emails eq \"a@b\"", vec!["findsByEmail"]),
            (&user, "id eq \"1\" and manager eq \"2\"", vec!["checksReferences"]),
            (&user, "active eq \"True\"", vec!["stringBooleans"]),
            (&user, "not (emails[primary eq \"True\"])", vec!["stringBooleans", "findsByEmail"]),
            (&group, "displayName eq \"x\"", vec!["findsByDisplayName"]),
            (&group, "meta.lastModified gt \"2026-01-01T00:00:00Z\"", vec![]),
        ] {
            let filter = Filter::parse(filter).unwrap();
            let seen: Vec<_> = of_query(Some(&filter), schema).iter().map(Quirk::name).collect();
            assert_eq!(seen, quirks, "{filter}");
        }
        assert!(of_query(None, &user).contains(Quirk::ListsAll));
    }
}
