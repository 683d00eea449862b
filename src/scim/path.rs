//! Names of attributes, and the paths of PATCH operations: RFC 7644 sections 3.10 and 3.5.2.

use std::fmt;

use super::error::{ScimError, excerpt};
use super::filter::{Filter, lexer::Lexer, lexer::Token, parser};

/// The longest path or filter that is read. What a real client sends is shorter by an order of magnitude.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// An attribute's name as it was written; [`super::schema::ResourceSchema::resolve`] says what it names.
///
/// RFC 7644 figure 1: `attrPath = [URI ":"] ATTRNAME *1subAttr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttrPath {
    pub urn: Option<String>,
    pub name: String,
    pub sub: Option<String>,
}

/// What an operation of a PATCH points at.
///
/// RFC 7644 figure 7: `PATH = attrPath / valuePath [subAttr]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchPath {
    pub attribute: AttrPath,
    pub filter: Option<Filter>,
    /// The sub-attribute behind a filter; without a filter it is part of `attribute`.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Parses `[URN:]name[.sub]`.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        let qualified = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) if qualified => (Some(urn.to_owned()), rest),
            _ => (None, text),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        // The URN of an extension alone, such as `...:enterprise:2.0User`, ends in what is no name.
        let name_is_good = is_name(name) || (qualified && is_word(name));
        let sub_is_good = sub.is_none_or(|sub| is_name(sub) || (qualified && is_word(sub)));
        if !name_is_good || !sub_is_good {
            return Err(ScimError::invalid_path(format!(
                "{} is not an attribute name, expected a form such as userName, name.givenName or {}:department",
                excerpt(text),
                super::schema::ENTERPRISE_USER_URN
            )));
        }
        Ok(Self { urn, name: name.to_owned(), sub: sub.map(str::to_owned) })
    }
}

/// RFC 7643 section 2.1: `ATTRNAME = ALPHA *(nameChar)`, `nameChar = "$" / "-" / "_" / DIGIT / ALPHA`; and
/// `$ref`, which the RFC uses itself.
pub(crate) fn is_name(text: &str) -> bool {
    is_word(text)
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '$' || first == '_')
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"$-_".contains(&byte))
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

impl PatchPath {
    /// Parses the `path` of an operation. A filter in it that is wrong is `invalidFilter`, all else
    /// `invalidPath`.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        if text.len() > MAX_BYTES {
            return Err(ScimError::invalid_path(format!("the path is longer than {MAX_BYTES} bytes")));
        }
        let mut lexer = Lexer::new(text);
        let attribute = match lexer.next()? {
            (_, Token::Word(word)) => AttrPath::parse(word)?,
            (at, found) => return Err(unexpected(&lexer, at, &found, "an attribute name")),
        };
        let mut path = Self { attribute, filter: None, sub: None };
        let (at, token) = lexer.next()?;
        match token {
            Token::End => return Ok(path),
            Token::OpenBracket if path.attribute.sub.is_none() => {
                path.filter = Some(parser::parse_in_brackets(&mut lexer)?);
            }
            found => return Err(unexpected(&lexer, at, &found, "\"[\" or the end of the path")),
        }
        let (at, token) = lexer.next()?;
        match token {
            Token::End => return Ok(path),
            Token::Word(word) => path.sub = Some(sub_after_bracket(word).map_err(ScimError::invalid_path)?),
            found => return Err(unexpected(&lexer, at, &found, "a sub-attribute such as \".value\"")),
        }
        match lexer.next()? {
            (_, Token::End) => Ok(path),
            (at, found) => Err(unexpected(&lexer, at, &found, "the end of the path")),
        }
    }
}

/// The name in `.value`, as it follows the bracket of a value path.
pub(crate) fn sub_after_bracket(word: &str) -> Result<String, String> {
    match word.strip_prefix('.') {
        Some(name) if is_name(name) => Ok(name.to_owned()),
        _ => {
            Err(format!("after \"]\" a sub-attribute such as \".value\" is expected, not {}", excerpt(word)))
        }
    }
}

fn unexpected(lexer: &Lexer<'_>, at: usize, found: &Token<'_>, expected: &str) -> ScimError {
    ScimError::invalid_path(format!("column {}: expected {expected}, found {found}", lexer.column(at)))
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attribute.fmt(f)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_were_written() {
        for text in [
            "members",
            "name.familyName",
            "addresses[type eq \"work\"]",
            "members[value eq \"2819c223-7f76-453a-919d-413861904646\"].displayName",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq \"work\"].value",
        ] {
            assert_eq!(PatchPath::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_malformed_path_says_where_and_what_was_expected() {
        for (text, part) in [
            ("", "column 1: expected an attribute name, found the end"),
            ("emails[type eq \"work\"", "column 22: expected"),
            ("emails[type eq \"work\"]value", "after \"]\" a sub-attribute"),
            ("emails[type eq \"work\"].value.x", "after \"]\" a sub-attribute"),
            ("a.b.c", "is not an attribute name"),
            ("name givenName", "column 6: expected \"[\" or the end"),
        ] {
            let error = PatchPath::parse(text).unwrap_err();
            assert!(error.detail.contains(part), "{text}: {}", error.detail);
        }
    }
}
