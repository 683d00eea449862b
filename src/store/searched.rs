//! The part of a resource that a filter or an order looks at: of many resources one attribute is cheap, and all of them
//! are not.

use serde_json::{Value, json};

use super::{codec, directory::Directory, tenant::TenantKey, view::Found};
use crate::scim::version::etag;

/// One attribute, or one extension by its URN.
pub(super) fn value(directory: &Directory, tenant: &TenantKey, found: &Found, name: &str) -> Option<Value> {
    match (name, found) {
        ("id", _) => Some(found.id().into()),
        ("meta", _) => Some(meta(found)),
        ("groups", Found::User(user)) => Some(groups(directory, tenant, user.id())),
        ("members", Found::Team(team)) => Some(members(directory, tenant, team.id())),
        (_, Found::User(user)) => user.attribute(name),
        (_, Found::Team(team)) => codec::team_attribute(&team.outline().spec, name),
    }
}

/// `meta`, but for the location, which depends on who asks.
fn meta(found: &Found) -> Value {
    let (kind, created, modified, version) = match found {
        Found::User(it) => ("User", it.created(), it.last_modified(), it.version()),
        Found::Team(it) => ("Group", it.created(), it.last_modified(), it.version()),
    };
    json!({ "resourceType": kind, "created": created, "lastModified": modified, "version": etag(&version) })
}

fn groups(directory: &Directory, tenant: &TenantKey, user: &str) -> Value {
    let groups = directory.groups_of(tenant, user);
    groups.iter().map(|group| json!({ "value": group.id.as_ref(), "display": group.display })).collect()
}

fn members(directory: &Directory, tenant: &TenantKey, team: &str) -> Value {
    let members = directory.team_with_members(tenant, team).map(|(_, members)| members);
    members.iter().flat_map(|members| members.iter()).map(|id| json!({ "value": id.as_ref() })).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::{collection::vec, prelude::*, sample::select};
    use serde_json::Map;

    use super::*;
    use crate::{
        api::User,
        scim::{
            Limits,
            filter::{Filter, evaluate},
            normalize::normalize,
            schema::ResourceSchema,
        },
        store::view::UserView,
    };

    const ENTERPRISE: &str = crate::scim::schema::ENTERPRISE_USER_URN;

    proptest! {
        #[test]
        fn a_filter_finds_in_the_part_what_it_finds_in_the_whole(body in user(), text in filter()) {
            let schema = ResourceSchema::user();
            let found = found(&body);
            let Found::User(view) = &found else { return Ok(()) };
            let mut whole = view.document();
            whole.insert("id".to_owned(), found.id().into());
            let filter = Filter::parse(&text).unwrap();
            let (directory, tenant) = (Directory::default(), TenantKey::new("a", "b"));
            let by_parts = filter.compile(&schema).unwrap().matches_by(&|name| {
                super::value(&directory, &tenant, &found, name).map(Cow::Owned)
            });
            let expected = evaluate(&filter, &schema, &whole).unwrap();
            prop_assert_eq!(by_parts, expected, "{} of {:?}", text, whole);
        }
    }

    fn found(body: &Map<String, Value>) -> Found {
        let normalized = normalize(Value::Object(body.clone()), &ResourceSchema::user(), &Limits::default());
        let spec = codec::user_spec("okta", normalized.unwrap().document).unwrap();
        Found::User(UserView::of(&User::new("0190-ada", spec)))
    }

    /// Attributes that have fields, that have none, and that their fields can't say.
    fn user() -> impl Strategy<Value = Map<String, Value>> {
        let field = (name(), value()).prop_filter_map("the types must fit", |(name, value)| {
            let schema = ResourceSchema::user();
            let body = Map::from_iter([("userName".to_owned(), "ada".into()), (name.clone(), value.clone())]);
            normalize(Value::Object(body), &schema, &Limits::default()).ok().map(|_| (name, value))
        });
        ("[abAB]{1,2}", vec(field, 0..8)).prop_map(|(user_name, fields)| {
            let mut body = Map::from_iter(fields);
            body.insert("userName".to_owned(), user_name.into());
            body
        })
    }

    fn name() -> impl Strategy<Value = String> {
        let names = [
            "externalId",
            "active",
            "displayName",
            "name",
            "nickName",
            "title",
            "emails",
            "roles",
            "addresses",
            "photos",
            "hat",
            "tenantRef",
            "attributes",
            "enterprise",
            "urn:x:Custom",
            ENTERPRISE,
        ];
        select(names.to_vec()).prop_map(str::to_owned)
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = || "[abAB]{1,2}";
        let element = (text(), select(vec!["type", "display", "odd", "country"]), text())
            .prop_map(|(value, label, text)| json!({ "value": value, (label): text }));
        let object =
            vec((select(vec!["givenName", "familyName", "department", "manager", "odd"]), text()), 1..3)
                .prop_map(|fields| {
                    fields.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
                })
                .prop_map(Value::Object);
        prop_oneof![
            text().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            vec(element, 1..3).prop_map(Value::from),
            object,
        ]
    }

    fn filter() -> impl Strategy<Value = String> {
        let path = select(vec![
            "id",
            "userName",
            "ExternalId",
            "active",
            "displayName",
            "name",
            "name.givenName",
            "nickName",
            "title",
            "emails",
            "emails.type",
            "emails.value",
            "roles",
            "addresses.country",
            "photos.display",
            "hat",
            "enterprise",
            "schemas",
            "urn:x:Custom",
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        ]);
        let term = prop_oneof![
            (path.clone(), "eq|ne|co|sw|gt|le", "[abAB]{0,2}").prop_filter_map(
                "the operator must fit the type",
                |(path, op, text)| {
                    let text = format!("{path} {op} \"{text}\"");
                    Filter::parse(&text).unwrap().compile(&ResourceSchema::user()).is_ok().then_some(text)
                }
            ),
            path.prop_map(|path| format!("{path} pr")),
            "active (eq|ne) (true|false|null)",
            "(emails|roles)\\[type eq \"[abAB]\" or value sw \"[ab]\"\\]",
        ];
        term.prop_recursive(3, 12, 2, |inner| {
            prop_oneof![
                (inner.clone(), "and|or", inner.clone())
                    .prop_map(|(one, op, other)| format!("({one}) {op} ({other})")),
                inner.prop_map(|inner| format!("not ({inner})")),
            ]
        })
    }
}
