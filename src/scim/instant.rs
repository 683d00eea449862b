//! Points in time as SCIM writes them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// RFC 7643 section 2.3.5: a dateTime "MUST be encoded as a valid xsd:dateTime". One without an offset is
/// taken as UTC, so that all of them can be compared.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_same_instant_in_two_offsets_is_equal() {
        assert_eq!(parse("2011-05-13T04:42:34Z"), parse("2011-05-13T06:42:34+02:00"));
        assert_eq!(parse("2011-05-13T04:42:34Z"), parse("2011-05-13T04:42:34"));
        assert_eq!(parse("yesterday"), None);
    }
}
