//! The people and teams of the measured system, all of them made over SCIM.
//!
//! A tenth of all memberships is in one large team, or half of the people; the others are spread over small teams.

use serde_json::{Value, json};

use crate::{
    load::{Ask, Failure, Outcome},
    system::Tenant,
};

/// How many connections load.
const CONNECTIONS: usize = 32;

/// How many members one PATCH adds to the large team.
const AT_ONCE: usize = 500;

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub people: usize,
    pub teams: usize,
    pub memberships: usize,
    /// Members of the one large team.
    pub large: usize,
}

impl Size {
    /// The size that is promised.
    pub const FULL: Self = Self { people: 100_000, teams: 5_000, memberships: 1_000_000, large: 50_000 };
    /// A tenth of it.
    pub const QUICK: Self = Self { people: 10_000, teams: 500, memberships: 100_000, large: 5_000 };

    /// As many people as the smallest customers have, in as many teams each.
    pub const SMALL: Self = Self { people: 1_000, teams: 50, memberships: 10_000, large: 500 };

    /// How many members a small team has; the last ones have one less.
    fn small(&self, team: usize) -> usize {
        let (rest, teams) = (self.memberships - self.large, self.teams - 1);
        rest / teams + usize::from(team < rest % teams)
    }
}

/// One of them, with what Okta sends by default.
pub fn person(number: usize) -> String {
    let cities = ["Berlin", "London", "Madrid", "Oslo", "Paris"];
    let (given, family) = (format!("Given{number}"), format!("Family{}", number % 9973));
    let email = format!("person{number}@example.com");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": email,
        "externalId": format!("00u{number:017}"),
        "active": true,
        "displayName": format!("{given} {family}"),
        "name": { "givenName": given, "familyName": family },
        "title": format!("Engineer {}", number % 40),
        "locale": "en-GB",
        "timezone": format!("Europe/{}", cities[number / 40 % cities.len()]),
        "emails": [{ "value": email, "type": "work", "primary": true }],
        "phoneNumbers": [{ "value": format!("+49 30 {number:07}"), "type": "work" }],
        (ENTERPRISE): { "department": format!("Department {}", number % 200), "employeeNumber": number.to_string() },
    })
    .to_string()
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A PATCH that adds these to a team.
pub fn add<'a>(members: impl Iterator<Item = &'a str>) -> String {
    let value: Vec<Value> = members.map(|id| json!({ "value": id })).collect();
    patch(&json!({ "op": "add", "path": "members", "value": value }))
}

/// A PATCH of one operation.
pub fn patch(operation: &Value) -> String {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] })
        .to_string()
}

impl Tenant {
    /// Creates the people of these numbers.
    pub async fn create(&self, numbers: std::ops::Range<usize>) -> Result<Outcome, Failure> {
        let first = numbers.start;
        let post = |number| self.ask("POST", "/Users", person(first + number));
        self.until_done(CONNECTIONS, numbers.len(), [201, 409], post).await
    }

    /// Asks all of it, and all of it again as long as something was to be tried again, as an identity provider does.
    /// What was done already is then answered by the other one of `done`.
    async fn until_done(
        &self,
        connections: usize,
        count: usize,
        done: [u16; 2],
        ask: impl Fn(usize) -> Ask + Sync,
    ) -> Result<Outcome, Failure> {
        loop {
            let outcome = self.server.load(connections, count, &ask).await?;
            let other = outcome.statuses.iter().find(|(status, _)| !done.contains(status));
            match other {
                None => return Ok(outcome),
                Some((503, count)) => {
                    eprintln!("{count} requests of {} were answered 503", outcome.latencies.len());
                }
                Some(other) => return Err(format!("a status and how many had it: {other:?}").into()),
            }
        }
    }

    /// Creates all teams, and fills them by PATCHes; gives back their ids, that of the large one first.
    pub async fn create_teams(&self, size: &Size, people: &[String]) -> Result<Vec<String>, Failure> {
        let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
        let post = |number: usize| {
            let body = json!({ "schemas": [group], "displayName": format!("Team {number}") });
            self.ask("POST", "/Groups", body.to_string())
        };
        self.until_done(1, 1, [201, 409], post).await?;
        self.until_done(CONNECTIONS, size.teams - 1, [201, 409], |number| post(number + 1)).await?;
        let teams = self.ids("/Groups").await?;
        let fill = |number: usize| {
            // Neighbours are in other teams, and each is in about as many as any other.
            let members =
                (0..size.small(number)).map(|it| people[(number * 191 + it * 7919) % people.len()].as_str());
            self.ask("PATCH", &format!("/Groups/{}", teams[number + 1]), add(members))
        };
        self.until_done(CONNECTIONS, size.teams - 1, [204, 204], fill).await?;
        let steps = size.large / AT_ONCE;
        let fill = |step: usize| {
            let members = people.iter().step_by(people.len() / size.large).skip(step * AT_ONCE).take(AT_ONCE);
            self.ask("PATCH", &format!("/Groups/{}", teams[0]), add(members.map(String::as_str)))
        };
        self.until_done(1, steps, [204, 204], fill).await?;
        Ok(teams)
    }

    /// The ids of everything at `path`, in the order of creation.
    pub async fn ids(&self, path: &str) -> Result<Vec<String>, Failure> {
        let mut ids = Vec::new();
        loop {
            let page = format!("{path}?attributes=id&count=1000&startIndex={}", ids.len() + 1);
            let (status, body) = self.server.once(self.ask("GET", &page, "")).await?;
            let page: Value = serde_json::from_slice(&body).map_err(|error| format!("{status}: {error}"))?;
            let found = page["Resources"].as_array().map_or(&[][..], Vec::as_slice);
            ids.extend(found.iter().filter_map(|it| it["id"].as_str().map(str::to_owned)));
            if found.is_empty() {
                return Ok(ids);
            }
        }
    }
}
