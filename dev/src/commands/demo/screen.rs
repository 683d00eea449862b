//! What is printed: at most 100 columns, and coloured only on a terminal.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Answer;

pub(super) const WIDTH: usize = 100;

/// The longest that a body gets.
const BODY_LINES: usize = 4;

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// Standard output, and the act that is being played on it.
#[derive(Debug)]
pub(super) struct Screen {
    colours: bool,
    act: String,
    began: Option<Instant>,
}

impl Screen {
    pub(super) fn new() -> Self {
        let colours = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
        Self { colours, act: "0, setting the stage".to_owned(), began: None }
    }

    /// The act that is being played, for an error.
    pub(super) fn act(&self) -> &str {
        &self.act
    }

    /// Ends the act before and begins the next.
    pub(super) fn begin(&mut self, number: u8, title: &str) -> io::Result<()> {
        self.end()?;
        self.began = Some(Instant::now());
        self.act = format!("{number}, {title}");
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 5));
        self.line(BOLD, &format!("\n{number}  {title}  {rule}"))
    }

    /// Says how long the act took.
    pub(super) fn end(&mut self) -> io::Result<()> {
        let Some(began) = self.began.take() else { return Ok(()) };
        let took = format!("(this act took {})", shown(began.elapsed()));
        self.line(DIM, &format!("{took:>WIDTH$}"))
    }

    /// A sentence of the story.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        writeln!(io::stdout())?;
        wrapped(text, WIDTH).iter().try_for_each(|line| self.line("", line))
    }

    /// A request and its answer, as `who` sent it. What apps are asked is indented more than what Okta sends.
    pub(super) fn exchange(
        &self,
        who: &str,
        (method, path, body): (&str, &str, Option<&Value>),
        answer: &Answer,
    ) -> io::Result<()> {
        let indent = if who == "chat" { 6 } else { 2 };
        let (margin, rest) = (" ".repeat(indent), " ".repeat(indent + who.chars().count()));
        self.line("", &clipped(&format!("{margin}{who} → {method} {path}")))?;
        self.body(&rest, body)?;
        let colour = if answer.status < 300 { GREEN } else { YELLOW };
        self.line(colour, &format!("{rest} ← {} in {}", answer.status, shown(answer.took)))?;
        self.body(&rest, Some(&answer.body))
    }

    /// A command that people could type, and what it printed.
    pub(super) fn shell(&self, command: &str, output: &str) -> io::Result<()> {
        // A shell would take both lines for one.
        for line in format!("      $ {command}").replacen(" -o custom", " \\\n        -o custom", 1).lines() {
            self.line(BOLD, &clipped(line))?;
        }
        output.trim_end().lines().try_for_each(|line| self.line("", &clipped(&format!("      {line}"))))
    }

    /// A line of the table, or any other that is laid out already.
    pub(super) fn plain(&self, line: &str) -> io::Result<()> {
        self.line("", &clipped(line))
    }

    fn body(&self, margin: &str, body: Option<&Value>) -> io::Result<()> {
        let Some(body) = body.filter(|body| !body.is_null()) else { return Ok(()) };
        let width = WIDTH - margin.chars().count() - 3;
        let text = brief(body).to_string();
        let mut lines = chunks(&text, width);
        if lines.len() > BODY_LINES {
            lines.truncate(BODY_LINES);
            if let Some(last) = lines.last_mut() {
                *last = last.chars().take(width - 1).chain(['…']).collect();
            }
        }
        lines.iter().try_for_each(|line| self.line(DIM, &format!("{margin}   {line}")))
    }

    fn line(&self, colour: &str, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.colours && !colour.is_empty() {
            writeln!(out, "\x1b[{colour}m{text}\x1b[0m")
        } else {
            writeln!(out, "{}", text.trim_end())
        }
    }
}

/// A duration as people read it.
pub(super) fn shown(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", duration.as_secs_f32()),
    }
}

/// A body without what every body has, and with the start of long lists only.
fn brief(body: &Value) -> Value {
    const SHOWN: usize = 2;
    match body {
        Value::Array(items) if items.len() > SHOWN + 1 => {
            let more = Value::String(format!("… {} more", items.len() - SHOWN));
            items.iter().take(SHOWN).map(brief).chain([more]).collect()
        }
        Value::Array(items) => items.iter().map(brief).collect(),
        Value::Object(members) => {
            let told = members.iter().filter(|(key, _)| *key != "schemas" && *key != "meta");
            told.map(|(key, value)| (key.clone(), brief(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body.clone(),
    }
}

fn clipped(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// Lines of JSON, broken after a comma where there is one late in the line.
fn chunks(text: &str, width: usize) -> Vec<String> {
    const LATE: usize = 25;
    let characters: Vec<char> = text.chars().collect();
    let (mut lines, mut rest) = (Vec::new(), characters.as_slice());
    while rest.len() > width {
        let comma = rest[..width].iter().rposition(|character| *character == ',');
        let end = comma.map_or(width, |comma| comma + 1);
        let end = if end + LATE < width { width } else { end };
        let (line, after) = rest.split_at(end);
        lines.push(line.iter().collect());
        rest = after;
    }
    lines.push(rest.iter().collect());
    lines
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_list_shows_its_start_and_how_many_follow() {
        let body = json!({"schemas": ["a"], "members": [1, 2, 3, 4, 5], "id": "x"});
        assert_eq!(brief(&body).to_string(), r#"{"members":[1,2,"… 3 more"],"id":"x"}"#);
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let text = "word ".repeat(100);
        assert!(wrapped(&text, WIDTH).iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(clipped(&text).chars().count(), WIDTH);
    }
}
