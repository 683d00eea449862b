//! Parses filters by operator precedence with a list of what is still open, not by recursion.
//!
//! RFC 7644 section 3.4.2.2: "Filters MUST be evaluated using the following order of operations, in order of
//! precedence: 1. Grouping operators 2. Logical operators - where "not" takes precedence over "and", which
//! takes precedence over "or" 3. Attribute operators".

use super::lexer::{Lexer, Placed, Token};
use super::{Filter, Literal, Node, Op, Term, Test};
use crate::scim::error::{ScimError, excerpt};
use crate::scim::path::{AttrPath, MAX_BYTES, sub_after_bracket};

/// How deeply parentheses may be nested.
pub const MAX_DEPTH: usize = 32;

/// How many comparisons one filter may have.
pub const MAX_TERMS: usize = 200;

/// What has been opened or awaits its right side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Group { at: usize },
    Not,
    Or,
    And,
}

/// What ends a filter: the end of the text, or the bracket of a value path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Bracket,
}

struct Parser<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
    until: Until,
    nodes: Vec<Node>,
    pending: Vec<Pending>,
    depth: usize,
    terms: usize,
}

pub(super) fn parse(text: &str) -> Result<Filter, ScimError> {
    if text.len() > MAX_BYTES {
        return Err(ScimError::invalid_filter(format!("the filter is longer than {MAX_BYTES} bytes")));
    }
    Parser::new(&mut Lexer::new(text), Until::End, 0).run().map(|(filter, _)| filter)
}

/// Parses what stands in the brackets of a value path, and takes the closing bracket.
pub(crate) fn parse_in_brackets(lexer: &mut Lexer<'_>) -> Result<Filter, ScimError> {
    Parser::new(lexer, Until::Bracket, 0).run().map(|(filter, _)| filter)
}

impl<'l, 'a> Parser<'l, 'a> {
    fn new(lexer: &'l mut Lexer<'a>, until: Until, terms: usize) -> Self {
        Self { lexer, until, nodes: Vec::new(), pending: Vec::new(), depth: 0, terms }
    }

    /// The filter, and how many terms there are with it.
    fn run(mut self) -> Result<(Filter, usize), ScimError> {
        loop {
            self.operand()?;
            if self.connective()? {
                return Ok((Filter { nodes: self.nodes }, self.terms));
            }
        }
    }

    /// Takes opening parentheses, `not`, and the one term that must follow them.
    fn operand(&mut self) -> Result<(), ScimError> {
        loop {
            let (at, token) = self.lexer.next()?;
            match token {
                Token::Open => self.open(at)?,
                Token::Word(word) if word.eq_ignore_ascii_case("not") && self.next_is(&Token::Open)? => {
                    self.pending.push(Pending::Not);
                }
                Token::Word(word) => {
                    let term = self.term(at, word)?;
                    self.nodes.push(Node::Term(term));
                    return Ok(());
                }
                found => return Err(self.unexpected(at, &found, "an attribute name, \"not (\" or \"(\"")),
            }
        }
    }

    /// Takes closing parentheses up to the next `and` or `or`; true at the end of the filter.
    fn connective(&mut self) -> Result<bool, ScimError> {
        loop {
            let (at, token) = self.lexer.next()?;
            match (token, self.until) {
                (Token::Close, _) => self.close(at)?,
                (Token::Word(word), _) if word.eq_ignore_ascii_case("and") => {
                    self.reduce(&[Pending::And]);
                    self.pending.push(Pending::And);
                    return Ok(false);
                }
                (Token::Word(word), _) if word.eq_ignore_ascii_case("or") => {
                    self.reduce(&[Pending::And, Pending::Or]);
                    self.pending.push(Pending::Or);
                    return Ok(false);
                }
                (Token::End, Until::End) | (Token::CloseBracket, Until::Bracket) => {
                    self.finish()?;
                    return Ok(true);
                }
                (found, Until::End) => {
                    return Err(self.unexpected(at, &found, "\"and\", \"or\", \")\" or the end"));
                }
                (found, Until::Bracket) => {
                    return Err(self.unexpected(at, &found, "\"and\", \"or\", \")\" or \"]\""));
                }
            }
        }
    }

