//! Canaille: an identity provider whose users and groups change, and which pushes that by itself.

use std::{path::PathBuf, process::Command};

use rollcall_dev::peers;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{before_rfc9865::before_rfc9865, endpoint::Endpoint, installed, run, support::Receiver};

/// An installation with a database of its own.
struct Canaille {
    program: PathBuf,
    home: TempDir,
    target: Endpoint,
}

#[tokio::test]
async fn what_becomes_of_people_in_canaille_becomes_of_them_here() {
    let receiver = Receiver::start().await;
    let tenant = before_rfc9865(&receiver.tenant().await).await;
    let canaille = Canaille::start(tenant).await;
    people_come(&canaille).await;
    people_change(&canaille).await;
    people_go(&canaille).await;
    receiver.stop().await;
}

async fn people_come(canaille: &Canaille) {
    let ada = "create user --user-name ada --family-name Lovelace --given-name Ada --display-name Ada --title Countess \
               --emails ada@example.com --phone-numbers 555 --employee-number 7 --department Engines --password hunter2-hunter2";
    canaille.tell(ada).await;
    canaille.tell("create user --user-name grace --family-name Hopper --emails grace@example.com").await;
    canaille.tell("create group --display-name engineers --members ada --members grace").await;

    let user = canaille.seen("Users", "userName", "ada").await;
    assert_eq!(user["name"], json!({ "familyName": "Lovelace", "givenName": "Ada" }));
    assert_eq!((&user["displayName"], &user["title"]), (&json!("Ada"), &json!("Countess")));
    assert_eq!(user["emails"][0]["value"], "ada@example.com");
    assert_eq!(user["phoneNumbers"][0]["value"], "555");
    assert_eq!(user["active"], true);
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    assert_eq!(user[enterprise], json!({ "employeeNumber": "7", "department": "Engines" }));
    assert_eq!(user["password"], Value::Null, "the hash that Canaille sends is not kept");
    assert_eq!(user["groups"][0]["display"], "engineers");
    let grace = canaille.seen("Users", "userName", "grace").await;
    assert_eq!(members(&canaille.seen("Groups", "displayName", "engineers").await), [id(&user), id(&grace)]);
}

async fn people_change(canaille: &Canaille) {
    let before = canaille.seen("Groups", "displayName", "engineers").await;
    canaille.tell("set user ada --family-name King --lock-date 2020-01-01T00:00:00+00:00").await;
    canaille.tell("set group engineers --display-name makers --members grace").await;

    let user = canaille.seen("Users", "userName", "ada").await;
    assert_eq!((&user["name"]["familyName"], &user["active"]), (&json!("King"), &json!(false)));
    assert_eq!(user["title"], "Countess", "what did not change is still there");
    let group = canaille.seen("Groups", "displayName", "makers").await;
    assert_eq!(id(&group), id(&before), "a group is renamed, not replaced");
    assert_eq!(members(&group), [id(&canaille.seen("Users", "userName", "grace").await)]);
}

async fn people_go(canaille: &Canaille) {
    canaille.tell("delete user --user-name ada --noconfirm").await;
    canaille.tell("delete group --display-name makers --noconfirm").await;
    assert_eq!(canaille.list("Users?attributes=userName").await["totalResults"], 1);
    assert_eq!(canaille.list("Groups").await["totalResults"], 0);
}

impl Canaille {
    /// One that knows the tenant as an application of its own, and a token for it.
    async fn start(target: Endpoint) -> Self {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("canaille.sqlite");
        let config = format!(
            "SECRET_KEY = 'only for this test'\nSERVER_NAME = 'canaille.invalid'\n\
             [CANAILLE_SQL]\nDATABASE_URI = 'sqlite:///{}'\n[CANAILLE_SCIM]\nENABLE_CLIENT = true\n",
            database.display()
        );
        std::fs::write(home.path().join("canaille.toml"), config).unwrap();
        let canaille = Self { program: installed(peers::canaille).await, home, target };
        let Endpoint { url, token } = &canaille.target;
        canaille.tell("install").await;
        canaille
            .tell(&format!("create client --client-id rollcall --client-name Rollcall --client-uri {url}"))
            .await;
        let years = 20 * 365 * 24 * 3600;
        let token = format!(
            "create token --token-id scim --client rollcall --access-token {token} --lifetime {years}"
        );
        canaille.tell(&format!("{token} --issue-date 2025-01-01T00:00:00+00:00")).await;
        canaille
    }

    /// Gives it a command. It pushes before the command is done.
    async fn tell(&self, words: &str) {
        let mut command = Command::new(&self.program);
        command.args(words.split_whitespace()).current_dir(self.home.path());
        command.env("CANAILLE_CONFIG", self.home.path().join("canaille.toml"));
        let ran = run("canaille", command, &self.target).await;
        // It only logs a push that was refused, and one that it did not try.
        let pushed = !["failed", "Unable", "not supported"].iter().any(|problem| ran.said.contains(problem));
        assert!(ran.succeeded && pushed, "canaille {words}:\n{}", ran.said);
    }

    /// The one resource that the receiver has of this name.
    async fn seen(&self, collection: &str, attribute: &str, name: &str) -> Value {
        let mut found = self.list(&format!("{collection}?filter={attribute}+eq+%22{name}%22")).await;
        assert_eq!(found["totalResults"], 1, "{name}: {found}");
        found["Resources"][0].take()
    }

    async fn list(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.target.url);
        let answer = Receiver::http().get(url).bearer_auth(&self.target.token).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

fn members(group: &Value) -> Vec<&str> {
    group["members"].as_array().unwrap().iter().map(|member| member["value"].as_str().unwrap()).collect()
}
