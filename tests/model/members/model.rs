//! The world in which the membership protocol is checked: writers, their calls, and what may go wrong.

use rollcall::store::claims::protocol::{Answer, Ask, Refusal};
use stateright::{Model, Property};

use super::{
    alone::is_no_dead_end,
    server::{Call, Change, Object, Server, Set, Slice, Team},
    writer::{Turn, Writer},
    wrong::Wrong,
};

/// How large the world is.
#[derive(Clone, Copy, Debug)]
pub struct Teams {
    /// Operations at the same time.
    pub writers: usize,
    /// Operations altogether. A lost swap that production tries again counts as another one.
    pub operations: u8,
    /// Answers that are lost; the call itself happens at any time later, or never.
    pub lost: u8,
    /// Who is in the Team at the beginning; `None` if there is no Team yet.
    pub members: Option<Set>,
    /// What is asked for.
    pub changes: &'static [Change],
    pub wrong: Wrong,
}

/// The version before the last, while replicas may still show it, and who was in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Previous {
    team: Team,
    truth: Set,
    /// Whether its successor was acknowledged; then nothing may rely on it any more.
    is_over: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub server: Server,
    writers: Vec<Writer>,
    /// Calls whose answers were lost and that the server has not done yet, with what a swap means.
    under_way: Vec<(Call, Option<Change>)>,
    previous: Option<Previous>,
    /// Who should be in the Team, by the changes that were committed.
    truth: Set,
    started: u8,
    lost: u8,
    next_slice: Slice,
    /// A success was said of something that has not happened.
    lied: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Begins a change on what a replica shows, which may be the version before the last.
    Start {
        change: Change,
        stale: bool,
    },
    Sweep {
        slice: Slice,
    },
    /// A writer's next call is done and answered.
    Step {
        writer: usize,
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
}

impl State {
    /// The server does a call; a swap becomes part of the truth.
    fn call(&mut self, call: &Call, change: Option<Change>, wrong: Wrong) -> Answer {
        let before = self.server.object.clone();
        let answer = self.server.call(call, wrong);
        if let (Some(change), Answer::Stored(_)) = (change, &answer) {
            self.previous = match before {
                Object::Team(team) => Some(Previous { team, truth: self.truth, is_over: false }),
                Object::Nothing | Object::Placeholder => None,
            };
            self.truth = change.apply(self.truth);
            for writer in &mut self.writers {
                if let Writer::Load { change, was_so, team: _ } = writer {
                    *was_so |= change.apply(self.truth) == self.truth;
                }
            }
        }
        answer
    }

    fn start(&mut self, change: Change, stale: bool) -> Option<()> {
        let previous = self.previous.as_ref().filter(|it| !it.is_over).map(|it| it.truth);
        let was_so = previous.into_iter().chain([self.truth]).any(|truth| change.apply(truth) == truth);
        let team = match (&self.server.object, &self.previous, stale) {
            (_, Some(previous), true) => previous.team.clone(),
            (Object::Team(team), _, false) => team.clone(),
            (Object::Nothing, _, false) => Team::default(),
            _ => return None,
        };
        self.writers.push(Writer::Load { change, team, was_so });
        Some(())
    }

    fn step(&mut self, at: usize, wrong: Wrong) {
        let writer = self.writers[at].clone();
        if let Writer::Load { team: before, .. } = &writer {
            let before = before.clone();
            let loaded = writer.load(&self.server, &mut self.next_slice, wrong);
            let over = matches!(&loaded, Writer::Load { team, .. } if *team == before);
            self.writers[at] = loaded;
            if over {
                self.end(at, wrong);
            }
            return;
        }
        let Turn::Call(call, change) = writer.turn() else { return };
        let answer = self.call(&call, change, wrong);
        if let (Writer::Commit(it), Some(_), Answer::Stored(_)) = (&mut self.writers[at], change, &answer) {
            it.swapped = true;
        }
        self.tell(at, answer, wrong);
    }

    fn tell(&mut self, at: usize, answer: Answer, wrong: Wrong) {
        self.writers[at] = self.writers[at].clone().told(answer, wrong);
        if matches!(self.writers[at].turn(), Turn::End { .. }) {
            self.end(at, wrong);
        }
    }

