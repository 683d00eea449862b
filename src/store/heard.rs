//! What is logged during a test.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::subscriber::DefaultGuard;

/// Hears what this thread logs, until it is dropped.
pub(super) struct Heard {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Default for Heard {
    fn default() -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        Self { lines, _guard: tracing::subscriber::set_default(logs.finish()) }
    }
}

impl Heard {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
