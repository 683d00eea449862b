//! The world in which the claim protocol is checked: writers, their calls, and what may go wrong.

use rollcall::store::claims::protocol::{Answer, Ask, Next, Outcome, Refusal};
use stateright::{Model, Property};

use super::{
    alone::is_no_dead_end,
    server::{self, IDS, NAMES, Object, Server, Write, only, text},
    writer::Writer,
    wrong::Wrong,
};

/// How large the world is.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// Operations at the same time.
    pub writers: usize,
    /// Operations altogether. A lost swap that production tries again counts as another one.
    pub operations: u8,
    /// Answers that are lost; the call itself happens at any time later, or never.
    pub lost: u8,
    /// Users that are there at the beginning, each with the name of its number.
    pub users: u8,
    /// How many names a user may have.
    pub most: u32,
    pub wrong: Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub server: Server,
    pub writers: Vec<Writer>,
    /// Calls whose answers were lost and that the server has not done yet.
    under_way: Vec<(Ask, Write)>,
    started: u8,
    lost: u8,
    next_id: u8,
    /// Ids whose creation, or whose deletion, was acknowledged.
    acknowledged: [bool; IDS],
    deleted: [bool; IDS],
    /// A success was said of something that has not happened.
    lied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Create {
        names: server::Names,
    },
    Rename {
        id: u8,
        names: server::Names,
    },
    Delete {
        id: u8,
    },
    Sweep {
        claim: u8,
    },
    /// A writer's next call is done and answered. A patient one waits for a holder.
    Step {
        writer: usize,
        patient: bool,
    },
    /// A writer's next call gets no answer.
    Lose {
        writer: usize,
    },
    /// The API server does a call whose sender has given up.
    Late {
        call: usize,
    },
    Crash {
        writer: usize,
    },
    /// The last finalizer of a deleted object is gone.
    Vanish {
        id: u8,
    },
}

impl State {
    /// Removes a writer whose operation is over.
    fn finish(&mut self, writer: usize, outcome: Outcome) {
        let Writer { write, done, .. } = self.writers.remove(writer);
        match (outcome, write) {
            (Outcome::Stored, Write::Create { id, .. }) => {
                self.acknowledged[usize::from(id)] = true;
                self.lied |= self.server.objects[usize::from(id)].is_none();
            }
            (Outcome::Stored, Write::Rename { .. } | Write::Delete { .. }) => self.lied |= !done,
            (Outcome::Stored | Outcome::Taken(_) | Outcome::Outdated | Outcome::Failed, _) => {}
        }
    }

    fn lose(&mut self, writer: usize, wrong: Wrong) -> Option<()> {
        let it = &mut self.writers[writer];
        let Next::Ask(ask) = it.doing.next() else { return None };
        let reads = matches!(ask, Ask::Claim { .. } | Ask::Holder { .. } | Ask::Look);
        let answer = match (&ask, wrong) {
            (Ask::Write, Wrong::LostMeansRefused) => Answer::Refused(Refusal::Other),
            (_, _) => Answer::Lost,
        };
        it.told(answer, true);
        if !reads {
            self.under_way.push((ask, it.write));
        }
        self.lost -= 1;
        let outcome = self.writers[writer].ended();
        if let Some(outcome) = outcome {
            self.finish(writer, outcome);
        }
        Some(())
    }
}

