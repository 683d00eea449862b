//! `docs/reference/cli.md`: what `--help` prints.

use std::{
    fmt::Write as _,
    process::{Command, Stdio},
};

use super::hold;

/// The help of a command, as in a terminal of the width that the binary takes without one.
fn help(arguments: &[&str]) -> String {
    // Neither a terminal nor its size nor a flag's variable may show.
    let output = Command::new(env!("CARGO_BIN_EXE_rollcall"))
        .args(arguments)
        .arg("--help")
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn the_command_line_is_as_help_prints_it() {
    let mut text = "<!-- Written by `make generate` from `--help`; edit src/cli.rs. -->\n\n# Command line\n\n\
         Every flag has an environment variable; a flag counts more. The chart sets what an installation needs, and\n\
         `env` in its [values](values.md) sets the rest.\n"
        .to_owned();
    for command in [&[][..], &["run"], &["crds"]] {
        let title = ["rollcall"].iter().chain(command).copied().collect::<Vec<_>>().join(" ");
        writeln!(text, "\n## {title}\n\n```text\n{}\n```", help(command)).unwrap();
    }
    hold("docs/reference/cli.md", &text);
}
