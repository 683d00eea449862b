//! Filters, RFC 7644 section 3.4.2.2: parsed, printed, and tested against documents.
//!
//! A parsed [`Filter`] is a flat list in postfix order (`a b and` for `a and b`), so neither parsing nor
//! printing, testing or dropping one recurses, whatever a client sends. To test many documents, compile
//! it once into a [`Matcher`].

mod equality;
pub(crate) mod lexer;
mod matcher;
mod operand;
pub(crate) mod parser;

use serde_json::Number;
use std::fmt;

pub use equality::{EqTerm, conjunction};
pub use matcher::Matcher;

pub use parser::{MAX_DEPTH, MAX_TERMS};

use super::Document;
use super::error::ScimError;
use super::path::AttrPath;
use super::schema::ResourceSchema;

/// A filter that has been parsed. It knows no schema: names are as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub(crate) nodes: Vec<Node>,
}

/// One step of the postfix order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Term(Term),
    Not,
    And,
    Or,
}

/// What a filter is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    /// `userName eq "ada"`.
    Plain { path: AttrPath, test: Test },
    /// `emails[type eq "work"]`, and `emails[type eq "work"].value eq "a@example.com"`, which RFC 7644
    /// does not have but Entra ID sends. The inner filter never holds another one of these.
    Element { path: AttrPath, filter: Filter, then: Option<(String, Test)> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Present,
    Compare(Op, Literal),
}

/// The comparison operators of RFC 7644 table 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// RFC 7644 figure 1: `compValue = false / null / true / number / string`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
}

impl Filter {
    /// Parses a filter; the error says at which column what was expected.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        parser::parse(text)
    }

    /// The parts that all have to match, without the `and` between them. A filter that is no conjunction
    /// is its own only part.
    pub fn conjuncts(&self) -> Vec<Self> {
        equality::conjuncts(self)
    }

    /// Resolves names and types once, to test any number of documents.
    pub fn compile(&self, schema: &ResourceSchema) -> Result<Matcher, ScimError> {
        Matcher::for_resource(self, schema)
    }
}

/// Tests one document. See [`Matcher::matches`] for what a match is.
pub fn evaluate(filter: &Filter, schema: &ResourceSchema, document: &Document) -> Result<bool, ScimError> {
    Ok(filter.compile(schema)?.matches(document))
}

impl Op {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }
}

/// Printed, a filter parses back to itself.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut stack: Vec<(String, Binding)> = Vec::new();
        for node in &self.nodes {
            let printed = match node {
                Node::Term(term) => (term.to_string(), Binding::Whole),
                Node::Not => {
                    let (operand, _) = stack.pop().unwrap_or_default();
                    (format!("not ({operand})"), Binding::Whole)
                }
                Node::And => join(&mut stack, "and", Binding::And),
                Node::Or => join(&mut stack, "or", Binding::Or),
            };
            stack.push(printed);
        }
        f.write_str(&stack.pop().unwrap_or_default().0)
    }
}

/// How tightly an expression holds together, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Binding {
    #[default]
    Or,
    And,
    Whole,
}

fn join(stack: &mut Vec<(String, Binding)>, word: &str, binding: Binding) -> (String, Binding) {
    let (right, right_binding) = stack.pop().unwrap_or_default();
    let (left, left_binding) = stack.pop().unwrap_or_default();
    let left = if left_binding < binding { format!("({left})") } else { left };
    // `a and b and c` is read from the left, so only a group on the right needs its parentheses.
    let right = if right_binding <= binding { format!("({right})") } else { right };
    (format!("{left} {word} {right}"), binding)
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { path, test } => write!(f, "{path} {test}"),
            Self::Element { path, filter, then: None } => write!(f, "{path}[{filter}]"),
            Self::Element { path, filter, then: Some((sub, test)) } => {
                write!(f, "{path}[{filter}].{sub} {test}")
            }
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("pr"),
            Self::Compare(op, literal) => write!(f, "{} {literal}", op.as_str()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => serde_json::Value::from(value.as_str()).fmt(f),
        }
    }
}
