//! Which media type an answer has: the one of the two that we know which `Accept` prefers.

use axum::{
    http::{
        HeaderMap, HeaderValue,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::Response,
};

use super::error::SCIM_JSON;

/// What clients that know nothing of SCIM's own type take.
const PLAIN_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Calls an answer `application/json` for who prefers that.
///
/// RFC 7644 section 3.8 has a client say with `Accept` which of the two it wants. Who accepts neither gets
/// `application/scim+json` all the same, as RFC 9110 section 12.5.1 allows: 406 would help nobody, and libraries send an
/// `Accept` of their own making that has nothing to do with SCIM.
pub(super) fn name_type(response: &mut Response, plain: bool) {
    if plain && response.headers().get(CONTENT_TYPE) == Some(&SCIM_JSON) {
        response.headers_mut().insert(CONTENT_TYPE, PLAIN_JSON);
    }
}

/// Whether the sender of these headers would rather have `application/json`.
pub(super) fn prefers_plain(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<(&str, u16)> = values.flat_map(|value| value.split(',')).map(range).collect();
    quality(&ranges, "application/json") > quality(&ranges, "application/scim+json")
}

/// A media range and its weight in thousandths: `application/json;q=0.5`.
fn range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|it| it.strip_prefix("q=").or_else(|| it.strip_prefix("Q=")));
    (name, weight.map_or(1000, thousandths))
}

/// RFC 9110 section 12.4.2: a weight has three decimal digits at most. One that is none counts as none given.
fn thousandths(weight: &str) -> u16 {
    let Some((whole, decimals)) = weight.split_once('.') else { return if weight == "0" { 0 } else { 1000 } };
    match format!("{decimals:0<3}").get(..3).and_then(|it| it.parse::<u16>().ok()) {
        Some(decimals) if whole == "0" => decimals,
        Some(_) | None => 1000,
    }
}

/// RFC 9110 section 12.5.1: "the most specific reference has precedence".
fn quality(ranges: &[(&str, u16)], media_type: &str) -> u16 {
    let weight =
        |name: &str| ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(name)).map(|it| it.1);
    weight(media_type).or_else(|| weight("application/*")).or_else(|| weight("*/*")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefers(accept: &str) -> bool {
        prefers_plain(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]))
    }

    #[test]
    fn plain_json_is_for_those_who_name_it_alone_or_first() {
        for accept in [
            "application/json",
            "application/json;charset=utf-8",
            "Application/JSON, text/plain;q=0.5",
            "application/scim+json;q=0.5, application/json;q=0.75",
            "application/json, */*;q=0.1",
        ] {
            assert!(prefers(accept), "{accept}");
        }
    }

    #[test]
    fn everybody_else_gets_the_type_of_scim() {
        assert!(!prefers_plain(&HeaderMap::new()));
        for accept in [
            "application/scim+json",
            "application/scim+json, application/json",
            "*/*",
            "application/*, application/json;q=0.9",
            "text/html, image/gif, *; q=.2, */*; q=.2",
            "text/html",
            "application/json;q=0",
            "nonsense;;;q=x",
            "",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
    }
}
