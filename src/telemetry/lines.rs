//! Log lines on their way: many with one write.
//!
//! A write for each line would be a good part of all that a read costs, and wake whoever reads the log as often. So lines
//! are gathered for some milliseconds. None is dropped: whoever logs more than there is room for writes it out, and waits.
//! A warning is written at once, with all that was said before it.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// For so long lines are gathered.
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// Bytes that are gathered at most: as many as a pipe holds.
const ROOM: usize = 64 * 1024;

/// Where lines go. All clones are one.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

/// Lines are gathered as long as it lives; once it is dropped, everything is written, and each line at once.
#[derive(Debug)]
pub struct Logging(Lines);

struct Shared {
    gathered: Mutex<Gathered>,
    /// There is a line where there was none.
    news: Condvar,
}

struct Gathered {
    lines: Vec<u8>,
    to: Box<dyn Write + Send>,
    is_over: bool,
}

/// One line that is being logged.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    at_once: bool,
}

impl Lines {
    /// Lines that are written there by a thread of their own.
    pub(super) fn to(to: impl Write + Send + 'static) -> io::Result<Self> {
        let gathered = Gathered { lines: Vec::new(), to: Box::new(to), is_over: false };
        let lines = Self(Arc::new(Shared { gathered: Mutex::new(gathered), news: Condvar::new() }));
        let background = lines.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || background.write_now_and_then())?;
        Ok(lines)
    }

    /// Gathers lines until this is dropped.
    pub(super) fn until_dropped(self) -> Logging {
        Logging(self)
    }

    /// Writes what there is.
    pub(super) fn write_out(&self) {
        self.gathered().write_out();
    }

    fn write_now_and_then(&self) {
        let mut gathered = self.gathered();
        while !gathered.is_over {
            let nothing = |it: &mut Gathered| it.lines.is_empty() && !it.is_over;
            drop(self.0.news.wait_while(gathered, nothing).unwrap_or_else(PoisonError::into_inner));
            thread::sleep(GATHERED_FOR);
            gathered = self.gathered();
            gathered.write_out();
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        // Whatever panicked, lines are lines.
        self.0.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn write_out(&mut self) {
        // Where the log can't be written there is nobody to tell that to.
        _ = self.to.write_all(&self.lines).and_then(|()| self.to.flush());
        self.lines.clear();
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let mut gathered = self.0.gathered();
        gathered.is_over = true;
        gathered.write_out();
        self.0.0.news.notify_one();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, at_once: true }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, at_once: *about.level() <= Level::WARN }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = self.lines.gathered();
        let is_first = gathered.lines.is_empty();
        gathered.lines.extend_from_slice(line);
        if self.at_once || gathered.is_over || gathered.lines.len() >= ROOM {
            gathered.write_out();
        } else if is_first {
            self.lines.0.news.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.write_out();
        Ok(())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Tells of each write.
    struct Told(Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines() -> (Lines, Receiver<String>) {
        let (sender, receiver) = channel();
        (Lines::to(Told(sender)).unwrap(), receiver)
    }

    fn log(lines: &Lines, line: &str, at_once: bool) {
        Line { lines, at_once }.write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn lines_are_written_in_their_order_without_being_asked_for() {
        let (lines, written) = lines();
        let mut seen = String::new();
        for number in 0..1000 {
            log(&lines, &format!("{number}\n"), false);
        }
        while !seen.ends_with("999\n") {
            seen.push_str(&written.recv().unwrap());
        }
        assert!(seen.lines().map(|it| it.parse::<usize>().unwrap()).eq(0..1000));
        log(&lines, "another\n", false);
        assert_eq!(written.recv().unwrap(), "another\n");
    }

    #[test]
    fn a_warning_is_written_at_once_after_what_was_said_before() {
        let (lines, written) = lines();
        log(&lines, "all is well\n", false);
        log(&lines, "it is not\n", true);
        assert_eq!(written.try_iter().collect::<String>(), "all is well\nit is not\n");
    }

    #[test]
    fn what_there_is_no_room_for_is_written_by_who_says_it() {
        let (lines, written) = lines();
        let long = "x".repeat(ROOM);
        log(&lines, &long, false);
        assert_eq!(written.try_iter().collect::<String>(), long);
    }

    #[test]
    fn at_the_end_everything_is_written_and_later_lines_too() {
        let (lines, written) = lines();
        let logging = lines.clone().until_dropped();
        log(&lines, "stopping\n", false);
        drop(logging);
        log(&lines, "a last word\n", false);
        assert_eq!(written.try_iter().collect::<String>(), "stopping\na last word\n");
    }
}
