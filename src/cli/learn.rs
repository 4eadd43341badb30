//! `candor learn`: rules proposed from recorded traffic, with the cases that prove them.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::settings::Redact;
use crate::traffic::learn::{Demands, Learner};
use crate::traffic::redact::Redaction;

use super::load;
use super::traffic::{Recordings, asked};
use super::{Exit, Format};

/// Arguments of `learn`.
#[derive(Debug, Clone, Args)]
pub struct LearnArgs {
    /// How sure a rule has to be, from 0 to 1
    #[arg(long, value_name = "N", default_value = "0.6", value_parser = share)]
    min_confidence: f64,
    /// How many answers a rule has to be about
    #[arg(long, value_name = "N", default_value_t = 1)]
    min_support: usize,
    /// How the result is printed: as a configuration with cases, or for programs
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// HAR files, captures, saved answers (what `curl -i` prints), or `-` for standard input
    #[arg(required = true)]
    traffic: Vec<PathBuf>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

/// Runs the command.
pub fn run(arguments: &LearnArgs) -> Exit {
    match learn(arguments, &mut io::stdout().lock()) {
        Ok(exit) => exit,
        Err(problem) => {
            load::tell(&[problem]);
            Exit::CouldNot
        }
    }
}

fn learn(arguments: &LearnArgs, out: &mut impl Write) -> Result<Exit, Diagnostic> {
    let recordings = Recordings::open(&arguments.traffic)?;
    let mut learner = Learner::default();
    recordings.each(&asked("GET", "/")?, |file, recorded| learner.add(file, &recorded))?;
    let LearnArgs { min_confidence, min_support, .. } = arguments;
    let lesson = learner.lesson(Demands { confidence_min: *min_confidence, support_min: *min_support });
    let Redact { headers, fields } = Redact::default();
    let written = match arguments.format {
        Format::Human => write!(out, "{}", lesson.to_yaml(&Redaction::new(&headers, &fields))),
        Format::Json => writeln!(out, "{:#}", lesson.to_json()),
    };
    Ok(written.map_or(Exit::CouldNot, |()| Exit::Fine))
}
