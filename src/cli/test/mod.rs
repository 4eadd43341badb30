//! `candor test`: plays cases through the engine and tells which do not hold, and why.

mod human;
mod machine;
mod rewrite;
mod suite;
mod update;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::colour::{Colour, When};
use super::load;
use super::{Exit, RuleFlags};
use suite::Suite;

/// Arguments of `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    #[command(flatten)]
    rules: RuleFlags,
    /// Files of cases, configurations with `cases` in them, or folders of such files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Play only cases whose name or file has this text in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Tell which rules never decided, and which conditions never held or never failed
    #[arg(long)]
    coverage: bool,
    /// Fail where less than this part of rules and conditions is covered
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// Write what came out into the files as what is expected, after showing the difference
    #[arg(long, conflicts_with = "format")]
    update: bool,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    format: Report,
    /// When results are coloured
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Report {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// JUnit's XML, for CI servers.
    Junit,
    /// The Test Anything Protocol, version 14.
    Tap,
}

/// Runs the command: 0 when all cases hold, 1 when one does not, 2 when they cannot be played.
pub fn run(arguments: &TestArgs) -> Exit {
    let suite = match Suite::play(&arguments.rules, &arguments.files, arguments.filter.as_deref()) {
        Ok(suite) => suite,
        Err(problems) => {
            load::tell(&problems);
            return Exit::CouldNot;
        }
    };
    load::tell(&suite.warnings);
    let mut out = io::stdout().lock();
    let colour = Colour::of(arguments.color, &out);
    let written = if arguments.update {
        update::update(&mut out, colour, &suite)
    } else {
        print(&mut out, colour, &suite, arguments).map(|()| suite.exit())
    };
    let Ok(exit) = written.and_then(|exit| out.flush().map(|()| exit)) else { return Exit::CouldNot };
    let covers =
        arguments.min_coverage.is_none_or(|least| suite.coverage.ratio() * 100.0 >= f64::from(least));
    if exit == Exit::Fine && !covers { Exit::No } else { exit }
}

fn print(out: &mut impl Write, colour: Colour, suite: &Suite, arguments: &TestArgs) -> io::Result<()> {
    match arguments.format {
        Report::Human => {
            human::results(out, colour, suite)?;
            if arguments.coverage || arguments.min_coverage.is_some() {
                human::coverage(out, colour, &suite.coverage, arguments.min_coverage)?;
            }
            Ok(())
        }
        Report::Json => writeln!(out, "{:#}", machine::json(suite)),
        Report::Junit => out.write_all(machine::junit(suite).as_bytes()),
        Report::Tap => out.write_all(machine::tap(suite).as_bytes()),
    }
}
