//! The load: clients that write and read, each on any replica.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt as _, stream};
use reqwest::Method;
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    arena,
    blocks::{self, LargeGroup},
    crowd::{self, Group},
    operator::eventually,
    people::{self, Person},
    random::Random,
    scim::user,
    service::{Answer, Service},
};

/// So many clients of each sort.
const CLIENTS: usize = 4;

/// Titles, names, groups, and large groups.
const SORTS: usize = 4;

/// So many requests at once make what is needed.
const MAKERS: usize = 96;

/// So many users share the clients that write titles.
const SLOTS: usize = 3;

/// A client does something so often, so that the machine is busy and not drowned.
const EVERY: Duration = Duration::from_millis(60);

/// Names and groups are used so long, as short histories are checked soon, and read easily.
const ERA: Duration = Duration::from_secs(8);

/// Clients at work.
pub struct Load {
    stop: CancellationToken,
    clients: JoinSet<()>,
    known: Arc<Known>,
}

/// Everything that there is to be read in the end.
pub struct Known {
    service: Service,
    crowd: Vec<Person>,
    /// One for each era.
    groups: Vec<Group>,
    /// They are there all the time, and cost too much for an era.
    large: Vec<LargeGroup>,
    slots: Mutex<[Option<Person>; SLOTS]>,
    people: Mutex<Vec<Person>>,
    fighters: Mutex<Vec<Person>>,
    began: Duration,
}

/// One client.
struct Client {
    number: usize,
    known: Arc<Known>,
    random: Random,
    /// How many values it has made up.
    values: usize,
    /// Whom it has in the arena of this era.
    fighter: Option<(usize, Person)>,
}

impl Load {
    /// Makes what is needed for `time`, and begins.
    pub async fn start(service: &Service, random: &mut Random, time: Duration) -> Self {
        let mut crowd = Vec::new();
        for number in 0..CLIENTS {
            crowd.push(member(service, number).await);
        }
        let mut groups = Vec::new();
        for era in 0..=era_at(time) + 8 {
            groups.push(group(service, era, &crowd).await);
        }
        let large = large_groups(service).await;
        let (service, began) = (service.clone(), service.history.now());
        let (slots, people, fighters) = (Mutex::default(), Mutex::default(), Mutex::default());
        let known = Arc::new(Known { service, crowd, groups, large, slots, people, fighters, began });
        let (stop, mut clients) = (CancellationToken::new(), JoinSet::new());
        for number in 0..CLIENTS * SORTS {
            let (known, random) = (Arc::clone(&known), random.split());
            let client = Client { number, known, random, values: 0, fighter: None };
            clients.spawn(client.run(stop.clone()));
        }
        Self { stop, clients, known }
    }

    /// Waits until every client has its last answer.
    pub async fn end(mut self) -> Arc<Known> {
        self.stop.cancel();
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.known
    }
}

impl Client {
    async fn run(mut self, stop: CancellationToken) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            match self.number % SORTS {
                0 => self.with_titles().await,
                1 => self.with_names().await,
                2 => self.with_groups().await,
                _ => self.with_large_groups().await,
            }
        }
    }

    fn asking(&mut self) -> (usize, usize) {
        (self.number, self.random.below(self.known.service.replicas()))
    }

    /// Something that nobody has said before.
    fn new_value(&mut self) -> String {
        self.values += 1;
        format!("{}.{}", self.number, self.values)
    }

    async fn with_titles(&mut self) {
        let (known, asking, slot) = (Arc::clone(&self.known), self.asking(), self.random.below(SLOTS));
        let person = known.slots.lock().unwrap()[slot].clone();
        let Some(person) = person else { return self.create_for(slot).await };
        match self.random.below(100) {
            0..50 => drop(people::read(&known.service, asking, &person).await),
            50..96 => {
                let value = self.new_value();
                if !people::write(&known.service, asking, &person, &value).await {
                    known.leave(slot, &person);
                }
            }
            _ => {
                people::delete(&known.service, asking, &person).await;
                known.leave(slot, &person);
            }
        }
    }

    async fn create_for(&mut self, slot: usize) {
        let (asking, value) = (self.asking(), self.new_value());
        let created = people::create(&self.known.service, asking, &format!("person-{value}"), &value).await;
        if let Some(person) = created {
            self.known.people.lock().unwrap().push(person.clone());
            self.known.slots.lock().unwrap()[slot] = Some(person);
        }
    }

    async fn with_names(&mut self) {
        let (known, asking, era) = (Arc::clone(&self.known), self.asking(), self.known.era());
        let names = arena::names(era);
        let name = self.random.pick(&names).clone();
        let action = self.random.below(100);
        if action < 35 {
            arena::look_up(&known.service, asking, era, &name).await;
            return;
        }
        let Some((_, fighter)) = self.fighter.take_if(|(of, _)| *of == era) else {
            let key = format!("fighter-{}", self.new_value());
            let created = arena::create(&known.service, asking, era, (&key, &name)).await;
            known.fighters.lock().unwrap().extend(created.clone());
            self.fighter = created.map(|person| (era, person));
            return;
        };
        match action {
            35..55 => drop(people::read_attribute(&known.service, asking, &fighter, "userName").await),
            55..90 => {
                if !arena::rename(&known.service, asking, era, &fighter, &name).await {
                    return;
                }
            }
            _ => return arena::delete(&known.service, asking, era, &fighter).await,
        }
        self.fighter = Some((era, fighter));
    }

    async fn with_groups(&mut self) {
        let (known, asking) = (Arc::clone(&self.known), self.asking());
        let group = &known.groups[known.era().min(known.groups.len() - 1)];
        let own = &known.crowd[self.number / SORTS];
        if self.random.percent(50) {
            crowd::change(&known.service, asking, group, own, self.random.percent(50)).await;
        } else {
            crowd::read(&known.service, asking, group, &known.crowd).await;
        }
    }

    async fn with_large_groups(&mut self) {
        let (known, asking) = (Arc::clone(&self.known), self.asking());
        let group = self.random.pick(&known.large);
        if self.random.percent(50) {
            let value = self.new_value();
            blocks::change(&known.service, asking, group, &value, &mut self.random).await;
        } else {
            blocks::read(&known.service, asking, group).await;
        }
    }
}

