//! A filter made ready to test many documents: names resolved, operands converted, no allocation per test.

use jiff::Timestamp;
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;

use super::equality::default_sub;
use super::{Filter, Literal, Node, Op, Term, Test};
use crate::scim::Document;
use crate::scim::error::ScimError;
use crate::scim::fold::fold_case;
use crate::scim::instant;
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
    /// About an attribute that the schema does not know.
    Unknown(Answer),
    Plain(Place, Answer),
    Element(Place, Matcher, Option<Place>, Answer),
}

/// Where in a document, or in an element of a multi-valued attribute, the values are.
#[derive(Debug, Clone)]
struct Place {
    extension: Option<String>,
    /// Absent for an element that is itself the value, such as one string of a list of strings.
    name: Option<String>,
    sub: Option<String>,
}

/// What a value is compared with.
#[derive(Debug, Clone)]
enum Answer {
    Present,
    Absent,
    Exact(Op, String),
    Folded(Op, String),
    Bool(Op, bool),
    Number(Op, Number),
    Instant(Op, Timestamp),
}

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
    /// RFC 7644 section 3.4.2.2: "For filtered attributes that are not part of a particular resource type, the
    /// service provider SHALL treat the attribute as if there is no attribute value". What has no value
    /// matches `ne` and `eq null` and nothing else. Of a multi-valued attribute any value may match.
    /// `members` of a group are not in the document; see [`Filter::mentions`].
    pub fn matches(&self, document: &Document) -> bool {
        self.run(|check| check.holds(document))
    }

    /// Whether one element of a multi-valued attribute matches.
    pub(crate) fn matches_element(&self, element: &Value) -> bool {
        self.run(|check| match check {
            Check::Unknown(answer) => answer.holds_without_value(),
            Check::Plain(place, answer) => place.test_in_element(element, answer),
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
                Ok(Check::Plain(place, answer(test, compared, path)?))
            }
            None => Ok(Check::Unknown(answer_unknown(test))),
        },
        Term::Element { path, filter, then } => {
            let Some((place, attribute)) = scope.find(path)? else {
                return Ok(Check::Unknown(Answer::Present));
            };
            let matcher = Matcher::for_elements(filter, attribute)?;
            let Some((name, test)) = then else {
                return Ok(Check::Element(place, matcher, None, Answer::Present));
            };
            let path = AttrPath { urn: None, name: name.clone(), sub: None };
            match Scope::Element(attribute).find(&path)? {
                Some((sub, attribute)) => {
                    Ok(Check::Element(place, matcher, Some(sub), answer(test, attribute, &path)?))
                }
                None => Ok(Check::Unknown(answer_unknown(test))),
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

fn answer_unknown(test: &Test) -> Answer {
    match test {
        Test::Present => Answer::Present,
        Test::Compare(Op::Ne, Literal::Null) => Answer::Present,
        Test::Compare(Op::Ne, _) | Test::Compare(Op::Eq, Literal::Null) => Answer::Absent,
        Test::Compare(..) => Answer::Present,
    }
}

/// Converts the operand to the attribute's type once.
fn answer(test: &Test, attribute: &Attribute, path: &AttrPath) -> Result<Answer, ScimError> {
    let Test::Compare(op, literal) = test else { return Ok(Answer::Present) };
    let op = *op;
    match (op, literal) {
        (Op::Eq, Literal::Null) => return Ok(Answer::Absent),
        (Op::Ne, Literal::Null) => return Ok(Answer::Present),
        _ => {}
    }
    let wrong = |expected: &str| Err(ScimError::invalid_filter(format!("{path} {} {expected}", op.as_str())));
    let ordered = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
    match (attribute.kind, literal) {
        // RFC 7644 table 3: "Boolean and Binary attributes SHALL cause a failed response (HTTP status code 400)
        // with "scimType" of "invalidFilter"".
        (Kind::Boolean | Kind::Binary, _) if ordered => wrong("is not defined: the attribute has no order"),
        (Kind::Boolean, Literal::Bool(value)) if is_equality(op) => Ok(Answer::Bool(op, *value)),
        (Kind::Boolean, Literal::Text(text)) if is_equality(op) => match text.to_ascii_lowercase().as_str() {
            // Entra ID sends `roles[primary eq "True"]`.
            "true" => Ok(Answer::Bool(op, true)),
            "false" => Ok(Answer::Bool(op, false)),
            _ => wrong("takes true or false"),
        },
        (Kind::Boolean, _) => {
            wrong("is not defined: the attribute is a boolean, compare it with eq true or eq false")
        }
        (Kind::Integer | Kind::Decimal, Literal::Number(value)) if is_equality(op) || ordered => {
            Ok(Answer::Number(op, value.clone()))
        }
        (Kind::Integer | Kind::Decimal, _) => wrong("takes a number, compared with eq, ne, gt, ge, lt or le"),
        (Kind::DateTime, Literal::Text(text)) if is_equality(op) || ordered => match instant::parse(text) {
            Some(wanted) => Ok(Answer::Instant(op, wanted)),
            None => wrong("takes a date and time such as \"2011-05-13T04:42:34Z\""),
        },
        (Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime, Literal::Text(text)) => {
            if attribute.case_exact || attribute.kind == Kind::DateTime {
                Ok(Answer::Exact(op, text.clone()))
            } else {
                Ok(Answer::Folded(op, fold_case(text)))
            }
        }
        (Kind::String | Kind::Reference | Kind::Binary | Kind::DateTime, _) => {
            wrong("takes a string in quotes")
        }
        (Kind::Complex, _) => {
            wrong("is not defined: the attribute is complex, name one of its sub-attributes")
        }
    }
}

fn is_equality(op: Op) -> bool {
    matches!(op, Op::Eq | Op::Ne)
}

impl Check {
    fn holds(&self, document: &Document) -> bool {
        match self {
            Self::Unknown(answer) => answer.holds_without_value(),
            Self::Plain(place, answer) => place.test_in(document, answer),
            Self::Element(place, matcher, then, answer) => {
                let elements = match place.top(document) {
                    Some(Value::Array(items)) => items.as_slice(),
                    Some(single) => std::slice::from_ref(single),
                    None => &[],
                };
                elements.iter().filter(|element| matcher.matches_element(element)).any(|element| match then {
                    Some(sub) => sub.test_in_element(element, answer),
                    None => true,
                })
            }
        }
    }
}

impl Place {
    fn top<'d>(&self, document: &'d Document) -> Option<&'d Value> {
        let container = match &self.extension {
            Some(urn) => document.get(urn)?.as_object()?,
            None => document,
        };
        container.get(self.name.as_ref()?)
    }

    fn test_in(&self, document: &Document, answer: &Answer) -> bool {
        test_values(self.top(document), self.sub.as_deref(), answer)
    }

    fn test_in_element(&self, element: &Value, answer: &Answer) -> bool {
        let value = match &self.name {
            Some(name) => element.get(name),
            None => Some(element),
        };
        test_values(value, self.sub.as_deref(), answer)
    }
}

/// Any of the values may match; without any value, what matches is what an absent attribute matches.
fn test_values(value: Option<&Value>, sub: Option<&str>, answer: &Answer) -> bool {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let mut present = false;
    for item in items {
        let Some(value) = sub.map_or(Some(item), |sub| item.get(sub)) else { continue };
        if !is_present(value) {
            continue;
        }
        present = true;
        if answer.holds(value) {
            return true;
        }
    }
    !present && answer.holds_without_value()
}

/// RFC 7644 table 3, `pr`: "If the attribute has a non-empty or non-null value, or if it contains a non-empty
/// node for complex attributes, there is a match."
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => is_node_present(fields),
    }
}

