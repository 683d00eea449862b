//! Cuts the text of a filter or a path into tokens, one at a time.

use std::fmt;

use crate::scim::error::{ScimError, excerpt};

/// A piece of a filter. Names, operators, numbers and `true` are all words; the parser tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Word(&'a str),
    Text(String),
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    End,
}

/// A token and the byte at which it starts.
pub(crate) type Placed<'a> = (usize, Token<'a>);

#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token; `End` again and again once the text is used up.
    pub(crate) fn next(&mut self) -> Result<Placed<'a>, ScimError> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        let (token, length) = match rest.chars().next() {
            None => (Token::End, 0),
            Some('(') => (Token::Open, 1),
            Some(')') => (Token::Close, 1),
            Some('[') => (Token::OpenBracket, 1),
            Some(']') => (Token::CloseBracket, 1),
            Some('"') => self.text_at(start)?,
            Some(_) => {
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"');
                let length = rest.find(ends).unwrap_or(rest.len());
                (Token::Word(&rest[..length]), length)
            }
        };
        self.at = start + length;
        Ok((start, token))
    }

    /// The next token without taking it.
    pub(crate) fn peek(&self) -> Result<Placed<'a>, ScimError> {
        Self { text: self.text, at: self.at }.next()
    }

    /// The column, counted in characters from 1, of a byte of the text.
    pub(crate) fn column(&self, at: usize) -> usize {
        self.text.get(..at).map_or(0, |before| before.chars().count()) + 1
    }

    /// A string, RFC 7644 figure 1: `compValue = ... string ; rules from JSON (RFC 7159)`.
    fn text_at(&self, start: usize) -> Result<(Token<'a>, usize), ScimError> {
        let rest = &self.text[start..];
        let mut escaped = false;
        for (index, byte) in rest.bytes().enumerate().skip(1) {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    let text = serde_json::from_str(&rest[..=index]).map_err(|_| {
                        self.error(start, "the string has an escape or control character that JSON forbids")
                    })?;
                    return Ok((Token::Text(text), index + 1));
                }
                _ => {}
            }
        }
        Err(self.error(start, "the string has no closing \""))
    }

    pub(crate) fn error(&self, at: usize, what: &str) -> ScimError {
        ScimError::invalid_filter(format!("column {}: {what}", self.column(at)))
    }
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(&excerpt(word)),
            // The value may be a person's address, so it is not repeated.
            Self::Text(_) => f.write_str("a string"),
            Self::Open => f.write_str("\"(\""),
            Self::Close => f.write_str("\")\""),
            Self::OpenBracket => f.write_str("\"[\""),
            Self::CloseBracket => f.write_str("\"]\""),
            Self::End => f.write_str("the end"),
        }
    }
}
