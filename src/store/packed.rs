//! JSON in few bytes: how the directory keeps the objects of users.
//!
//! A `User` as a struct takes some 4 KiB, most of it room for fields that nobody has set and small allocations. Packed it
//! takes a tenth of that. One member of an object is found without unpacking the others, which is all that a filter
//! needs.

mod words;

use serde_json::{Map, Number, Value};

/// What follows, in the first byte of each value.
mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    /// Any number as text, which keeps its spelling.
    pub(super) const NUMBER: u8 = 3;
    pub(super) const TEXT: u8 = 4;
    /// One of `words`, by its place.
    pub(super) const WORD: u8 = 5;
    pub(super) const ARRAY: u8 = 6;
    pub(super) const OBJECT: u8 = 7;
}

/// One JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    pub(super) fn of(value: &Value) -> Self {
        let mut bytes = Vec::new();
        write(&mut bytes, value);
        Self(bytes.into())
    }

    /// The value that was packed.
    pub(super) fn value(&self) -> Value {
        Reader(&self.0).value().unwrap_or_default()
    }

    /// The members of an object, in their order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, Value)> {
        let mut rest = Reader(&self.0).members();
        std::iter::from_fn(move || {
            let rest = rest.as_mut()?;
            Some((rest.text()?, rest.value()?))
        })
    }

    /// One member of an object.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        Reader(&self.0).find(name)?.value()
    }

    /// One member of an object, if it is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        Reader(&self.0).find(name)?.text()
    }

    /// A member of a member, if it is text.
    pub(super) fn text_in(&self, outer: &str, name: &str) -> Option<&str> {
        Reader(&self.0).find(outer)?.find(name)?.text()
    }
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Number(number) => write_part(out, tag::NUMBER, number.to_string().as_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            let mut inner = Vec::new();
            for item in items {
                write(&mut inner, item);
            }
            write_part(out, tag::ARRAY, &inner);
        }
        Value::Object(members) => {
            let mut inner = Vec::new();
            for (name, value) in members {
                write_text(&mut inner, name);
                write(&mut inner, value);
            }
            write_part(out, tag::OBJECT, &inner);
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    match words::place(text) {
        Some(place) => out.extend([tag::WORD, place]),
        None => write_part(out, tag::TEXT, text.as_bytes()),
    }
}

/// A tag, a length in groups of seven bits, and so many bytes.
fn write_part(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    let mut length = bytes.len();
    loop {
        let [low, ..] = length.to_le_bytes();
        length >>= 7;
        if length == 0 {
            out.push(low & 0x7f);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend_from_slice(bytes);
}

/// Reads what [`write()`] wrote. `None` would mean that it didn't.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The members of the object that comes next.
    fn members(&mut self) -> Option<Self> {
        if self.byte()? == tag::OBJECT { self.part().map(Reader) } else { None }
    }

    /// What comes after the name of one of them.
    fn find(&mut self, name: &str) -> Option<Self> {
        let mut members = self.members()?;
        while !members.0.is_empty() {
            if members.text()? == name {
                return Some(members);
            }
            members.skip()?;
        }
        None
    }

    fn value(&mut self) -> Option<Value> {
        Some(match *self.0.first()? {
            tag::TEXT | tag::WORD => self.text()?.into(),
            _ => match self.byte()? {
                tag::FALSE => Value::Bool(false),
                tag::TRUE => Value::Bool(true),
                tag::NUMBER => Value::Number(number(self.part()?)?),
                tag::ARRAY => {
                    let (mut inner, mut items) = (Reader(self.part()?), Vec::new());
                    while !inner.0.is_empty() {
                        items.push(inner.value()?);
                    }
                    Value::Array(items)
                }
                tag::OBJECT => {
                    let mut inner = Reader(self.part()?);
                    // Nearly all of them have at most so many, and growing would cost more than it spares.
                    let mut members = Map::with_capacity(4);
                    while !inner.0.is_empty() {
                        members.insert(inner.text()?.to_owned(), inner.value()?);
                    }
                    Value::Object(members)
                }
                _ => Value::Null,
            },
        })
    }

    fn text(&mut self) -> Option<&'a str> {
        match self.byte()? {
            tag::WORD => words::at(self.byte()?),
            tag::TEXT => std::str::from_utf8(self.part()?).ok(),
            _ => None,
        }
    }

    fn skip(&mut self) -> Option<()> {
        match self.byte()? {
            tag::NUMBER | tag::TEXT | tag::ARRAY | tag::OBJECT => drop(self.part()?),
            tag::WORD => drop(self.byte()?),
            _ => {}
        }
        Some(())
    }

    fn part(&mut self) -> Option<&'a [u8]> {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

fn number(text: &[u8]) -> Option<Number> {
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![".*", Just("userName".to_owned()), Just("work".to_owned())];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, move |inner| {
            let members = vec((text.clone(), inner.clone()), 0..8);
            prop_oneof![
                vec(inner, 0..8).prop_map(Value::from),
                members.prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(value in any_value()) {
            prop_assert_eq!(Packed::of(&value).value(), value);
        }

        #[test]
        fn a_member_is_found_alone(value in any_value()) {
            let packed = Packed::of(&value);
            for (name, member) in value.as_object().into_iter().flatten() {
                prop_assert_eq!(packed.get(name), Some(member.clone()));
                prop_assert_eq!(packed.text(name), member.as_str());
            }
            prop_assert_eq!(packed.get("no such member"), None);
            let members: Vec<(&str, Value)> = packed.members().collect();
            let expected = value.as_object().into_iter().flatten().map(|(name, member)| (name.as_str(), member.clone()));
            prop_assert_eq!(members, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn long_text_keeps_its_length() {
        for length in [127, 128, 16_383, 16_384, 100_000] {
            let value = json!({ "a": "x".repeat(length), "b": 1 });
            assert_eq!(Packed::of(&value).value(), value);
            assert_eq!(Packed::of(&value).get("b"), Some(json!(1)));
        }
    }
}
