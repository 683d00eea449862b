//! The comparison form of text whose `caseExact` is false.
//!
//! RFC 7643 section 4.1.1 makes `userName` case-insensitive, and RFC 7644 section 5 asks that strings
//! are prepared before they are compared, so that two spellings which a person cannot tell apart are one
//! name. Uniqueness and filters both use this form; what the client wrote is what is stored and shown.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

/// Folds case and compatibility forms: two texts are the same name when their folded forms are equal.
///
/// This is the compatibility caseless match of the Unicode Standard, definition D146, composed. The
/// second folding is needed because a compatibility mapping can bring out a new upper-case letter.
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    folded(text).collect()
}

/// Whether two texts have the same folded form; nearly always found without folding either.
pub fn is_same_folded(left: &str, right: &str) -> bool {
    let mut pairs = left.bytes().zip(right.bytes());
    match pairs.find(|(left, right)| !left.eq_ignore_ascii_case(right)) {
        // Nothing that follows can make two different ASCII characters one: none of them combines with what
        // is before it.
        Some((left, right)) if left.is_ascii() && right.is_ascii() => false,
        None if left.len() == right.len() => true,
        Some(_) | None => folded(left).eq(folded(right)),
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().nfd().default_case_fold().nfkc().default_case_fold().nfkc()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_width_and_composition_do_not_tell_names_apart() {
        for spelling in ["ann@example.com", "ANN@example.COM", "Ａｎｎ@example.com"] {
            assert_eq!(fold_case(spelling), "ann@example.com");
        }
        assert_eq!(fold_case("Straße"), fold_case("STRASSE"));
        assert_eq!(fold_case("e\u{301}"), fold_case("\u{c9}"));
    }

    proptest::proptest! {
        #[test]
        fn folding_twice_changes_nothing_more(text in "\\PC{0,20}") {
            let once = fold_case(&text);
            proptest::prop_assert_eq!(fold_case(&once), once);
        }

        #[test]
        fn comparing_two_texts_is_comparing_their_folded_forms(left in "[aAeéÉßsK\u{212a}\u{301}]{0,4}", right in "[aAeéÉßskﬁfi\u{301}]{0,4}") {
            proptest::prop_assert_eq!(is_same_folded(&left, &right), fold_case(&left) == fold_case(&right));
        }
    }
}
