//! What a client asks for in the query of a URL.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use serde_json::Value;
use url::form_urlencoded;

use super::{ReceiverError, ReceiverState};
use crate::scim::{ScimError, list::ListQuery, project::Projection, schema::ResourceSchema};

/// The largest page of a list.
pub(super) const MAX_PAGE: usize = 1000;

/// The page of a client that does not say how large it should be; Okta's own is as large.
const DEFAULT_PAGE: &str = "100";

/// The query of a list in a URL.
fn list_query<'q>(pairs: impl IntoIterator<Item = (&'q str, &'q str)>) -> Result<ListQuery, ScimError> {
    ListQuery::parse(std::iter::once(("count", DEFAULT_PAGE)).chain(pairs), MAX_PAGE)
}

/// The same in the body of a `.search`.
pub(super) fn search_query(mut body: Value) -> Result<ListQuery, ScimError> {
    if let Value::Object(fields) = &mut body
        && !fields.keys().any(|name| name.eq_ignore_ascii_case("count"))
    {
        fields.insert("count".to_owned(), DEFAULT_PAGE.into());
    }
    ListQuery::parse_search(&body, MAX_PAGE)
}

/// The decoded parameters of a query, names and values.
pub(super) fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// `attributes` and `excludedAttributes`, RFC 7644 section 3.9, which every answer with a resource obeys.
pub(super) struct Asked {
    attributes: Vec<String>,
    excluded: Vec<String>,
}

impl Asked {
    pub(super) fn projection(&self, schema: &ResourceSchema) -> Result<Projection, ReceiverError> {
        Ok(Projection::parse(&self.attributes, &self.excluded, schema)?)
    }

    /// Whether certain attributes are asked for.
    pub(super) fn names_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    fn of(uri: &Uri) -> Result<Self, ReceiverError> {
        let known = |name: &str| {
            ["attributes", "excludedAttributes"].iter().any(|known| name.eq_ignore_ascii_case(known))
        };
        let pairs = parameters(uri.query());
        let asked = pairs.iter().filter(|(name, _)| known(name));
        let query = ListQuery::parse(asked.map(|(name, value)| (name.as_str(), value.as_str())), MAX_PAGE)?;
        Ok(Self { attributes: query.attributes, excluded: query.excluded_attributes })
    }
}

impl FromRequestParts<ReceiverState> for Asked {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        Self::of(&parts.uri)
    }
}

/// The query of a list in its URL.
pub(super) struct Listed(pub(super) ListQuery);

impl FromRequestParts<ReceiverState> for Listed {
    type Rejection = ReceiverError;

    async fn from_request_parts(parts: &mut Parts, _: &ReceiverState) -> Result<Self, ReceiverError> {
        let pairs = parameters(parts.uri.query());
        Ok(Self(list_query(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(query: &str) -> (Vec<String>, Vec<String>) {
        let uri: Uri = format!("/Users/1?{query}").parse().unwrap();
        let Asked { attributes, excluded } = Asked::of(&uri).unwrap();
        (attributes, excluded)
    }

    #[test]
    fn attributes_are_read_and_all_else_of_a_query_is_ignored() {
        let (attributes, excluded) = asked("Attributes=userName,%20emails.value&filter=((&aadOptscim062020");
        assert_eq!((attributes.join(" "), excluded.len()), ("userName emails.value".to_owned(), 0));
        assert_eq!(asked("excludedAttributes=members").1, ["members"]);
    }

    #[test]
    fn a_page_has_a_hundred_unless_asked_and_a_thousand_at_most() {
        let count = |pairs: &[(&str, &str)]| list_query(pairs.iter().copied()).unwrap().count;
        assert_eq!([count(&[]), count(&[("count", "7")]), count(&[("count", "9999999")])], [100, 7, 1000]);
    }

    #[test]
    fn a_search_has_the_pages_that_a_query_has() {
        let count = |body| search_query(body).unwrap().count;
        assert_eq!(
            [count(json!({})), count(json!({"Count": 7})), count(json!({"count": 5000}))],
            [100, 7, 1000]
        );
    }

    #[test]
    fn a_query_is_decoded_once() {
        let pairs = parameters(Some("filter=userName%20eq%20%22a%2Bb%40x%22&x=1+2"));
        assert_eq!(pairs[0].1, r#"userName eq "a+b@x""#);
        assert_eq!(pairs[1].1, "1 2");
    }
}