    fn open(&mut self, at: usize) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.lexer.error(at, &format!("more than {MAX_DEPTH} levels of parentheses")));
        }
        self.pending.push(Pending::Group { at });
        Ok(())
    }

    fn close(&mut self, at: usize) -> Result<(), ScimError> {
        self.reduce(&[Pending::And, Pending::Or]);
        match self.pending.pop() {
            Some(Pending::Group { .. }) => {
                self.depth -= 1;
                self.reduce(&[Pending::Not]);
                Ok(())
            }
            Some(Pending::Not | Pending::Or | Pending::And) | None => {
                Err(self.lexer.error(at, "\")\" closes nothing, remove it or add the \"(\""))
            }
        }
    }

    fn finish(&mut self) -> Result<(), ScimError> {
        self.reduce(&[Pending::And, Pending::Or]);
        match self.pending.pop() {
            None => Ok(()),
            Some(Pending::Group { at }) => Err(self.lexer.error(at, "\"(\" is never closed, add the \")\"")),
            Some(Pending::Not | Pending::Or | Pending::And) => {
                Err(ScimError::invalid_filter("the filter ends too early"))
            }
        }
    }

    /// Moves waiting operators that bind at least as tightly as what comes now to the postfix list.
    fn reduce(&mut self, operators: &[Pending]) {
        while let Some(top) = self.pending.last().copied().filter(|top| operators.contains(top)) {
            self.pending.pop();
            self.nodes.push(match top {
                Pending::Not => Node::Not,
                Pending::And => Node::And,
                Pending::Or | Pending::Group { .. } => Node::Or,
            });
        }
    }

    fn term(&mut self, at: usize, word: &str) -> Result<Term, ScimError> {
        self.count(at)?;
        let path = AttrPath::parse(word).map_err(|error| self.lexer.error(at, &error.detail))?;
        if !self.next_is(&Token::OpenBracket)? {
            return Ok(Term::Plain { path, test: self.test()? });
        }
        let (at, _) = self.lexer.next()?;
        if self.until == Until::Bracket {
            return Err(self.lexer.error(at, "a value filter in brackets cannot hold another one"));
        }
        if path.sub.is_some() {
            return Err(self.lexer.error(at, "a value filter follows an attribute, not a sub-attribute"));
        }
        let inner = Parser::new(self.lexer, Until::Bracket, self.terms);
        let (filter, terms) = inner.run()?;
        self.terms = terms;
        let then = self.test_after_bracket()?;
        Ok(Term::Element { path, filter, then })
    }

    fn test_after_bracket(&mut self) -> Result<Option<(String, Test)>, ScimError> {
        let (at, token) = self.lexer.peek()?;
        let Token::Word(word) = token else { return Ok(None) };
        if !word.starts_with('.') {
            return Ok(None);
        }
        self.lexer.next()?;
        let sub = sub_after_bracket(word).map_err(|error| self.lexer.error(at, &error))?;
        Ok(Some((sub, self.test()?)))
    }

    fn test(&mut self) -> Result<Test, ScimError> {
        const EXPECTED: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
        let (at, token) = self.lexer.next()?;
        let Token::Word(word) = token else { return Err(self.unexpected(at, &token, EXPECTED)) };
        let op = match word.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Test::Present),
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "co" => Op::Co,
            "sw" => Op::Sw,
            "ew" => Op::Ew,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            "lt" => Op::Lt,
            "le" => Op::Le,
            _ => return Err(self.unexpected(at, &Token::Word(word), EXPECTED)),
        };
        Ok(Test::Compare(op, self.literal()?))
    }

    fn literal(&mut self) -> Result<Literal, ScimError> {
        let (at, token) = self.lexer.next()?;
        match token {
            Token::Text(text) => Ok(Literal::Text(text)),
            Token::Word(word) => parse_word(word).ok_or_else(|| {
                let what = format!(
                    "{} is no value, expected a string in quotes, a number, true, false or null",
                    excerpt(word)
                );
                self.lexer.error(at, &what)
            }),
            found => Err(self.unexpected(at, &found, "a string in quotes, a number, true, false or null")),
        }
    }

    fn count(&mut self, at: usize) -> Result<(), ScimError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.lexer.error(at, &format!("more than {MAX_TERMS} comparisons in one filter")));
        }
        Ok(())
    }

    fn next_is(&self, token: &Token<'_>) -> Result<bool, ScimError> {
        let (_, next): Placed<'_> = self.lexer.peek()?;
        Ok(next == *token)
    }

    fn unexpected(&self, at: usize, found: &Token<'_>, expected: &str) -> ScimError {
        self.lexer.error(at, &format!("expected {expected}, found {found}"))
    }
}

fn parse_word(word: &str) -> Option<Literal> {
    match word.to_ascii_lowercase().as_str() {
        "true" => Some(Literal::Bool(true)),
        "false" => Some(Literal::Bool(false)),
        "null" => Some(Literal::Null),
        _ => word.parse().ok().map(Literal::Number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> String {
        parse(text).unwrap().to_string()
    }

    #[test]
    fn precedence_is_not_then_and_then_or() {
        assert_eq!(printed("a pr or b pr and c pr"), "a pr or b pr and c pr");
        assert_eq!(printed("(a pr OR b pr) AND c PR"), "(a pr or b pr) and c pr");
        assert_eq!(printed("((a pr)) and (b pr and c pr)"), "a pr and (b pr and c pr)");
        assert_eq!(printed("not(a eq -1.5 or b eq null) and c pr"), "not (a eq -1.5 or b eq null) and c pr");
        let text = "emails[type eq \"work\" and not (value co \"@x\\\"y\")].value sw \"a\"";
        assert_eq!(printed(text), text);
    }

    #[test]
    fn an_attribute_may_be_called_not_or_and() {
        assert_eq!(printed("not pr and and pr or or eq true"), "not pr and and pr or or eq true");
    }

    #[test]
    fn an_error_says_where_and_what_was_expected() {
        for (text, part) in [
            ("", "column 1: expected an attribute name"),
            ("userName", "column 9: expected an operator"),
            ("userName is \"x\"", "column 10: expected an operator (eq, ne"),
            ("userName eq ada", "column 13: \"ada\" is no value, expected a string in quotes"),
            ("userName eq \"ada", "column 13: the string has no closing"),
            ("userName eq \"a\\x\"", "column 13: the string has an escape"),
            ("(userName pr", "column 1: \"(\" is never closed"),
            ("userName pr)", "column 12: \")\" closes nothing"),
            ("é eq 1", "column 1: \"é\" is not an attribute name"),
            ("a pr b pr", "column 6: expected \"and\", \"or\""),
            ("a[b[c pr]]", "column 4: a value filter in brackets cannot hold"),
            ("a[b pr", "column 7: expected \"and\", \"or\", \")\" or \"]\", found the end"),
            ("a[(b pr]", "column 3: \"(\" is never closed"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.detail.contains(part), "{text}: {}", error.detail);
            assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidFilter));
        }
    }
}
