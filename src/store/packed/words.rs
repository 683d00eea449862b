//! The words that nearly every user's object has: names of fields, labels and the like. Each is packed as its place here.

/// Sorted, so that a word's place is found quickly. At most 256, as a place is one byte.
const WORDS: [&str; 87] = [
    "Applied",
    "Failing",
    "False",
    "Granted",
    "Ready",
    "Receiver",
    "Revoked",
    "True",
    "active",
    "addresses",
    "annotations",
    "app.kubernetes.io/managed-by",
    "apps",
    "attributes",
    "conditions",
    "costCenter",
    "country",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "department",
    "display",
    "displayName",
    "division",
    "emails",
    "employeeNumber",
    "enterprise",
    "entitlements",
    "error",
    "externalId",
    "familyName",
    "finalizers",
    "formatted",
    "generation",
    "givenName",
    "home",
    "honorificPrefix",
    "honorificSuffix",
    "ims",
    "labels",
    "lastTransitionTime",
    "locale",
    "locality",
    "manager",
    "message",
    "middleName",
    "mobile",
    "name",
    "namespace",
    "nickName",
    "observedGeneration",
    "organization",
    "ownerReferences",
    "password",
    "phoneNumbers",
    "photos",
    "postalCode",
    "preferredLanguage",
    "primary",
    "profileUrl",
    "reason",
    "region",
    "remoteId",
    "retryAt",
    "revision",
    "roles",
    "rollcall",
    "rollcall.dev/modified-at",
    "rollcall.dev/origin",
    "rollcall.dev/revoke",
    "rollcall.dev/tenant",
    "since",
    "state",
    "status",
    "streetAddress",
    "summary",
    "tenantRef",
    "timezone",
    "title",
    "type",
    "uid",
    "until",
    "userName",
    "userType",
    "value",
    "work",
    "x509Certificates",
];

pub(super) fn place(text: &str) -> Option<u8> {
    u8::try_from(WORDS.binary_search(&text).ok()?).ok()
}

pub(super) fn at(place: u8) -> Option<&'static str> {
    WORDS.get(usize::from(place)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_its_place() {
        for word in WORDS {
            assert_eq!(place(word).and_then(at), Some(word));
        }
    }
}
