//! Versions of resources as entity tags, and requests that are conditional on them: RFC 7644 section 3.14.

/// A version as an entity tag. It is weak: the same version may be sent with other attributes left out.
pub fn etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// On which versions of a resource a request is to be carried out. The default is on every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`: only on one of these.
    only: Option<Tags>,
    /// `If-None-Match`: on any but these.
    unless: Option<Tags>,
}

/// What a conditional read is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// The resource.
    Send,
    /// 304: the reader has this version already.
    NotModified,
    /// 412: it is none of the versions that the reader wants.
    Failed,
}

/// What a header lists.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: any version of a resource that exists.
    Any,
    Of(Vec<String>),
}

impl Conditions {
    /// Reads the values of the `If-Match` and `If-None-Match` headers.
    pub fn parse<'h>(
        if_match: impl IntoIterator<Item = &'h str>,
        if_none_match: impl IntoIterator<Item = &'h str>,
    ) -> Self {
        Self { only: Tags::parse(if_match), unless: Tags::parse(if_none_match) }
    }

    /// Whether a write may change this version.
    ///
    /// RFC 7644 section 3.14: "If the service provider supports versioning of resources, the client MAY supply an
    /// If-Match header [...] for PUT and PATCH operations to ensure that the requested operation succeeds only if
    /// the supplied ETag matches the latest service provider resource". RFC 9110 section 13.1.2 has a write fail,
    /// too, when `If-None-Match` names the version: `*` there means "only if there is nothing yet".
    pub fn allow_write(&self, current: &str) -> bool {
        self.only.as_ref().is_none_or(|tags| tags.have(current))
            && !self.unless.as_ref().is_some_and(|tags| tags.have(current))
    }

    /// What a read of this version is answered with. RFC 9110 section 13.2.2: `If-Match` is looked at first.
    pub fn reading(&self, current: &str) -> Reading {
        if self.only.as_ref().is_some_and(|tags| !tags.have(current)) {
            Reading::Failed
        } else if self.unless.as_ref().is_some_and(|tags| tags.have(current)) {
            Reading::NotModified
        } else {
            Reading::Send
        }
    }
}

impl Tags {
    /// The versions that a header lists, in all the forms that clients write: `W/"1"`, `"1"`, `1`. A header that
    /// names none says nothing.
    fn parse<'h>(values: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let tags = values.into_iter().flat_map(|value| value.split(',')).map(str::trim);
        let tags: Vec<&str> = tags.filter(|tag| !tag.is_empty()).collect();
        if tags.contains(&"*") {
            return Some(Self::Any);
        }
        // RFC 9110 section 8.8.3.2: weak comparison is that of the opaque tags, "regardless of either or both being
        // tagged as "weak"". RFC 7644 shows weak tags in If-Match, which strong comparison would never match.
        let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned();
        (!tags.is_empty()).then(|| Self::Of(tags.into_iter().map(opaque).collect()))
    }

    fn have(&self, version: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Of(versions) => versions.iter().any(|known| known == version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(value: &str) -> Conditions {
        Conditions::parse([value], [])
    }

    fn unless(value: &str) -> Conditions {
        Conditions::parse([], [value])
    }

    #[test]
    fn a_version_is_read_back_from_every_way_to_write_it() {
        for value in ["W/\"42\"", "\"42\"", "42", "W/\"1\", W/\"42\"", "\"1\",\"42\"", "*", "1, *"] {
            assert!(only(value).allow_write("42"), "{value}");
            assert_eq!(unless(value).reading("42"), Reading::NotModified, "{value}");
        }
        assert!(only(&etag("42")).allow_write("42"));
    }

    #[test]
    fn what_is_not_listed_is_not_meant() {
        for value in ["W/\"4\"", "\"1\", \"2\"", "w42"] {
            assert!(!only(value).allow_write("42"), "{value}");
            assert_eq!(only(value).reading("42"), Reading::Failed, "{value}");
            assert_eq!(unless(value).reading("42"), Reading::Send, "{value}");
        }
    }

    #[test]
    fn a_write_unless_it_exists_fails_where_it_exists() {
        assert!(!unless("*").allow_write("42"));
        assert!(!unless("W/\"42\"").allow_write("42"));
        assert!(unless("W/\"41\"").allow_write("42"));
    }

    #[test]
    fn several_headers_are_one_list_and_an_empty_one_says_nothing() {
        assert!(Conditions::parse(["\"1\"", "\"42\""], []).allow_write("42"));
        assert_eq!(Conditions::parse([" , "], [""]), Conditions::default());
    }
}
