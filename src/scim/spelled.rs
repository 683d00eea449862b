//! Numbers as a body spells them.
//!
//! What no schema knows is kept and returned as it was sent, and to some client `1.50` is not `1.5`, nor `1E3` a number
//! of seconds `1000`. serde_json keeps all digits, but writes every exponent its own way, so the spelling is fetched
//! from the body.

use serde_json::Number;

/// The key under which serde_json hands over a number.
pub(super) const NUMBER: &str = "$serde_json::private::Number";

/// The numbers of a JSON text, in their order. Of anything else, it is not said what they are.
pub(super) struct Spellings<'b> {
    rest: &'b [u8],
}

impl<'b> Spellings<'b> {
    pub(super) fn of(text: &'b [u8]) -> Self {
        Self { rest: text }
    }

    /// The next number, which serde_json has just read as `read`.
    ///
    /// `None` if it is another one: then a client has put [`NUMBER`] into an object, and there are fewer numbers in
    /// the body than were asked for. Who is refused when that is noticed has been given nobody else's number.
    pub(super) fn next_as(&mut self, read: &str) -> Option<Number> {
        let spelled = self.next()?;
        let is_same = spelled == read || spelled.parse::<Number>().is_ok_and(|it| it.as_str() == read);
        // Every public way to a number goes by serde_json's parser, which spells exponents anew.
        is_same.then(|| Number::from_string_unchecked(spelled.to_owned()))
    }

    fn next(&mut self) -> Option<&'b str> {
        let mut in_string = false;
        let mut bytes = self.rest.iter().enumerate();
        let start = loop {
            match bytes.next()? {
                (_, b'\\') if in_string => drop(bytes.next()),
                (_, b'"') => in_string = !in_string,
                (at, b'-' | b'0'..=b'9') if !in_string => break at,
                _ => {}
            }
        };
        let number = &self.rest[start..];
        let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let end = number.iter().position(|byte| !is_part(byte)).unwrap_or(number.len());
        self.rest = &number[end..];
        str::from_utf8(&number[..end]).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_their_order_and_not_in_strings() {
        let mut spellings = Spellings::of(br#"{"1\"2": -1.50, "a\\": ["3", 1E400, {"b": 7}], "c": tru"#);
        let found: Vec<&str> = std::iter::from_fn(|| spellings.next()).collect();
        assert_eq!(found, ["-1.50", "1E400", "7"]);
    }

    #[test]
    fn another_number_than_the_one_that_was_read_is_none() {
        assert_eq!(Spellings::of(b"1E2").next_as("1e+2").unwrap().as_str(), "1E2");
        assert_eq!(Spellings::of(b"1E2").next_as("1e+3"), None);
    }
}
