//! In which order operations are carried out, so that what one refers to exists by then.
//!
//! RFC 7644 section 3.7: a service provider may reorder operations, but "MUST ensure that the client's intent is
//! preserved and the same stateful result is achieved". So the order is the client's, but for what an operation refers
//! to: that is created right before it. Where operations refer to each other in a circle, one of them is carried out
//! without its reference, which is set as soon as there is something to refer to.

use std::collections::HashMap;

use super::{BulkOperation, Method};

/// One step of a plan. Operations are named by their number, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Carry an operation out, without its references to these, which are carried out later.
    Run { operation: usize, without: Vec<usize> },
    /// Set the references that this operation was carried out without.
    Complete { operation: usize },
}

/// Every operation once, and every reference that had to be left out.
pub fn plan(operations: &[BulkOperation]) -> Vec<Step> {
    let mut planner = Planner::new(operations);
    for operation in 0..operations.len() {
        planner.visit(operation);
    }
    planner.steps
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// What it refers to is being planned.
    Open,
    Planned,
}

struct Planner {
    /// For each operation, those that create what it refers to.
    needs: Vec<Vec<usize>>,
    states: Vec<State>,
    /// For each operation, those that were planned without their reference to it.
    waiting: Vec<Vec<usize>>,
    /// How many references each operation was planned without, and which are not set yet.
    missing: Vec<usize>,
    steps: Vec<Step>,
}

impl Planner {
    fn new(operations: &[BulkOperation]) -> Self {
        let creating = operations.iter().enumerate().filter(|(_, it)| it.method == Some(Method::Post));
        let creators: HashMap<&str, usize> =
            creating.filter_map(|(index, it)| Some((it.bulk_id.as_deref()?, index))).collect();
        let needs = |operation: &BulkOperation| {
            operation.references.iter().filter_map(|it| creators.get(it.as_str()).copied()).collect()
        };
        Self {
            needs: operations.iter().map(needs).collect(),
            states: vec![State::New; operations.len()],
            waiting: vec![Vec::new(); operations.len()],
            missing: vec![0; operations.len()],
            steps: Vec::with_capacity(operations.len()),
        }
    }

    /// Plans an operation after everything that it needs. A chain of needs may be as long as the request, so it is
    /// walked with a list, not by recursion.
    fn visit(&mut self, first: usize) {
        let mut open = Vec::new();
        self.open(first, &mut open);
        while let Some((operation, looked_at)) = open.last_mut() {
            let need = self.needs[*operation].get(*looked_at).copied();
            *looked_at += 1;
            if let Some(need) = need {
                self.open(need, &mut open);
            } else {
                let operation = *operation;
                open.pop();
                self.run(operation);
            }
        }
    }

    fn open(&mut self, operation: usize, open: &mut Vec<(usize, usize)>) {
        if self.states[operation] == State::New {
            self.states[operation] = State::Open;
            open.push((operation, 0));
        }
    }

    fn run(&mut self, operation: usize) {
        // What is still open needs this operation itself: that is the circle.
        let needs = self.needs[operation].iter().copied();
        let without: Vec<usize> = needs.filter(|need| self.states[*need] == State::Open).collect();
        self.missing[operation] = without.len();
        for need in &without {
            self.waiting[*need].push(operation);
        }
        self.states[operation] = State::Planned;
        self.steps.push(Step::Run { operation, without });
        for waiting in std::mem::take(&mut self.waiting[operation]) {
            self.missing[waiting] -= 1;
            if self.missing[waiting] == 0 {
                self.steps.push(Step::Complete { operation: waiting });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::ScimError;

    /// Operations as `name` or `name: needs`; those in small letters create, others change.
    fn planned(operations: &[&str]) -> String {
        let read = |text: &&str| {
            let (name, needs) = text.split_once(':').unwrap_or((text, ""));
            BulkOperation {
                method: Some(if name == name.to_lowercase() { Method::Post } else { Method::Patch }),
                bulk_id: Some(name.to_owned()),
                references: needs.split_whitespace().map(str::to_owned).collect(),
                task: Err(ScimError::new(400, "not looked at")),
            }
        };
        let operations: Vec<BulkOperation> = operations.iter().map(read).collect();
        let name = |index: usize| operations[index].bulk_id.clone().unwrap();
        let show = |step: Step| match step {
            Step::Run { operation, without } if without.is_empty() => name(operation),
            Step::Run { operation, without } => {
                format!("{}-{}", name(operation), without.into_iter().map(name).collect::<String>())
            }
            Step::Complete { operation } => format!("{}+", name(operation)),
        };
        plan(&operations).into_iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn without_references_the_order_is_the_clients() {
        assert_eq!(planned(&["b", "A", "c", "D"]), "b A c D");
    }

    #[test]
    fn what_is_referred_to_is_created_right_before() {
        assert_eq!(planned(&["A: c", "X", "b", "c: d", "d"]), "d c A X b");
        assert_eq!(planned(&["A: b", "C: b", "b"]), "b A C");
    }

    #[test]
    fn a_circle_is_opened_and_closed_as_soon_as_it_can_be() {
        assert_eq!(planned(&["a: b", "b: a"]), "b-a a b+");
        assert_eq!(planned(&["a: b", "b: c", "c: a", "D: a"]), "c-a b a c+ D");
        assert_eq!(planned(&["a: b c", "b: a c", "c: a b"]), "c-ab b-a a c+ b+");
    }

    #[test]
    fn what_refers_to_itself_is_created_and_completed() {
        assert_eq!(planned(&["a: a", "b"]), "a-a a+ b");
    }

    #[test]
    fn long_chains_and_large_circles_cost_no_stack() {
        let chain: Vec<String> = (0..100_000).map(|index| format!("n{index}: n{}", index + 1)).collect();
        let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
        assert!(planned(&chain).ends_with(" n1 n0"));
        let circle: Vec<String> =
            (0..100_000).map(|index| format!("n{index}: n{}", (index + 1) % 100_000)).collect();
        let circle: Vec<&str> = circle.iter().map(String::as_str).collect();
        assert!(planned(&circle).ends_with(" n1 n0 n99999+"));
    }
}
