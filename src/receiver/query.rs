//! What a client asks for in the query of a URL.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use url::form_urlencoded;

use super::{ReceiverError, ReceiverState};
use crate::scim::{
    list::{ListQuery, PageSizes},
    project::Projection,
    schema::ResourceSchema,
};

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
        let asked = asked.map(|(name, value)| (name.as_str(), value.as_str()));
        let query = ListQuery::parse(asked, PageSizes { default: 0, most: 0 })?;
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

    async fn from_request_parts(parts: &mut Parts, state: &ReceiverState) -> Result<Self, ReceiverError> {
        let pairs = parameters(parts.uri.query());
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(Self(ListQuery::parse(pairs, state.settings.pages)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_query_is_decoded_once() {
        let pairs = parameters(Some("filter=userName%20eq%20%22a%2Bb%40x%22&x=1+2"));
        assert_eq!(pairs[0].1, r#"userName eq "a+b@x""#);
        assert_eq!(pairs[1].1, "1 2");
    }
}
