//! Finds the equalities in a filter, so that a store can operand them from an index.

use super::{Filter, Literal, Node, Op, Term, Test};
use crate::scim::path::AttrPath;
use crate::scim::schema::{Attribute, Kind, ResourceSchema, Target};

/// One equality that must hold, by its attribute's canonical name.
///
/// `emails[type eq "work"].value eq "x"`, which is what `emails[type eq "work" and value eq "x"]` says, is
/// the attribute `emails.value` with `type` among the selectors. `members eq "x"` is `members.value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EqTerm {
    /// As [`Target::canonical`] spells it: `userName`, `emails.value`, `urn:...:User:manager.value`.
    pub attribute: String,
    pub value: Literal,
    /// What else must be equal in the same element, by the sub-attribute's canonical name.
    pub selectors: Vec<(String, Literal)>,
}

/// The filter as equalities that must all hold, or `None` if it is anything else.
pub fn conjunction(filter: &Filter, schema: &ResourceSchema) -> Option<Vec<EqTerm>> {
    conjuncts(filter).iter().map(|part| part.equality(schema)).collect()
}

impl Filter {
    /// This filter as one equality, or `None` if it is more or something else.
    pub fn equality(&self, schema: &ResourceSchema) -> Option<EqTerm> {
        let [Node::Term(term)] = self.nodes.as_slice() else { return None };
        match term {
            Term::Plain { path, test: Test::Compare(Op::Eq, value) } => Some(EqTerm {
                attribute: canonical(path, schema)?,
                value: value.clone(),
                selectors: Vec::new(),
            }),
            Term::Element { path, filter, then } => in_element(path, filter, then.as_ref(), schema),
            Term::Plain { .. } => None,
        }
    }

    /// The equalities between an element's sub-attributes and values, or `None` if there is anything else.
    pub(crate) fn element_equalities(&self) -> Option<Vec<(String, Literal)>> {
        conjuncts(self)
            .into_iter()
            .map(|part| match <[Node; 1]>::try_from(part.nodes) {
                Ok([Node::Term(Term::Plain { path, test: Test::Compare(Op::Eq, value) })])
                    if path.urn.is_none() && path.sub.is_none() =>
                {
                    Some((path.name, value))
                }
                _ => None,
            })
            .collect()
    }
}

fn in_element(
    path: &AttrPath,
    filter: &Filter,
    then: Option<&(String, Test)>,
    schema: &ResourceSchema,
) -> Option<EqTerm> {
    let Some(Target::Attribute { extension, attribute, sub: None }) = schema.resolve(path) else {
        return None;
    };
    let mut equalities = filter
        .element_equalities()?
        .into_iter()
        .map(|(name, value)| Some((attribute.sub(&name)?.name.clone(), value)))
        .collect::<Option<Vec<_>>>()?;
    let (sub, value) = match then {
        Some((name, Test::Compare(Op::Eq, value))) => (attribute.sub(name)?.name.clone(), value.clone()),
        Some((_, Test::Present | Test::Compare(..))) => return None,
        None => {
            let chosen = equalities.iter().position(|(name, _)| name == "value").unwrap_or(0);
            equalities.remove(chosen)
        }
    };
    let sub = attribute.sub(&sub);
    let attribute = Target::Attribute { extension, attribute, sub }.canonical();
    Some(EqTerm { attribute, value, selectors: equalities })
}

fn canonical(path: &AttrPath, schema: &ResourceSchema) -> Option<String> {
    match schema.resolve(path)? {
        Target::Extension(_) => None,
        Target::Attribute { extension, attribute, sub } => {
            let sub = sub.or_else(|| default_sub(attribute));
            Some(Target::Attribute { extension, attribute, sub }.canonical())
        }
    }
}

/// What a comparison with a complex attribute compares. RFC 7644 section 3.4.2.2 has `emails co
/// "example.com"` mean its `value`.
pub(super) fn default_sub(attribute: &Attribute) -> Option<&Attribute> {
    if attribute.kind == Kind::Complex { attribute.sub("value") } else { None }
}

pub(super) fn conjuncts(filter: &Filter) -> Vec<Filter> {
    let mut stack: Vec<Vec<Vec<Node>>> = Vec::new();
    for node in &filter.nodes {
        let next = match node {
            Node::Term(_) => vec![vec![node.clone()]],
            Node::Not => {
                let mut nodes = whole(stack.pop());
                nodes.push(Node::Not);
                vec![nodes]
            }
            Node::Or => {
                let right = whole(stack.pop());
                let mut nodes = whole(stack.pop());
                nodes.extend(right);
                nodes.push(Node::Or);
                vec![nodes]
            }
            Node::And => {
                let right = stack.pop().unwrap_or_default();
                let mut parts = stack.pop().unwrap_or_default();
                parts.extend(right);
                parts
            }
        };
        stack.push(next);
    }
    stack.pop().unwrap_or_default().into_iter().map(|nodes| Filter { nodes }).collect()
}

/// The parts of a conjunction put together again.
fn whole(parts: Option<Vec<Vec<Node>>>) -> Vec<Node> {
    let mut parts = parts.unwrap_or_default().into_iter();
    let mut nodes = parts.next().unwrap_or_default();
    for part in parts {
        nodes.extend(part);
        nodes.push(Node::And);
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, schema: &ResourceSchema) -> Option<Vec<String>> {
        let terms = conjunction(&Filter::parse(text).unwrap(), schema)?;
        let show = |term: EqTerm| {
            let selectors: Vec<_> =
                term.selectors.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}={} [{}]", term.attribute, term.value, selectors.join(","))
        };
        Some(terms.into_iter().map(show).collect())
    }

    #[test]
    fn equalities_joined_by_and_are_found_in_every_spelling() {
        let user = ResourceSchema::user();
        assert_eq!(
            terms("USERNAME eq \"a\" and (id eq \"b\" and externalid eq \"c\")", &user).unwrap(),
            ["userName=\"a\" []", "id=\"b\" []", "externalId=\"c\" []"]
        );
        for text in [
            "emails[type eq \"work\"].value eq \"x\"",
            "emails[type eq \"work\" and value eq \"x\"]",
            "emails[value eq \"x\" and Type eq \"work\"]",
        ] {
            assert_eq!(terms(text, &user).unwrap(), ["emails.value=\"x\" [type=\"work\"]"], "{text}");
        }
        let group = ResourceSchema::group();
        for text in ["members eq \"m\"", "members.value eq \"m\"", "members[value eq \"m\"]"] {
            assert_eq!(terms(text, &group).unwrap(), ["members.value=\"m\" []"], "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_conjunction_of_equalities() {
        let user = ResourceSchema::user();
        for text in
            ["a eq 1", "userName sw \"a\"", "userName eq \"a\" or id eq \"b\"", "not (userName eq \"a\")"]
        {
            assert_eq!(terms(text, &user), None, "{text}");
        }
    }

    #[test]
    fn conjuncts_keep_what_is_inside_an_or_together() {
        let filter = Filter::parse("a pr and (b pr or c pr and d pr) and not (e pr)").unwrap();
        let parts: Vec<_> = filter.conjuncts().iter().map(ToString::to_string).collect();
        assert_eq!(parts, ["a pr", "b pr or c pr and d pr", "not (e pr)"]);
    }
}
