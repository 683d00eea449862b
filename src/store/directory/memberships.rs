//! Which teams each member is in. There may be millions of memberships, so a team is a number here: four bytes, where a
//! shared id takes sixteen.

use std::collections::HashMap;

use crate::store::membership::Id;

/// The teams that name each member directly.
#[derive(Debug, Default)]
pub(super) struct Memberships {
    /// For each member the numbers of their teams, sorted.
    by_member: HashMap<Id, Vec<u32>>,
    numbers: HashMap<Id, u32>,
    /// The team of each number; none where [`Self::forget`] has set one free.
    teams: Vec<Option<Id>>,
    free: Vec<u32>,
}

impl Memberships {
    /// The teams of a member, in no particular order.
    pub(super) fn teams_of(&self, member: &str) -> impl Iterator<Item = &Id> {
        let numbers = self.by_member.get(member).into_iter().flatten();
        numbers.filter_map(|number| self.teams.get(place(*number))?.as_ref())
    }

    pub(super) fn join(&mut self, team: &Id, members: &[Id]) {
        let number = self.number(team);
        for member in members {
            let teams = self.by_member.entry(member.clone()).or_default();
            if let Err(place) = teams.binary_search(&number) {
                // There are very many of these lists, so none has more room than it needs.
                teams.reserve_exact(1);
                teams.insert(place, number);
            }
        }
    }

    pub(super) fn leave(&mut self, team: &Id, members: &[Id]) {
        let Some(number) = self.numbers.get(team) else { return };
        for member in members {
            if let Some(teams) = self.by_member.get_mut(member) {
                teams.retain(|it| it != number);
                if teams.is_empty() {
                    self.by_member.remove(member);
                }
            }
        }
    }

    /// Sets free the number of a team that is gone and that every member has left.
    pub(super) fn forget(&mut self, team: &Id) {
        if let Some(number) = self.numbers.remove(team) {
            self.teams[place(number)] = None;
            self.free.push(number);
        }
    }

    fn number(&mut self, team: &Id) -> u32 {
        if let Some(number) = self.numbers.get(team) {
            return *number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.teams.push(None);
            // No memory holds so many teams.
            u32::try_from(self.teams.len() - 1).unwrap_or(u32::MAX)
        });
        self.teams[place(number)] = Some(team.clone());
        self.numbers.insert(team.clone(), number);
        number
    }
}

/// Where a number is in a list.
fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn teams_of(memberships: &Memberships, member: &str) -> Vec<String> {
        let mut teams: Vec<String> = memberships.teams_of(member).map(ToString::to_string).collect();
        teams.sort_unstable();
        teams
    }

    #[test]
    fn members_come_and_go() {
        let mut memberships = Memberships::default();
        let [ada, grace, one, two]: [Id; 4] = ["ada", "grace", "one", "two"].map(Id::from);
        memberships.join(&two, &[ada.clone(), grace.clone()]);
        memberships.join(&one, from_ref(&ada));
        memberships.join(&one, from_ref(&ada));
        assert_eq!(teams_of(&memberships, "ada"), ["one", "two"]);
        memberships.leave(&two, &[ada.clone(), grace]);
        assert_eq!(teams_of(&memberships, "ada"), ["one"]);
        memberships.leave(&one, &[ada]);
        assert!(memberships.by_member.is_empty());
    }

    #[test]
    fn the_number_of_a_team_that_is_gone_is_another_ones_later() {
        let mut memberships = Memberships::default();
        let [ada, one, two, three]: [Id; 4] = ["ada", "one", "two", "three"].map(Id::from);
        memberships.join(&one, from_ref(&ada));
        memberships.join(&two, from_ref(&ada));
        memberships.leave(&one, from_ref(&ada));
        memberships.forget(&one);
        assert_eq!(teams_of(&memberships, "ada"), ["two"]);
        memberships.join(&three, &[ada]);
        assert_eq!(teams_of(&memberships, "ada"), ["three", "two"]);
        assert_eq!(memberships.teams.len(), 2);
    }
}
