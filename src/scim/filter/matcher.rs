//! A filter made ready to test many documents: names resolved, operands converted, no allocation per test.

use std::borrow::Cow;

use serde_json::Value;

use super::equality::default_sub;
use super::operand::{Operand, is_present};
use super::{Filter, Literal, Node, Op, Term, Test};
use crate::scim::Document;
use crate::scim::error::ScimError;
use crate::scim::path::AttrPath;
use crate::scim::schema::{Attribute, Kind, ResourceSchema, Returned, Target};

/// A compiled filter. Its steps run in order over one truth value, so `and` and `or` stop early and
/// nothing recurses.
#[derive(Debug, Clone)]
pub struct Matcher {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Test(Check),
    Negate,
    /// `and`: the next steps are skipped while the truth value is false.
    SkipIfFalse(usize),
    /// `or`: the next steps are skipped while it is true.
    SkipIfTrue(usize),
}

#[derive(Debug, Clone)]
enum Check {
    /// About an attribute that the schema does not know, which has no value in any document.
    Unknown(bool),
    Plain(Place, Operand),
    Element(Place, Matcher, Option<Place>, Operand),
}

/// Where in a document, or in an element of a multi-valued attribute, the values are.
#[derive(Debug, Clone)]
struct Place {
    extension: Option<String>,
    /// Absent for an element that is itself the value, such as one string of a list of strings.
    name: Option<String>,
    sub: Option<String>,
}

/// Gives the value of a top-level attribute by its name, or of an extension by its URN.
pub type Values<'v> = dyn Fn(&str) -> Option<Cow<'v, Value>> + 'v;

/// What a filter's names are resolved against.
#[derive(Clone, Copy)]
enum Scope<'s> {
    Resource(&'s ResourceSchema),
    Element(&'s Attribute),
}

impl Matcher {
    pub(super) fn for_resource(filter: &Filter, schema: &ResourceSchema) -> Result<Self, ScimError> {
        compile(filter, Scope::Resource(schema))
    }

    /// For the elements of one multi-valued attribute, as the filter in a PATCH path selects them.
    pub(crate) fn for_elements(filter: &Filter, attribute: &Attribute) -> Result<Self, ScimError> {
        compile(filter, Scope::Element(attribute))
    }

    /// Whether a document in canonical form matches.
    ///
    /// RFC 7644 section 3.4.2.1: "For filtered attributes that are not part of a particular resource type,
    /// the service provider SHALL treat the attribute as if there is no attribute value". What has no value
    /// matches `ne` and `eq null` and nothing else. Of a multi-valued attribute any value may match. Only
    /// what is in the document can match: `id` and `meta` must have been put there.
    pub fn matches(&self, document: &Document) -> bool {
        self.matches_by(&|name| document.get(name).map(Cow::Borrowed))
    }

    /// The same of a resource whose attributes, by their names, and extensions, by their URNs, are only made when the
    /// filter comes to them: of most resources, that is one.
    pub fn matches_by(&self, values: &Values<'_>) -> bool {
        self.run(|check| check.holds(values))
    }

    /// Whether one element of a multi-valued attribute matches.
    pub(crate) fn matches_element(&self, element: &Value) -> bool {
        self.run(|check| match check {
            Check::Unknown(truth) => *truth,
            Check::Plain(place, operand) => place.test_in_element(element, operand),
            Check::Element(..) => false,
        })
    }

    fn run(&self, test: impl Fn(&Check) -> bool) -> bool {
        let (mut truth, mut at) = (false, 0);
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match step {
                Step::Test(check) => truth = test(check),
                Step::Negate => truth = !truth,
                Step::SkipIfFalse(length) if !truth => at += length,
                Step::SkipIfTrue(length) if truth => at += length,
                Step::SkipIfFalse(_) | Step::SkipIfTrue(_) => {}
            }
        }
        truth
    }
}

fn compile(filter: &Filter, scope: Scope<'_>) -> Result<Matcher, ScimError> {
    let mut stack: Vec<Vec<Step>> = Vec::new();
    for node in &filter.nodes {
        let steps = match node {
            Node::Term(term) => vec![Step::Test(compile_term(term, scope)?)],
            Node::Not => {
                let mut steps = stack.pop().unwrap_or_default();
                steps.push(Step::Negate);
                steps
            }
            Node::And => join(&mut stack, Step::SkipIfFalse),
            Node::Or => join(&mut stack, Step::SkipIfTrue),
        };
        stack.push(steps);
    }
    Ok(Matcher { steps: stack.pop().unwrap_or_default() })
}

fn join(stack: &mut Vec<Vec<Step>>, skip: fn(usize) -> Step) -> Vec<Step> {
    let right = stack.pop().unwrap_or_default();
    let mut steps = stack.pop().unwrap_or_default();
    steps.push(skip(right.len()));
    steps.extend(right);
    steps
}

