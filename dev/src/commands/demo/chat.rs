//! The app `chat`: a third-party SCIM server, asked through its own API what it has.

use rollcall_dev::peers::Peer;

use super::error::{DemoError, expect};
use super::http::{Answer, Server};
use super::screen::Screen;
use super::watch::Look;

/// The running app.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) peer: Peer,
    server: Server,
}

/// Which of its users or groups are asked for.
#[derive(Debug)]
pub(super) struct Question(String);

impl Chat {
    pub(super) fn new(peer: Peer) -> Self {
        let server = Server::new(&peer.base_url, &peer.token);
        Self { peer, server }
    }

    pub(super) fn ask(&self, question: &Question) -> Result<Answer, DemoError> {
        self.server.send("GET", &question.0, None)?.with_status(200, &question.0)
    }

    /// Asks and prints.
    pub(super) fn show(&self, screen: &Screen, question: &Question) -> Result<Answer, DemoError> {
        let answer = self.ask(question)?;
        screen.exchange("chat", ("GET", &question.0, None), &answer)?;
        Ok(answer)
    }

    /// Whether one user is there and is active, or not.
    pub(super) fn has_active(&self, user_name: &str, active: bool) -> Result<Look<()>, DemoError> {
        let answer = self.ask(&Question::user(user_name))?;
        let found = &answer.body["Resources"][0]["active"];
        Ok(Look::at(found.as_bool() == Some(active), || format!("{user_name} with active={found}")))
    }

    /// Whether there are this many people.
    pub(super) fn has_people(&self, count: usize) -> Result<Look<()>, DemoError> {
        let total = self.ask(&Question("/Users?count=0".to_owned()))?.total();
        Ok(Look::at(total == Some(count as u64), || format!("{} people", total.unwrap_or_default())))
    }

    /// Whether a group has this many members.
    pub(super) fn has_members(&self, group: &str, count: usize) -> Result<Look<()>, DemoError> {
        let answer = self.ask(&Question::group(group))?;
        let found = answer.body["Resources"][0]["members"].as_array().map(Vec::len);
        Ok(Look::at(found == Some(count), || match found {
            Some(found) => format!("{found} members"),
            None => "no such group, or nobody in it".to_owned(),
        }))
    }

    /// Whether the person of this name is a member of the group, or not.
    pub(super) fn has_member(&self, group: &str, user_name: &str, is: bool) -> Result<Look<()>, DemoError> {
        let user = self.ask(&Question::user(user_name))?;
        let Some(id) = user.body["Resources"][0]["id"].as_str() else {
            return Ok(Look::NotYet("no such person".to_owned()));
        };
        let total = self.ask(&Question::member(group, id))?.total();
        Ok(Look::at(total == Some(u64::from(is)), || format!("member: {}", !is)))
    }

    /// The id that the app gave a group.
    pub(super) fn group_id(&self, group: &str) -> Result<String, DemoError> {
        let answer = self.ask(&Question::group(group))?;
        let id = answer.body["Resources"][0]["id"].as_str();
        expect(id.is_some(), format!("the group {group:?} in chat"), || answer.body.to_string())?;
        Ok(id.unwrap_or_default().to_owned())
    }
}

impl Question {
    pub(super) fn user(user_name: &str) -> Self {
        Self(format!("/Users?filter=userName eq \"{user_name}\""))
    }

    pub(super) fn users_starting_with(start: &str) -> Self {
        Self(format!("/Users?filter=userName sw \"{start}\"&attributes=userName,active&count=1000"))
    }

    /// Finds the group if the person with this id is a member, without the other members.
    fn member(group: &str, id: &str) -> Self {
        let filter = format!("displayName eq \"{group}\" and members[value eq \"{id}\"]");
        Self(format!("/Groups?filter={filter}&attributes=displayName"))
    }

    pub(super) fn group(display_name: &str) -> Self {
        Self(format!("/Groups?filter=displayName eq \"{display_name}\""))
    }
}
