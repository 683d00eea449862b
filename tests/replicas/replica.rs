//! Replicas of the store in this process, each with its own client, lease and port.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use k8s_openapi::{
    ByteString,
    api::core::v1::{Namespace, Secret},
};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use rollcall::{
    api,
    scim::{
        Document,
        list::{ListQuery, PageSizes},
        schema::ResourceSchema,
        version::Conditions,
    },
    store::{PeerOptions, Selection, Start, Store, StoreError, TenantKey, UserView},
};
use rollcall_dev::{
    ports::{self, Port},
    shared,
};
use serde_json::json;
use tokio::{sync::OnceCell, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;

/// How long a lease lasts here, in seconds.
pub const TERM: Duration = Duration::from_secs(6);

/// A machine that builds may be slow.
pub const SLACK: Duration = Duration::from_mins(2);

/// A namespace of its own on the shared API server, where one test's replicas and their tenant are.
#[derive(Clone)]
pub struct Site {
    pub config: Config,
    pub client: Client,
    pub tenant: TenantKey,
}

impl Site {
    pub async fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        static CRDS: OnceCell<()> = OnceCell::const_new();
        let _ = rustls::crypto::ring::default_provider().install_default();
        CRDS.get_or_init(|| async { tokio::task::spawn_blocking(apply_crds).await.unwrap() }).await;
        let kubeconfig = Kubeconfig::read_from(shared::control_plane().unwrap().kubeconfig_path()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config.clone()).unwrap();
        let namespace = format!("replicas-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let metadata = ObjectMeta { name: Some(namespace.clone()), ..ObjectMeta::default() };
        let object = Namespace { metadata, ..Namespace::default() };
        Api::all(client.clone()).create(&PostParams::default(), &object).await.unwrap();
        let site = Self { config, client, tenant: TenantKey::new(&namespace, "okta") };
        site.change_key(1).await;
        site
    }

    /// Gives all replicas another key.
    pub async fn change_key(&self, key: u8) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.tenant.namespace);
        let secret = Secret {
            metadata: ObjectMeta { name: Some("rollcall-peers".to_owned()), ..ObjectMeta::default() },
            data: Some(BTreeMap::from([("key".to_owned(), ByteString(vec![key; 32]))])),
            ..Secret::default()
        };
        match secrets.create(&PostParams::default(), &secret).await {
            Ok(_) => {}
            Err(_) => drop(secrets.replace("rollcall-peers", &PostParams::default(), &secret).await.unwrap()),
        }
    }

    /// The options of a replica that is reached on this port.
    pub fn options(&self, identity: &str, port: &Port) -> PeerOptions {
        let address: SocketAddr = port.address().parse().unwrap();
        PeerOptions {
            expected: true,
            identity: identity.to_owned(),
            operator_namespace: self.tenant.namespace.to_string(),
            listen: address,
            advertise: address,
            lease_duration: TERM,
        }
    }

    pub async fn replica(&self, identity: &str) -> Replica {
        let replica = Replica::start(self, identity);
        replica.ready().await;
        replica
    }

    /// One that no other replica expects: what it writes, it tells nobody.
    pub async fn silent(&self) -> Replica {
        let port = ports::reserve().unwrap();
        let mut options = self.options("alone", &port);
        options.expected = false;
        let silent = Replica::with_options(self, options, port);
        silent.ready().await;
        silent
    }

    pub async fn three(&self) -> [Replica; 3] {
        let (a, b, c) = tokio::join!(self.replica("a"), self.replica("b"), self.replica("c"));
        [a, b, c]
    }
}

fn apply_crds() {
    let plane = shared::control_plane().unwrap();
    for crd in api::crds() {
        plane.apply(&serde_json::to_string(&crd).unwrap()).unwrap();
    }
    plane.wait_for_kinds().unwrap();
}

/// One replica. Dropping it ends it as a crash does: nothing is given back.
#[derive(Debug)]
pub struct Replica {
    pub store: Store,
    pub gate: Gate,
    pub port: Port,
    stop: CancellationToken,
    following: Option<JoinHandle<()>>,
    tenant: TenantKey,
}

impl Replica {
    pub fn start(site: &Site, identity: &str) -> Self {
        let port = ports::reserve().unwrap();
        let options = site.options(identity, &port);
        Self::with_options(site, options, port)
    }

    pub fn with_options(site: &Site, options: PeerOptions, port: Port) -> Self {
        let gate = Gate::open();
        let store = Store::new(gate.client(site.config.clone()), options);
        let (stop, namespaces) = (CancellationToken::new(), [site.tenant.namespace.to_string()]);
        let following = tokio::spawn({
            let (store, stop) = (store.clone(), stop.clone());
            async move { store.follow(&namespaces, stop).await }
        });
        Self { store, gate, port, stop, following: Some(following), tenant: site.tenant.clone() }
    }

    pub async fn ready(&self) {
        let ready = async {
            while !self.store.not_ready().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SLACK, ready).await.unwrap_or_else(|_| panic!("{:?}", self.store.not_ready()));
    }

    /// Ends it as SIGTERM does.
    pub async fn leave(mut self) {
        self.stop.cancel();
        self.following.take().unwrap().await.unwrap();
    }

    pub async fn create(&self, user_name: &str) -> Result<UserView, StoreError> {
        self.store.create_user(&self.tenant, user(user_name), &[]).await
    }

    pub async fn rename(&self, id: &str, user_name: &str) -> Result<UserView, StoreError> {
        let change = |mut document: Document| {
            document.insert("userName".to_owned(), json!(user_name));
            Ok(document)
        };
        self.store.change_user(&self.tenant, id, &Conditions::default(), &[], change).await
    }

    /// Renames a user, however often it has to be tried: the lease of a replica that is gone may outlast a write's patience
    /// on a busy machine.
    pub async fn rename_in_the_end(&self, id: &str, user_name: &str) {
        in_the_end(async |_| self.rename(id, user_name).await).await;
    }

    pub fn user(&self, id: &str) -> Result<UserView, StoreError> {
        self.store.user(&self.tenant, id)
    }

    /// The ids that a filter by userName finds.
    pub fn named(&self, user_name: &str) -> Result<Vec<String>, StoreError> {
        let filter = format!("userName eq \"{user_name}\"");
        let sizes = PageSizes { default: 100, most: 100 };
        let query = ListQuery::parse([("filter", filter.as_str())], sizes).unwrap();
        let schema = ResourceSchema::user();
        let selection =
            Selection { users: Some(&schema), teams: None, query: &query, start: &Start::Skip(0) };
        let page = self.store.list(&self.tenant, &selection)?;
        Ok(page.items.iter().map(|user| user.found.id().to_owned()).collect())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

/// What comes of a write that is tried until nobody has to be waited for any more. It is told which attempt it is.
pub async fn in_the_end<T>(write: impl AsyncFn(usize) -> Result<T, StoreError>) -> T {
    let trying = async {
        for attempt in 0.. {
            match write(attempt).await {
                Err(StoreError::Unavailable { .. }) => {}
                answer => return answer.unwrap(),
            }
        }
        unreachable!("there are more attempts than time")
    };
    tokio::time::timeout(SLACK, trying).await.unwrap()
}

pub fn user(user_name: &str) -> Document {
    Document::from_iter([("userName".to_owned(), json!(user_name))])
}

pub fn is_unavailable<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unavailable { .. }))
}