fn compile_term(term: &Term, scope: Scope<'_>) -> Result<Check, ScimError> {
    match term {
        Term::Plain { path, test } => match scope.find(path)? {
            Some((mut place, attribute)) => {
                let mut compared = attribute;
                if let (Test::Compare(_, literal), Some(sub)) = (test, default_sub(attribute))
                    && *literal != Literal::Null
                {
                    (compared, place.sub) = (sub, Some(sub.name.clone()));
                }
                Ok(Check::Plain(place, Operand::new(test, compared, path)?))
            }
            None => Ok(Check::Unknown(holds_of_nothing(test))),
        },
        Term::Element { path, filter, then } => {
            let Some((place, attribute)) = scope.find(path)? else {
                return Ok(Check::Unknown(false));
            };
            let matcher = Matcher::for_elements(filter, attribute)?;
            let Some((name, test)) = then else {
                return Ok(Check::Element(place, matcher, None, Operand::Present));
            };
            let path = AttrPath { urn: None, name: name.clone(), sub: None };
            match Scope::Element(attribute).find(&path)? {
                Some((sub, attribute)) => {
                    Ok(Check::Element(place, matcher, Some(sub), Operand::new(test, attribute, &path)?))
                }
                None => Ok(Check::Unknown(holds_of_nothing(test))),
            }
        }
    }
}

impl<'s> Scope<'s> {
    /// Where the attribute is and what it is; `None` if there is no such attribute.
    fn find(self, path: &AttrPath) -> Result<Option<(Place, &'s Attribute)>, ScimError> {
        let found = match self {
            Self::Resource(schema) => match schema.resolve(path) {
                Some(Target::Attribute { extension, attribute, sub }) => {
                    guard(attribute)?;
                    let place = Place {
                        extension: extension.map(|schema| schema.id.clone()),
                        name: Some(attribute.name.clone()),
                        sub: sub.map(|sub| sub.name.clone()),
                    };
                    Some((place, sub.unwrap_or(attribute)))
                }
                Some(Target::Extension(_)) | None => None,
            },
            Self::Element(attribute) => match attribute.sub(&path.name) {
                Some(sub) if path.sub.is_none() => {
                    Some((Place { extension: None, name: Some(sub.name.clone()), sub: None }, sub))
                }
                None if attribute.kind != Kind::Complex && path.name.eq_ignore_ascii_case("value") => {
                    Some((Place { extension: None, name: None, sub: None }, attribute))
                }
                Some(_) | None => None,
            },
        };
        if let Some((_, attribute)) = &found {
            guard(attribute)?;
        }
        Ok(found)
    }
}

/// What is never returned must not be guessed at, character by character, through a filter either.
fn guard(attribute: &Attribute) -> Result<(), ScimError> {
    if attribute.returned == Returned::Never {
        return Err(ScimError::invalid_filter(format!("{} cannot be used in a filter", attribute.name)));
    }
    Ok(())
}

/// Whether a test holds of an attribute without a value.
fn holds_of_nothing(test: &Test) -> bool {
    match test {
        Test::Present => false,
        Test::Compare(op, literal) => {
            (*op == Op::Ne && *literal != Literal::Null) || (*op == Op::Eq && *literal == Literal::Null)
        }
    }
}

impl Check {
    fn holds(&self, values: &Values<'_>) -> bool {
        match self {
            Self::Unknown(truth) => *truth,
            Self::Plain(place, operand) => {
                place.with_top(values, |top| test_values(top, place.sub.as_deref(), operand))
            }
            Self::Element(place, matcher, then, operand) => place.with_top(values, |top| {
                let mut elements = items(top).iter().filter(|element| matcher.matches_element(element));
                elements.any(|element| match then {
                    Some(sub) => sub.test_in_element(element, operand),
                    None => true,
                })
            }),
        }
    }
}

impl Place {
    /// Looks at the value here, if there is one.
    fn with_top<T>(&self, values: &Values<'_>, look: impl FnOnce(Option<&Value>) -> T) -> T {
        match (&self.extension, &self.name) {
            (_, None) => look(None),
            (None, Some(name)) => look(values(name).as_deref()),
            (Some(urn), Some(name)) => look(values(urn).as_deref().and_then(|fields| fields.get(name))),
        }
    }

    fn test_in_element(&self, element: &Value, operand: &Operand) -> bool {
        let value = match &self.name {
            Some(name) => element.get(name),
            None => Some(element),
        };
        test_values(value, self.sub.as_deref(), operand)
    }
}

/// Any of the values may match; without any value, what matches is what an absent attribute matches.
fn test_values(value: Option<&Value>, sub: Option<&str>, operand: &Operand) -> bool {
    let mut present = false;
    for item in items(value) {
        let Some(value) = sub.map_or(Some(item), |sub| item.get(sub)) else { continue };
        if !is_present(value) {
            continue;
        }
        present = true;
        if operand.holds(value) {
            return true;
        }
    }
    !present && operand.holds_without_value()
}

/// RFC 7643 section 2.4: a single value counts as a list of one.
fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(items)) => items,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}
