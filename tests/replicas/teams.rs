//! Changes of one team that come at the same time, on one replica and on several.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::join_all, stream};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
    client::{Body, ClientBuilder},
};
use rollcall::{
    api::{MembershipSlice, Team, User},
    scim::{
        Document, ScimError,
        member::{MemberChange, MemberRef},
        version::Conditions,
    },
    store::{PeerOptions, Store, StoreError, TeamView},
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;

use crate::{
    gate::{Gate, Passes},
    replica::{SLACK, Site, is_unavailable},
};

type Begun<'a> = Pin<Box<dyn Future<Output = Result<TeamView, StoreError>> + Send + 'a>>;

/// What is done to a team.
trait Change: Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError> + Send + Sync + 'static {}

impl<F> Change for F where
    F: Fn(Document) -> Result<(Document, Vec<MemberChange>), ScimError> + Send + Sync + 'static
{
}

/// A lone replica behind a gate, with a team.
struct Alone {
    site: Site,
    gate: Gate,
    store: Store,
    team: TeamView,
    people: Vec<String>,
}

impl Alone {
    async fn new(people: usize) -> Self {
        let (site, gate) = (Site::new().await, Gate::open());
        let store = follow(&site, gate.client(site.config.clone())).await;
        let people = people_of(&site, people).await;
        let is_known = |id: &String| store.directory().user(&site.tenant, id).is_some();
        eventually(|| people.iter().all(is_known)).await;
        let team = create(&store, &site, &[]).await;
        Self { site, gate, store, team, people }
    }

    /// Begins a change: it is in the team's line now, behind those that were begun before.
    fn begin(&self, change: impl Change) -> Begun<'_> {
        let mut begun: Begun<'_> = Box::pin(async move {
            let any = Conditions::default();
            self.store.change_team(&self.site.tenant, self.team.id(), &any, &[], change).await
        });
        // Nothing is awaited before it joins the line, as everybody is known here.
        assert!(begun.as_mut().now_or_never().is_none());
        begun
    }

    /// The same, once it is being stored.
    async fn begin_to_store(&self, change: impl Change) -> Begun<'_> {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = looks.clone();
        let begun = self.begin(move |document| {
            counted.fetch_add(1, Ordering::SeqCst);
            change(document)
        });
        // It is looked at before it joins the line, and when it is taken off it.
        eventually(|| looks.load(Ordering::SeqCst) == 2).await;
        begun
    }

    /// The members by what the API server has.
    async fn members(&self) -> BTreeSet<String> {
        let membership = self.stored().await.spec.membership;
        let slices: Api<MembershipSlice> =
            Api::namespaced(self.site.client.clone(), &self.site.tenant.namespace);
        let mut members = BTreeSet::new();
        for name in membership.slice_names().filter(|name| !name.is_empty()) {
            let slice = slices.get(name).await.unwrap().spec;
            members.retain(|it| !slice.removed.contains(it));
            members.extend(slice.members);
        }
        members.retain(|it| !membership.removed.contains(it));
        members.extend(membership.added);
        members
    }

    async fn stored(&self) -> Team {
        let teams: Api<Team> = Api::namespaced(self.site.client.clone(), &self.site.tenant.namespace);
        teams.get(self.team.id()).await.unwrap()
    }

    fn generation(&self) -> i64 {
        self.team.object().metadata.generation.unwrap()
    }
}

async fn follow(site: &Site, client: kube::Client) -> Store {
    let store = Store::new(client, PeerOptions::alone());
    let (following, namespaces) = (store.clone(), [site.tenant.namespace.to_string()]);
    tokio::spawn(async move { following.follow(&namespaces, CancellationToken::new()).await });
    tokio::time::timeout(SLACK, store.wait_until_ready()).await.unwrap();
    store
}

async fn create(store: &Store, site: &Site, members: &[String]) -> TeamView {
    let document = Document::from_iter([("displayName".to_owned(), json!("Platform"))]);
    store.create_team(&site.tenant, document, refs(members), &[]).await.unwrap()
}

/// Users as people declare them, which takes one write each.
async fn people_of(site: &Site, count: usize) -> Vec<String> {
    let users: Api<User> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
    let create = |number: usize| {
        let (id, users) = (format!("person-{number}"), &users);
        let user = json!({
            "apiVersion": "rollcall.dev/v1alpha1", "kind": "User", "metadata": { "name": id },
            "spec": { "tenantRef": { "name": *site.tenant.name }, "userName": id, "active": true },
        });
        async move {
            users.create(&PostParams::default(), &serde_json::from_value(user).unwrap()).await.unwrap();
            id
        }
    };
    stream::iter(0..count).map(create).buffered(16).collect().await
}