impl Known {
    /// The ids of groups whose members are in slices.
    pub fn large_groups(&self) -> impl Iterator<Item = &str> {
        self.large.iter().map(|group| group.id.as_str())
    }

    fn era(&self) -> usize {
        era_at(self.service.history.now().saturating_sub(self.began))
    }

    /// Somebody is gone; the next client creates another.
    fn leave(&self, slot: usize, person: &Person) {
        let mut slots = self.slots.lock().unwrap();
        if slots[slot].as_ref().is_some_and(|it| it.id == person.id) {
            slots[slot] = None;
        }
    }

    /// Reads everything on every replica, which must all answer by now.
    pub async fn read_everything_everywhere(&self) {
        let (service, eras) = (&self.service, self.era());
        let people = self.people.lock().unwrap().clone();
        let fighters = self.fighters.lock().unwrap().clone();
        for replica in 0..service.replicas() {
            let asking = (CLIENTS * SORTS, replica);
            let people = stream::iter(&people);
            let people =
                people.map(|it| until_answered(move || people::read(service, asking, it))).buffered(8);
            let fighters = stream::iter(&fighters);
            let user_name =
                move |it| until_answered(move || people::read_attribute(service, asking, it, "userName"));
            let fighters = fighters.map(user_name).buffered(8);
            let groups = stream::iter(&self.groups);
            let group = move |it| until_answered(move || crowd::read(service, asking, it, &self.crowd));
            let groups = groups.map(group).buffered(8);
            let large = stream::iter(&self.large);
            let large = large.map(|it| until_answered(move || blocks::read(service, asking, it))).buffered(2);
            let names = (0..=eras).flat_map(|era| arena::names(era).into_iter().map(move |it| (era, it)));
            let names = stream::iter(names).map(async |(era, name)| {
                until_answered(|| arena::look_up(service, asking, era, &name)).await;
            });
            let names = names.buffered(8);
            people.chain(fighters).chain(groups).chain(large).chain(names).collect::<Vec<()>>().await;
        }
    }
}

/// Reads until that is answered, as everything must be when nothing is wrong any more; on a busy machine not always at
/// once, as leases are short here.
async fn until_answered<F: Future<Output = bool>>(read: impl Fn() -> F) {
    eventually("a replica answers", || async { read().await.then_some(()) }).await;
}

/// Somebody who joins groups. What is not answered is tried again under another name.
async fn member(service: &Service, number: usize) -> Person {
    let attempts = AtomicUsize::new(0);
    eventually("a member is created", || async {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        people::create(service, (0, 0), &format!("member-{number}-{attempt}"), "member").await
    })
    .await
}

/// A group for an era, by as many attempts.
async fn group(service: &Service, era: usize, crowd: &[Person]) -> Group {
    let attempts = AtomicUsize::new(0);
    eventually("a group is created", || async {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        crowd::create(service, &format!("group-{era}-{attempt}"), crowd).await
    })
    .await
}

/// One group that grows from one shard into two, and one that is a block or some.
async fn large_groups(service: &Service) -> Vec<LargeGroup> {
    let people = stream::iter(0..blocks::PEOPLE).map(|number| somebody(service, number));
    let people: Vec<String> = people.buffered(MAKERS).collect().await;
    let mut groups = Vec::new();
    for is_large in [true, false] {
        let attempts = AtomicUsize::new(0);
        let create = || async {
            let name = format!("blocks-{is_large}-{}", attempts.fetch_add(1, Ordering::Relaxed));
            blocks::create(service, &name, &people, is_large).await
        };
        groups.push(eventually("a large group is created", create).await);
    }
    groups
}

/// Somebody who does nothing but be a member of large groups.
async fn somebody(service: &Service, number: usize) -> String {
    let attempts = AtomicUsize::new(0);
    eventually("somebody is created", || async {
        let name = format!("somebody-{number}-{}", attempts.fetch_add(1, Ordering::Relaxed));
        match service.ask((0, 0), Method::POST, "/Users", &user(&name)).await.1 {
            Answer::Said(201, created) => created["id"].as_str().map(str::to_owned),
            Answer::Unknown | Answer::Unsent => None,
            refused @ Answer::Said(..) => panic!("{name} could not be created: {refused:?}"),
        }
    })
    .await
}

fn era_at(time: Duration) -> usize {
    usize::try_from(time.as_secs() / ERA.as_secs()).unwrap()
}