impl Model for Names {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut server = Server::default();
        for user in 0..self.users {
            server.call(
                &Ask::CreateClaim { claim: text(user), holder: text(user) },
                Write::Nothing,
                self.wrong,
            );
            server.call(&Ask::Write, Write::Create { id: user, names: only(user) }, self.wrong);
        }
        let mut acknowledged = [false; IDS];
        acknowledged[..usize::from(self.users)].fill(true);
        vec![State {
            server,
            writers: Vec::new(),
            under_way: Vec::new(),
            started: 0,
            lost: self.lost,
            next_id: self.users,
            acknowledged,
            deleted: [false; IDS],
            lied: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (writer, it) in state.writers.iter().enumerate() {
            actions.push(Action::Step { writer, patient: false });
            if matches!(it.doing.next(), Next::Ask(Ask::Holder { .. })) {
                actions.push(Action::Step { writer, patient: true });
            }
            if state.lost > 0 {
                actions.push(Action::Lose { writer });
            }
            actions.push(Action::Crash { writer });
        }
        actions.extend((0..state.under_way.len()).map(|call| Action::Late { call }));
        let marked = |id: &u8| matches!(state.server.objects[usize::from(*id)], Some(Object::Marked { .. }));
        actions.extend((0..IDS as u8).filter(marked).map(|id| Action::Vanish { id }));
        if state.started == self.operations || state.writers.len() == self.writers {
            return;
        }
        for name in 0..NAMES as u8 {
            actions.extend(state.server.claims[usize::from(name)].map(|_| Action::Sweep { claim: name }));
        }
        let sets = || (1..1 << NAMES).filter(|names: &server::Names| names.count_ones() <= self.most);
        actions.extend(sets().map(|names| Action::Create { names }));
        for (id, now) in state.server.live() {
            actions.push(Action::Delete { id });
            actions.extend(sets().filter(|names| *names != now).map(|names| Action::Rename { id, names }));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        let started = match action {
            Action::Create { names } => {
                state.next_id += 1;
                Some(Writer::create(last.next_id, names))
            }
            Action::Rename { id, names } => Some(Writer::rename(&last.server, id, names)?),
            Action::Delete { id } => {
                state.deleted[usize::from(id)] = true;
                Some(Writer::delete(&last.server, id, self.wrong)?)
            }
            Action::Sweep { claim } => Some(Writer::sweep(&last.server, claim)?),
            Action::Step { writer, patient } => {
                if let Some(outcome) = state.writers[writer].step(&mut state.server, patient, self.wrong) {
                    state.finish(writer, outcome);
                }
                None
            }
            Action::Lose { writer } => {
                state.lose(writer, self.wrong)?;
                None
            }
            Action::Late { call } => {
                let (ask, write) = state.under_way.remove(call);
                state.server.call(&ask, write, self.wrong);
                None
            }
            Action::Crash { writer } => {
                state.writers.remove(writer);
                None
            }
            Action::Vanish { id } => {
                state.server.objects[usize::from(id)] = None;
                None
            }
        };
        if let Some(writer) = started {
            state.started += 1;
            state.writers.push(writer);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no two users have one name", |_, state: &State| is_unique(&state.server)),
            Property::always("whoever uses a name holds its claim", |_, state: &State| {
                is_owned(&state.server)
            }),
            Property::always("what was acknowledged is there", |_, state: &State| state.keeps_its_word()),
            Property::always("every unused name can be had, every unused claim swept", |_, state: &State| {
                is_no_dead_end(&state.server)
            }),
            Property::sometimes("a claim is taken over from a crashed create", |_, state: &State| {
                state.server.objects.iter().any(|it| matches!(it, Some(Object::Placeholder { .. })))
            }),
            Property::sometimes("two users swap their names", |_, state: &State| {
                state.server.names(0) == Some(only(1)) && state.server.names(1) == Some(only(0))
            }),
        ]
    }
}

impl State {
    fn keeps_its_word(&self) -> bool {
        let is_kept = |id: usize| match self.server.objects[id] {
            Some(Object::Live { .. }) => true,
            Some(Object::Marked { .. } | Object::Placeholder { .. }) | None => self.deleted[id],
        };
        !self.lied && (0..IDS).filter(|id| self.acknowledged[*id]).all(is_kept)
    }
}

/// Never two owners.
pub fn is_unique(server: &Server) -> bool {
    let mut used = [false; NAMES];
    server.used().all(|(_, name)| !std::mem::replace(&mut used[usize::from(name)], true))
}

/// Why there are never two owners.
pub fn is_owned(server: &Server) -> bool {
    server.used().all(|(id, name)| server.claims[usize::from(name)].is_some_and(|claim| claim.holder == id))
}
