//! How long each grant and revoke took, for the table at the end.

use std::io;
use std::time::Duration;

use super::screen::{Screen, shown};

/// What was measured, in the order in which it happened.
#[derive(Debug, Default)]
pub(super) struct Ledger(Vec<Row>);

#[derive(Debug)]
struct Row {
    kind: Kind,
    what: String,
    app: &'static str,
    took: Duration,
}

/// Whether access was given or taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Grant,
    Revoke,
    /// Access stays as it is.
    Change,
}

impl Ledger {
    pub(super) fn add(&mut self, kind: Kind, what: impl Into<String>, app: &'static str, took: Duration) {
        self.0.push(Row { kind, what: what.into(), app, took });
    }

    pub(super) fn print(&self, screen: &Screen) -> io::Result<()> {
        screen.plain(&format!("  {:<8}{:<66}{:<10}{:>10}", "", "what", "app", "took"))?;
        for Row { kind, what, app, took } in &self.0 {
            let kind = match kind {
                Kind::Grant => "grant",
                Kind::Revoke => "revoke",
                Kind::Change => "change",
            };
            screen.plain(&format!("  {kind:<8}{what:<66}{app:<10}{:>10}", shown(*took)))?;
        }
        Ok(())
    }
}
