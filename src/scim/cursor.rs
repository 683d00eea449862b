//! Cursors, RFC 9865: where in a list the next page begins, said so that any replica understands it.
//!
//! Nothing is kept between two pages. A cursor names the last resource that its client has got (or the first, to go
//! back) by its place: what the list is sorted by, if it is, and the order of creation. That place stays what it is when
//! this or any other resource is deleted, so nobody is left out, and nobody comes twice, whatever happens between two
//! pages; but for those whose own value changes meanwhile, of a list that is sorted by it.
//!
//! A cursor is bound to its tenant, its list, its filter and its order by a digest, so that garbage, and a cursor that strayed
//! into another query, is noticed. The digest is no signature: who makes a cursor up gets a page of a list that
//! their token may read anyway.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{ScimError, ScimType};
use super::sort::SortKey;

/// Bytes of the digest in a cursor. Enough for chance never to make one up.
const DIGEST_BYTES: usize = 16;

/// No cursor is longer: an id has 253 characters at most, a key 128, each of which may take six.
const LONGEST: usize = 2_048;

/// A place in a list. Ids are ordered by time; two kinds of resources may share one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// What the list is sorted by; the default where it is in the order of creation.
    pub key: SortKey,
    /// The resource's id.
    pub id: String,
    /// Which of several lists it is in, where one query is about several.
    pub list: u8,
}

/// Where a page is, seen from the one that its client has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// It is the first one.
    First,
    /// It begins after this.
    After(Position),
    /// It ends before this.
    Before(Position),
}

/// What a cursor says, as JSON, to those who look.
#[derive(Serialize, Deserialize)]
struct Told {
    made: i64,
    cursor: Cursor,
}

/// What a cursor is good for: the query that it was made in, and how long.
#[derive(Debug, Clone)]
pub struct CursorScope {
    digest: Sha256,
    now: Timestamp,
    timeout: Duration,
}

impl CursorScope {
    /// The scope of a query that `parts` tell from every other one: its tenant, its list, its filter, its order.
    pub fn new(parts: &[&str], now: Timestamp, timeout: Duration) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // With its length in front, no part can pass for the end of another.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self { digest, now, timeout }
    }

    /// The cursor as text.
    ///
    /// RFC 9865 section 2: "Cursor values are URL-safe strings that are opaque to the client", of the characters that
    /// RFC 3986 section 2.3 calls unreserved.
    pub fn seal(&self, cursor: Cursor) -> String {
        let told = Told { made: self.now.as_second(), cursor };
        // Numbers and texts are all that it holds; if JSON could not say them, the cursor would be none, and be refused.
        let told = serde_json::to_vec(&told).unwrap_or_default();
        let mut bytes = self.digest_of(&told);
        bytes.extend(told);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor that a text is, if it is one of this query.
    ///
    /// RFC 9865 section 2.1 gives the errors: `invalidCursor` and `expiredCursor`.
    pub fn open(&self, text: &str) -> Result<Cursor, ScimError> {
        let (cursor, made) = self.read(text).ok_or_else(|| {
            ScimError::typed(
                ScimType::InvalidCursor,
                "cursor is none of this query; repeat the query that it came from as it was, or begin with an empty one",
            )
        })?;
        // Another replica may have made it, by a clock of its own. A difference of seconds only makes it end
        // seconds sooner or later; one from the future has just been made.
        let age = self.now.as_second().saturating_sub(made);
        if u64::try_from(age).is_ok_and(|age| age >= self.timeout.as_secs()) {
            let seconds = self.timeout.as_secs();
            return Err(ScimError::typed(
                ScimType::ExpiredCursor,
                format!("cursor has expired, it is good for {seconds} seconds; begin with an empty one"),
            ));
        }
        Ok(cursor)
    }

    fn read(&self, text: &str) -> Option<(Cursor, i64)> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (digest, told) = bytes.split_at_checked(DIGEST_BYTES)?;
        if digest != self.digest_of(told) {
            return None;
        }
        let Told { made, cursor } = serde_json::from_slice(told).ok()?;
        Some((cursor, made))
    }

    fn digest_of(&self, told: &[u8]) -> Vec<u8> {
        let digest = self.digest.clone().chain_update(told).finalize();
        digest.iter().copied().take(DIGEST_BYTES).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::{
        Document,
        path::AttrPath,
        schema::ResourceSchema,
        sort::{SortOrder, Sorter},
    };

    const HOUR: Duration = Duration::from_hours(1);

    fn scope(parts: &[&str], second: i64) -> CursorScope {
        CursorScope::new(parts, Timestamp::from_second(second).unwrap(), HOUR)
    }

    fn position(id: &str) -> Position {
        Position { id: id.to_owned(), list: 1, ..Position::default() }
    }

    fn failure(scope: &CursorScope, text: &str) -> Option<ScimType> {
        scope.open(text).unwrap_err().scim_type
    }

    #[test]
    fn a_cursor_is_read_back_as_it_was_made() {
        let scope = scope(&["acme/okta", "Users", ""], 100);
        let by = AttrPath::parse("title").unwrap();
        let sorter = Sorter::new(&by, SortOrder::Descending, &ResourceSchema::user()).unwrap();
        let longest = Document::from_iter([("title".to_owned(), "\u{7}".repeat(10_000).into())]);
        let far = Position { key: sorter.key(&longest), ..position(&"i".repeat(253)) };
        for cursor in
            [Cursor::First, Cursor::After(position("0192")), Cursor::Before(position("")), Cursor::After(far)]
        {
            let text = scope.seal(cursor.clone());
            assert!(text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it)), "{text}");
            assert_eq!(scope.open(&text).unwrap(), cursor);
        }
    }

    #[test]
    fn a_cursor_of_another_query_is_invalid() {
        let text = scope(&["acme/okta", "Users", ""], 100).seal(Cursor::After(position("0192")));
        for parts in
            [["acme/entra", "Users", ""], ["acme/okta", "Groups", ""], ["acme/okta", "Users", "id pr"]]
        {
            assert_eq!(failure(&scope(&parts, 100), &text), Some(ScimType::InvalidCursor), "{parts:?}");
        }
        assert_eq!(failure(&scope(&["acme/oktaU", "sers", ""], 100), &text), Some(ScimType::InvalidCursor));
    }

    #[test]
    fn garbage_is_invalid_and_so_is_a_cursor_with_one_bit_changed() {
        let scope = scope(&["acme/okta"], 100);
        for text in ["x", "%", "AAAA", "ü", &"A".repeat(10_000)] {
            assert_eq!(failure(&scope, text), Some(ScimType::InvalidCursor), "{text}");
        }
        let bytes = URL_SAFE_NO_PAD.decode(scope.seal(Cursor::After(position("0192")))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(failure(&scope, &text), Some(ScimType::InvalidCursor), "bit {bit}");
        }
    }

    #[test]
    fn a_cursor_expires_and_one_from_a_clock_ahead_is_good() {
        let text = scope(&["x"], 10_000).seal(Cursor::After(position("0192")));
        assert!(scope(&["x"], 13_599).open(&text).is_ok());
        assert!(scope(&["x"], 9_000).open(&text).is_ok());
        assert_eq!(failure(&scope(&["x"], 13_600), &text), Some(ScimType::ExpiredCursor));
    }
}