fn is_node_present(fields: &Map<String, Value>) -> bool {
    fields.values().any(|field| match field {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(inner) => !inner.is_empty(),
    })
}

impl Answer {
    fn holds_without_value(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Present => false,
            Self::Exact(op, _) | Self::Folded(op, _) => *op == Op::Ne,
            Self::Bool(op, _) | Self::Number(op, _) | Self::Instant(op, _) => *op == Op::Ne,
        }
    }

    fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Exact(op, wanted), Value::String(found)) => compare_text(*op, found, wanted),
            (Self::Folded(op, wanted), Value::String(found)) => compare_folded(*op, found, wanted),
            (Self::Bool(op, wanted), Value::Bool(found)) => (found == wanted) == (*op == Op::Eq),
            (Self::Number(op, wanted), Value::Number(found)) => {
                compare_numbers(found, wanted).is_some_and(|order| ordered(*op, order))
            }
            (Self::Instant(op, wanted), Value::String(found)) => {
                instant::parse(found).is_some_and(|found| ordered(*op, found.cmp(wanted)))
            }
            (
                Self::Absent
                | Self::Exact(..)
                | Self::Folded(..)
                | Self::Bool(..)
                | Self::Number(..)
                | Self::Instant(..),
                _,
            ) => false,
        }
    }
}

fn compare_folded(op: Op, found: &str, wanted: &str) -> bool {
    // Nearly all values are ASCII, and equality nearly all comparisons: neither needs a new string.
    if op == Op::Eq && found.is_ascii() {
        return found.eq_ignore_ascii_case(wanted);
    }
    compare_text(op, &fold_case(found), wanted)
}

fn compare_text(op: Op, found: &str, wanted: &str) -> bool {
    match op {
        Op::Co => found.contains(wanted),
        Op::Sw => found.starts_with(wanted),
        Op::Ew => found.ends_with(wanted),
        Op::Eq | Op::Ne | Op::Gt | Op::Ge | Op::Lt | Op::Le => ordered(op, found.cmp(wanted)),
    }
}

fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Eq => order.is_eq(),
        Op::Ne => order.is_ne(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Co | Op::Sw | Op::Ew => false,
    }
}

/// Whole numbers are compared exactly, others as floating point.
pub(crate) fn compare_numbers(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
