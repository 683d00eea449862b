//! Making the downstream app that a DownstreamApp object describes.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use sha2::{Digest, Sha256};

use crate::{
    api::{DownstreamApp, ScimTarget},
    controllers::Context,
    downstream::{
        ApplyError, Blame, Counted, Downstream,
        rbac::RbacApp,
        scim::{BearerToken, ScimApp},
    },
};

/// The key of a Secret that is read unless the object names another.
const DEFAULT_KEY: &str = "token";

/// An app that has been made, and what it was made of.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub(super) downstream: Arc<dyn Downstream>,
    /// SHA-256 of the token, so that a rotated one is noticed and the app's memory survives otherwise.
    token: Option<[u8; 32]>,
}

/// Makes the app, or keeps `before` if nothing that it was made of has changed.
pub(super) async fn connect(
    context: &Context,
    app: &DownstreamApp,
    before: Option<Connected>,
) -> Result<Connected, ApplyError> {
    let Some(scim) = &app.spec.scim else {
        if let Some(before) = before {
            return Ok(before);
        }
        let rbac = RbacApp::new(context.client.clone(), app, context.options.rbac_reach.clone())?;
        return Ok(Connected { downstream: counted(context, Arc::new(rbac)), token: None });
    };
    let text = read_token(context, app, scim).await?;
    let token = Some(Sha256::digest(text.as_bytes()).into());
    match before {
        Some(before) if before.token == token => Ok(before),
        Some(_) | None => {
            let token_text = BearerToken::new(&text)?;
            let made = ScimApp::new(scim, token_text, context.options.scim, context.fence.clone())?;
            Ok(Connected { downstream: counted(context, Arc::new(made)), token })
        }
    }
}

fn counted(context: &Context, app: Arc<dyn Downstream>) -> Arc<dyn Downstream> {
    Arc::new(Counted::new(app, context.calls.clone()))
}

async fn read_token(context: &Context, app: &DownstreamApp, scim: &ScimTarget) -> Result<String, ApplyError> {
    let name = &scim.token_secret_ref.name;
    let key = scim.token_secret_ref.key.as_deref().unwrap_or(DEFAULT_KEY);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &app.namespace().unwrap_or_default());
    let secret = api.get_opt(name).await.map_err(|error| {
        let code = match &error {
            kube::Error::Api(status) => format!("{} {}", status.code, status.reason),
            _ => "no connection to the API server".to_owned(),
        };
        fault(format!("could not read Secret {name}: {code}"))
    })?;
    let secret = secret.ok_or_else(|| {
        fault(format!("there is no Secret {name}; create it with the app's bearer token under the key {key}"))
    })?;
    let value = secret.data.and_then(|mut data| data.remove(key));
    let value = value
        .ok_or_else(|| fault(format!("Secret {name} has no key {key}; put the app's bearer token there")))?;
    String::from_utf8(value.0).map_err(|_| fault(format!("key {key} of Secret {name} is no text")))
}

fn fault(message: String) -> ApplyError {
    ApplyError { blame: Blame::App, message, retry_after: None }
}
