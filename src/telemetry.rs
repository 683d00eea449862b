//! Logs: text for people, JSON for machines, both on standard error.

mod lines;

use std::{
    io::{self, IsTerminal},
    panic,
};

use lines::Lines;
pub use lines::Logging;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `--log-level` is no filter.
    #[error("--log-level {level:?} is not a filter such as `info` or `warn,rollcall=debug`: {source}")]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is no thread for it.
    #[error("logging needs a thread, and the system gives none: {0}")]
    Thread(io::Error),
    /// Somebody in this process logs already.
    #[error("logging is set up already: {0}")]
    Installed(Box<dyn std::error::Error + Send + Sync>),
}

/// Logs from now on what `level` lets through. All of it is written once what this gives back is dropped.
pub fn init(format: LogFormat, level: &str) -> Result<Logging, TelemetryError> {
    let filter = filter(level)?;
    // A file or a pod's log shows escape sequences as they are.
    let colours = io::stderr().is_terminal();
    let lines = Lines::to(io::stderr()).map_err(TelemetryError::Thread)?;
    let logging = lines.clone().until_dropped();
    // A panic is reported after what was said before it.
    let (report, before) = (panic::take_hook(), lines.clone());
    panic::set_hook(Box::new(move |panic| {
        before.write_out();
        report(panic);
    }));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(lines);
    let installed = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => {
            logs.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
    installed.map(|()| logging).map_err(TelemetryError::Installed)
}

/// What `level` lets through, but never an object: the library that speaks to the API server writes down every answer
/// that it can't decode, and the words of every refusal.
fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = |source| TelemetryError::Level { level: level.to_owned(), source };
    let never = "kube_client::client=error".parse().map_err(wrong)?;
    Ok(EnvFilter::try_new(level).map_err(wrong)?.add_directive(never))
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::{Registry, layer::SubscriberExt};

    use super::*;

    #[test]
    fn answers_of_the_api_server_are_never_written_down() {
        for level in ["info", "trace", "info,kube_client=debug", "info,kube_client::client=trace"] {
            with_default(Registry::default().with(filter(level).unwrap()), || {
                assert!(tracing::enabled!(target: "rollcall", tracing::Level::INFO));
                assert!(!tracing::enabled!(target: "kube_client::client", tracing::Level::WARN), "{level}");
            });
        }
    }
}
