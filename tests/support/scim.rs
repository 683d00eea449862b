//! A tenant's SCIM service, as an identity provider sees it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use reqwest::Method;
use rollcall::api::{ScimTenant, ScimTenantSpec};
use serde_json::{Value, json};

use crate::operator::eventually;

/// Where a tenant is reached, and a token for it.
#[derive(Clone, Debug)]
pub struct Scim {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Scim {
    /// Creates the tenant `okta` in a namespace whose operator runs, and waits until its token is accepted.
    pub async fn connect(client: &Client, namespace: &str) -> Self {
        let tenants: Api<ScimTenant> = Api::namespaced(client.clone(), namespace);
        let metadata = ObjectMeta { name: Some("okta".to_owned()), ..ObjectMeta::default() };
        let tenant = ScimTenant { metadata, spec: ScimTenantSpec::default(), status: None };
        tenants.create(&PostParams::default(), &tenant).await.unwrap();
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let (url, token) = eventually("the tenant has its Secret", || async {
            let data = secrets.get_opt("okta-default").await.unwrap()?.data?;
            let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
            Some((text("url")?, text("token")?))
        })
        .await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let scim = Self { url, token, http };
        eventually("the token is accepted", || async {
            (scim.send(Method::GET, "/Users?count=0", &Value::Null).await?.0 == 200).then_some(())
        })
        .await;
        scim
    }

    /// The token, for whoever makes requests by themselves.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a request. `None` if there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Option<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = request.timeout(Duration::from_secs(40)).send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}

/// A user as an identity provider sends one.
pub fn user(name: &str) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": true})
}

/// A group as an identity provider sends one.
pub fn group(name: &str, members: &[String]) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": refs(members)})
}

/// A PATCH of these operations.
pub fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// Members as they are named in a group or PATCH.
pub fn refs(members: &[String]) -> Vec<Value> {
    members.iter().map(|id| json!({"value": id})).collect()
}

/// A filter for a name, as a query.
pub fn named(attribute: &str, name: &str) -> String {
    format!("filter={attribute}%20eq%20%22{name}%22")
}
