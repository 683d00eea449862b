//! Listing everything of a kind, and handing each object over as it comes.
//!
//! The whole list is asked for at once. Its first page is what the API server answers from memory; for the others it
//! goes, when nothing of the kind was written since etcd was last compacted, to etcd, and decodes each object anew:
//! that took six times as long. At once it would not fit into our memory, so no more than one object of it is ever
//! there. Such an answer must come within the API server's time limit for requests (a minute by default), so after a
//! failure the list is asked for in pages.

use std::{io, marker::PhantomData, pin::Pin};

use futures::{AsyncBufRead, AsyncBufReadExt};
use kube::{
    Api, Client, Resource,
    api::ListParams,
    core::{ListMeta, Request},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::items::Items;
use crate::store::unreadable::{Unreadable, decode, said, what};

/// How many objects a page has, where a list is asked for in pages.
const PAGE: u32 = 500;

/// Why a list did not come whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    #[error("{}", said(.0))]
    Refused(#[from] kube::Error),
    #[error("the API server's answer broke off: {0}")]
    BrokeOff(#[from] io::Error),
    #[error(transparent)]
    Object(#[from] Unreadable),
    #[error("the API server's answer is no list: {} at column {} outside of its objects", what(.0), .0.column())]
    NoList(serde_json::Error),
    #[error("the API server did not say which version its list is of")]
    NoVersion,
}

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    AtOnce,
    InPages,
}

/// A list while it comes.
pub(super) struct List<K> {
    client: Client,
    request: Request,
    params: ListParams,
    page: Option<Page>,
    /// Known once all has come.
    version: Option<String>,
    kind: PhantomData<fn() -> K>,
}

struct Page {
    body: Pin<Box<dyn AsyncBufRead + Send>>,
    items: Items,
}

/// A list without its objects.
#[derive(Deserialize)]
struct Envelope {
    metadata: ListMeta,
}

impl<K: Resource<DynamicType = ()> + DeserializeOwned> List<K> {
    /// Of what `api` is about, as new as it is when it is asked for: no version is named, so none before that will do.
    pub(super) fn new(client: Client, api: &Api<K>, ask: Ask) -> Self {
        let limit = match ask {
            Ask::AtOnce => None,
            Ask::InPages => Some(PAGE),
        };
        Self {
            client,
            request: Request::new(api.resource_url()),
            params: ListParams { limit, ..ListParams::default() },
            page: None,
            version: None,
            kind: PhantomData,
        }
    }

    /// The next object; `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<K>, ListError> {
        while self.version.is_none() {
            let mut page = if let Some(page) = self.page.take() {
                page
            } else {
                let request = self.request.list(&self.params).map_err(kube::Error::BuildRequest)?;
                let body = Box::pin(self.client.request_stream(request).await?);
                Page { body, items: Items::default() }
            };
            if let Some(item) = page.items.next() {
                let object = decode(item)?;
                self.page = Some(page);
                return Ok(Some(object));
            }
            let piece = page.body.fill_buf().await?;
            if piece.is_empty() {
                self.end(page)?;
                continue;
            }
            let length = piece.len();
            page.items.push(piece);
            page.body.consume_unpin(length);
            self.page = Some(page);
        }
        Ok(None)
    }

    /// The version to follow the kind from, once [`Self::next`] has said that there are no more objects.
    pub(super) fn version(self) -> Result<String, ListError> {
        self.version.ok_or(ListError::NoVersion)
    }

    /// Sees what comes after a page of which all has come.
    fn end(&mut self, page: Page) -> Result<(), ListError> {
        let envelope: Envelope = serde_json::from_slice(&page.items.envelope()).map_err(ListError::NoList)?;
        self.params.continue_token = envelope.metadata.continue_.filter(|token| !token.is_empty());
        if self.params.continue_token.is_none() {
            let version = envelope.metadata.resource_version.filter(|version| !version.is_empty());
            self.version = Some(version.ok_or(ListError::NoVersion)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::*;
    use crate::api::Team;

    fn page(names: &[&str], metadata: &serde_json::Value) -> String {
        let spec = json!({ "tenantRef": { "name": "okta" }, "displayName": "Team" });
        let items = names.iter().map(|name| json!({ "metadata": { "name": name }, "spec": spec }));
        json!({ "items": items.collect::<Vec<_>>(), "metadata": metadata }).to_string()
    }

    /// The names and the version that come of these answers, and the questions.
    async fn listed(
        ask: Ask,
        answers: Vec<String>,
    ) -> (Result<(Vec<String>, String), ListError>, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = service_fn({
            let (asked, answers) = (Arc::clone(&asked), Arc::new(Mutex::new(answers.into_iter())));
            move |request: Request<Body>| {
                asked.lock().unwrap().push(request.uri().query().unwrap_or_default().to_owned());
                let answer = answers.lock().unwrap().next().unwrap();
                async move { Ok::<_, BoxError>(Response::new(Body::from(answer.into_bytes()))) }
            }
        });
        let client = Client::new(server, "default");
        let mut list: List<Team> = List::new(client.clone(), &Api::all(client), ask);
        let result = async {
            let mut names = Vec::new();
            while let Some(team) = list.next().await? {
                names.push(team.metadata.name.unwrap());
            }
            Ok((names, list.version()?))
        };
        let result = result.await;
        let asked = asked.lock().unwrap().clone();
        (result, asked)
    }

    #[tokio::test]
    async fn everything_is_asked_for_at_once() {
        let (result, asked) =
            listed(Ask::AtOnce, vec![page(&["a", "b"], &json!({ "resourceVersion": "7" }))]).await;
        assert_eq!(result.unwrap(), (vec!["a".to_owned(), "b".to_owned()], "7".to_owned()));
        assert_eq!(asked, [""], "without a version, which makes it a consistent read");
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_there_are_no_more() {
        let first = page(&["a"], &json!({ "resourceVersion": "7", "continue": "next" }));
        let second = page(&["b"], &json!({ "resourceVersion": "7", "continue": "" }));
        let (result, asked) = listed(Ask::InPages, vec![first, second]).await;
        assert_eq!(result.unwrap(), (vec!["a".to_owned(), "b".to_owned()], "7".to_owned()));
        assert_eq!(asked, ["&limit=500", "&limit=500&continue=next"]);
    }

    #[tokio::test]
    async fn a_list_that_breaks_off_is_none() {
        let whole = page(&["a", "b"], &json!({ "resourceVersion": "7" }));
        for length in 0..whole.len() {
            let (result, _) = listed(Ask::AtOnce, vec![whole[..length].to_owned()]).await;
            assert!(matches!(result, Err(ListError::NoList(_))), "after {length} bytes");
        }
    }

    #[tokio::test]
    async fn an_error_quotes_nothing_of_an_object() {
        let answer = r#"{"items":[{"metadata":{"name":"a"},"spec":"ada@example.com"}],"metadata":{}}"#;
        let (result, _) = listed(Ask::AtOnce, vec![answer.to_owned()]).await;
        let said = result.unwrap_err().to_string();
        assert!(
            said.starts_with("Team ?/a is not as its definition says") && !said.contains("ada"),
            "{said}"
        );
    }
}