fn refs(members: &[String]) -> Vec<MemberRef> {
    members.iter().map(|value| MemberRef { value: value.clone(), kind: None }).collect()
}

fn add(member: &str) -> impl Change + use<> {
    let members = refs(&[member.to_owned()]);
    move |document| Ok((document, vec![MemberChange::Add(members.clone())]))
}

fn rename(name: &'static str) -> impl Change {
    move |mut document| {
        document.insert("displayName".to_owned(), json!(name));
        Ok((document, Vec::new()))
    }
}

async fn eventually(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(SLACK, waiting).await.unwrap();
}

/// Adds everybody at once, each by a request of their own, over all replicas; then all replicas show them, and those
/// who were there before. A request that is told to come again does, where `again` lets it.
async fn all_are_there(
    site: &Site,
    stores: [&Store; 3],
    team: &TeamView,
    (before, new): (&[String], &[String]),
    again: bool,
) {
    let (tenant, id) = (&site.tenant, team.id());
    let adding = new.iter().enumerate().map(|(number, person)| async move {
        let store = stores[number % 3];
        loop {
            let answer = store.change_team(tenant, id, &Conditions::default(), &[], add(person)).await;
            if !(again && is_unavailable(&answer)) {
                break drop(answer.unwrap());
            }
        }
    });
    join_all(adding).await;
    let expected: BTreeSet<&str> = before.iter().chain(new).map(String::as_str).collect();
    for store in stores {
        let members = store.members(tenant, &store.team(tenant, id).unwrap()).unwrap();
        assert_eq!(members.len(), expected.len(), "nobody is there twice");
        assert_eq!(members.iter().map(|it| it.id.as_ref()).collect::<BTreeSet<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_members_added_at_once_on_three_replicas_with_late_watches_are_all_there() {
    let site = Site::new().await;
    let replicas = site.three().await;
    let people = people_of(&site, 500).await;
    let (before, new) = people.split_at(300);
    let team = create(&replicas[0].store, &site, before).await;
    assert!(!team.object().spec.membership.slices.is_empty(), "so many members are in slices");
    for replica in &replicas {
        replica.gate.set(Passes::AllButWatches);
    }
    let [a, b, c] = &replicas;
    all_are_there(&site, [&a.store, &b.store, &c.store], &team, (before, new), false).await;
}

/// Somebody else writes the same object a hundred times a second, and the tail is folded meanwhile. A machine that is
/// slower than that may have to say 503, and then nothing of the change has happened.
#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_beside_a_writer_who_never_stops() {
    let site = Site::new().await;
    let replicas = site.three().await;
    let people = people_of(&site, 300).await;
    let team = create(&replicas[0].store, &site, &[]).await;
    let teams: Api<Team> = Api::namespaced(site.client.clone(), &site.tenant.namespace);
    let hostile = async {
        let mut every = tokio::time::interval(Duration::from_millis(10));
        for number in 0_u64.. {
            every.tick().await;
            let patch =
                Patch::Merge(json!({ "metadata": { "annotations": { "hostile": number.to_string() } } }));
            teams.patch(team.id(), &PatchParams::default(), &patch).await.unwrap();
        }
    };
    let [a, b, c] = &replicas;
    let added = all_are_there(&site, [&a.store, &b.store, &c.store], &team, (&[], &people), true);
    tokio::select! {
        () = hostile => {}
        added = tokio::time::timeout(SLACK, added) => added.unwrap(),
    }
    let folded = teams.get(team.id()).await.unwrap().spec.membership;
    assert!(folded.slices.iter().any(|it| !it.is_empty()), "{folded:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_team_is_written_is_stored_by_one_more_write() {
    let world = Alone::new(65).await;
    world.gate.set(Passes::Nothing);
    let mut begun = vec![world.begin_to_store(add(&world.people[0])).await];
    begun.extend(world.people[1..].iter().map(|person| world.begin(add(person))));
    world.gate.set(Passes::Everything);
    let mut versions = BTreeSet::new();
    for answer in join_all(begun).await {
        versions.insert(answer.unwrap().version().parse::<i64>().unwrap());
    }
    assert_eq!(world.members().await, world.people.iter().cloned().collect());
    let first = world.generation();
    assert_eq!(versions, [first + 1, first + 2].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_takes_nobody_with_them() {
    let world = Alone::new(4).await;
    world.gate.set(Passes::Nothing);
    let being_stored = world.begin_to_store(add(&world.people[0])).await;
    let waiting = world.begin(add(&world.people[1]));
    let last = world.begin(add(&world.people[2]));
    drop((being_stored, waiting));
    world.gate.set(Passes::Everything);
    last.await.unwrap();
    world.begin(add(&world.people[3])).await.unwrap();
    let members = world.members().await;
    assert!(members.contains(&world.people[0]), "what has begun goes on");
    assert!(!members.contains(&world.people[1]), "what nobody waits for is not begun");
    assert_eq!(members.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_version_exactly_one_is_made() {
    let world = Alone::new(20).await;
    let version = Conditions::parse([world.team.version().as_str()], []);
    let (tenant, id) = (&world.site.tenant, world.team.id());
    let any = Conditions::default();
    let results = join_all(world.people.iter().enumerate().map(|(number, person)| {
        let conditions = if number < 10 { &version } else { &any };
        world.store.change_team(tenant, id, conditions, &[], add(person))
    }))
    .await;
    let (conditional, others) = results.split_at(10);
    assert!(conditional.iter().filter(|it| it.is_ok()).count() <= 1);
    for refused in conditional.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(refused, StoreError::VersionMismatch { .. }), "{refused}");
    }
    assert!(others.iter().all(Result::is_ok));
    let made = world.people.iter().zip(&results).filter(|(_, it)| it.is_ok());
    assert_eq!(world.members().await, made.map(|(person, _)| person.clone()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_is_renamed_and_deleted_between_changes_of_its_members() {
    let world = Alone::new(3).await;
    world.gate.set(Passes::Nothing);
    let [one, two] = [0, 1].map(|number| add(&world.people[number]));
    let begun = [world.begin(one), world.begin(rename("Core")), world.begin(two)];
    world.gate.set(Passes::Everything);
    for answer in join_all(begun).await {
        answer.unwrap();
    }
    let team = world.stored().await;
    assert_eq!((team.spec.display_name.as_str(), team.spec.membership.count), ("Core", 2));
    let (tenant, id) = (&world.site.tenant, world.team.id());
    let free = create(&world.store, &world.site, &[]).await;
    world.store.delete_team(tenant, free.id(), &Conditions::default(), &[]).await.unwrap();
    world.gate.set(Passes::Nothing);
    let before = world.begin_to_store(add(&world.people[2])).await;
    let any = Conditions::default();
    let deleting = world.store.delete_team(tenant, id, &any, &[]);
    let after = async {
        let begun = world.begin(rename("Platform"));
        world.gate.set(Passes::Everything);
        begun.await
    };
    let (deleted, after) = tokio::join!(deleting, after);
    deleted.unwrap();
    before.await.unwrap();
    assert!(matches!(after, Ok(_) | Err(StoreError::NotFound { .. })), "{after:?}");
    assert!(world.stored().await.metadata.deletion_timestamp.is_some());
    for name in ["Core", "Platform"] {
        let document = Document::from_iter([("displayName".to_owned(), json!(name))]);
        world.store.create_team(tenant, document, Vec::new(), &[]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_does_not_take_others_with_it() {
    let world = Alone::new(12).await;
    let outcast = &world.people[7];
    forbid(&world, outcast).await;
    world.gate.set(Passes::Nothing);
    let mut begun = Vec::new();
    for person in &world.people {
        begun.push(world.begin(add(person)));
    }
    world.gate.set(Passes::Everything);
    for (person, answer) in world.people.iter().zip(join_all(begun).await) {
        match answer {
            Ok(_) => assert_ne!(person, outcast),
            Err(StoreError::Rejected(why)) => {
                assert_eq!(person, outcast);
                assert!(why.contains("not in this house"), "{why}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(world.members().await.len(), 11);
}

/// An administrator's policy: nobody may add this one to a team. Waits until it is in force.
async fn forbid(world: &Alone, outcast: &str) {
    let namespace = &world.site.tenant.namespace;
    let name = format!("outcast-{namespace}");
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["rollcall.dev"], "apiVersions": ["v1alpha1"], "resources": ["teams"],
                "operations": ["UPDATE"],
            }] },
            "validations": [{
                "expression": format!("!has(object.spec.membership.added) || !('{outcast}' in object.spec.membership.added)"),
                "message": "not in this house",
            }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name },
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": **namespace },
            } },
        },
    });
    let policies = Api::all(world.site.client.clone());
    let policy: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy =
        serde_json::from_value(policy).unwrap();
    policies.create(&PostParams::default(), &policy).await.unwrap();
    let bindings = Api::all(world.site.client.clone());
    let binding: k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding =
        serde_json::from_value(binding).unwrap();
    bindings.create(&PostParams::default(), &binding).await.unwrap();
    let teams: Api<Team> = Api::namespaced(world.site.client.clone(), namespace);
    let patch = Patch::Merge(json!({ "spec": { "membership": { "added": [outcast] } } }));
    let trial = PatchParams { dry_run: true, ..PatchParams::default() };
    let in_force = async {
        while teams.patch(world.team.id(), &trial, &patch).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SLACK, in_force).await.unwrap();
}

/// The members are in the memory of the store alone: thousands of User objects would take long, and nothing here is about
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_members_cost_two_writes_and_many_more_at_most_one_for_each_slice() {
    let site = Site::new().await;
    let writes = Arc::new(Mutex::new(Vec::new()));
    let notes = writes.clone();
    let noting = MapRequestLayer::new(move |request: http::Request<Body>| {
        if request.method() != http::Method::GET {
            notes.lock().unwrap().push((request.method().clone(), request.uri().path().to_owned()));
        }
        request
    });
    let client = ClientBuilder::try_from(site.config.clone()).unwrap().with_layer(&noting).build();
    let store = follow(&site, client).await;
    let people: Vec<String> = (0..5000).map(|number| format!("person-{number}")).collect();
    for id in &people {
        let user = json!({
            "metadata": { "name": id, "namespace": *site.tenant.namespace, "resourceVersion": "1" },
            "spec": { "tenantRef": { "name": *site.tenant.name }, "userName": id, "active": true },
        });
        store.directory().put_user(serde_json::from_value(user).unwrap());
    }
    let team = create(&store, &site, &people[..2200]).await;
    let slices = team.object().spec.membership.slices.len();
    writes.lock().unwrap().clear();
    assert_eq!(slices, 2);
    let members = refs(&people[2200..3200]);
    let thousand = move |document| Ok((document, vec![MemberChange::Add(members.clone())]));
    store.change_team(&site.tenant, team.id(), &Conditions::default(), &[], thousand).await.unwrap();
    let seen = writes.lock().unwrap().clone();
    let methods: Vec<_> = seen.iter().map(|(method, _)| method.clone()).collect();
    assert_eq!(methods, [http::Method::POST, http::Method::PUT], "what is recent, and the team: {seen:?}");
    writes.lock().unwrap().clear();
    let members = refs(&people[3200..]);
    let everybody = move |document| Ok((document, vec![MemberChange::Add(members.clone())]));
    store.change_team(&site.tenant, team.id(), &Conditions::default(), &[], everybody).await.unwrap();
    let slices =
        store.directory().team(&site.tenant, team.id()).unwrap().object().spec.membership.slices.len();
    let seen = writes.lock().unwrap().clone();
    let count = |method: http::Method, kind: &str| {
        seen.iter().filter(|(it, path)| *it == method && path.contains(kind)).count()
    };
    assert_eq!(slices, 4, "they have become too many for two");
    assert_eq!(count(http::Method::POST, "/membershipslices"), slices, "{seen:?}");
    assert_eq!(count(http::Method::PUT, "/teams/"), 1, "{seen:?}");
    let dropped = count(http::Method::DELETE, "/membershipslices/");
    assert_eq!(seen.len(), slices + 1 + dropped, "and nothing but old slices that go: {seen:?}");
    assert!(dropped <= 3, "the two before, and what was recent");
    writes.lock().unwrap().clear();
    let one = refs(&people[..1]).remove(0).value;
    let gone = move |document| Ok((document, vec![MemberChange::Remove(vec![one.clone()])]));
    store.change_team(&site.tenant, team.id(), &Conditions::default(), &[], gone).await.unwrap();
    let seen = writes.lock().unwrap().clone();
    let others = seen.iter().filter(|(method, _)| *method != http::Method::DELETE);
    assert_eq!(others.count(), 1, "{seen:?}");
}