    /// An operation is over. Before it is acknowledged, every replica knows the version that it is about.
    fn end(&mut self, at: usize, wrong: Wrong) {
        let writer = self.writers.remove(at);
        let Turn::End { stored: true, swapped } = writer.turn() else { return };
        self.lied |= !swapped;
        let known = match &writer {
            Writer::Load { team, .. } => team.version,
            Writer::Commit(it) => it.seen + 1,
            Writer::Sweep(_) => return,
        };
        let Some(previous) = self.previous.as_mut().filter(|it| it.team.version < known) else { return };
        previous.is_over = true;
        if wrong != Wrong::OthersAreNotWaitedFor {
            self.previous = None;
        }
    }

    fn lose(&mut self, at: usize, wrong: Wrong) -> Option<()> {
        let Turn::Call(call, change) = self.writers[at].turn() else { return None };
        self.lost -= 1;
        let reads = matches!(call, Call::Sweep(Ask::Holder { .. }));
        if !reads {
            self.under_way.push((call, change));
        }
        let refused = change.is_some() && wrong == Wrong::LostMeansRefused;
        self.tell(at, if refused { Answer::Refused(Refusal::Other) } else { Answer::Lost }, wrong);
        Some(())
    }
}

impl Model for Teams {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let object = match self.members {
            Some(_) => Object::Team(Team { version: 1, ..Team::default() }),
            None => Object::Nothing,
        };
        let mut state = State {
            server: Server { object, slices: [].into() },
            writers: Vec::new(),
            under_way: Vec::new(),
            previous: None,
            truth: 0,
            started: 0,
            lost: self.lost,
            next_slice: 1,
            lied: false,
        };
        if let Some(members) = self.members.filter(|members| *members != 0) {
            let _ = state.start(Change::Replace(members), false);
            while !state.writers.is_empty() {
                state.step(0, Wrong::Nothing);
            }
        }
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for writer in 0..state.writers.len() {
            actions.extend([Action::Step { writer }, Action::Crash { writer }]);
            if state.lost > 0 {
                actions.push(Action::Lose { writer });
            }
        }
        actions.extend((0..state.under_way.len()).map(|call| Action::Late { call }));
        if state.started == self.operations || state.writers.len() == self.writers {
            return;
        }
        for change in self.changes {
            actions.push(Action::Start { change: *change, stale: false });
            actions.extend(state.previous.as_ref().map(|_| Action::Start { change: *change, stale: true }));
        }
        actions.extend(state.server.slices.keys().map(|slice| Action::Sweep { slice: *slice }));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Start { change, stale } => {
                state.started += 1;
                state.start(change, stale)?;
            }
            Action::Sweep { slice } => {
                state.started += 1;
                state.writers.push(Writer::sweep(slice));
            }
            Action::Step { writer } => state.step(writer, self.wrong),
            Action::Lose { writer } => state.lose(writer, self.wrong)?,
            Action::Late { call } => {
                let (call, change) = state.under_way.remove(call);
                state.call(&call, change, self.wrong);
            }
            Action::Crash { writer } => {
                state.writers.remove(writer);
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("the members are those of the committed changes", |_, state: &State| {
                state.server.members() == Some(state.truth)
            }),
            Property::always("what was acknowledged has happened", |_, state: &State| !state.lied),
            Property::always("every change can be made, every unnamed slice swept", |_, state: &State| {
                is_no_dead_end(&state.server)
            }),
            Property::sometimes(
                "a team has several shards, and a tail",
                |_, state: &State| matches!(&state.server.object, Object::Team(it) if it.slices.len() > 1 && (it.added | it.removed) != 0),
            ),
        ];
        // Those of a new team are folded at once.
        if self.members.is_some() {
            properties.push(Property::sometimes(
                "a team has a slice of recent changes, and a tail",
                |_, state: &State| matches!(&state.server.object, Object::Team(it) if it.recent != 0 && (it.added | it.removed) != 0),
            ));
        }
        properties
    }
}
