//! `candor replay`: recorded traffic through a configuration, and what changes for clients: against no rules at
//! all, or against another configuration.

mod print;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::live::Snapshot;
use crate::traffic::Recorded;
use crate::traffic::judge::{Judged, judge};
use crate::traffic::tally::{Allowed, Change, Tally};

use super::colour::{Colour, When};
use super::load::{self, Options};
use super::traffic::{Recordings, asked};
use super::{Exit, Format, RuleFlags};
use print::{Report, Told};

/// Arguments of `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    rules: RuleFlags,
    /// A file of the configuration to compare with; of several, later ones win
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Changes that are fine: '200->404', '2xx->4xx', '*->503'
    #[arg(long, value_name = "FROM->TO", requires = "against")]
    allow: Vec<Allowed>,
    /// Show every exchange that changes, not only some of each kind
    #[arg(long)]
    all: bool,
    /// The request's method, for saved answers
    #[arg(long, value_name = "M", default_value = "GET")]
    method: String,
    /// The request's path, for saved answers
    #[arg(long, value_name = "P", default_value = "/")]
    path: String,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// When it is coloured
    #[arg(long, value_enum, default_value_t)]
    color: When,
    /// HAR files, captures, saved answers (what `curl -i` prints), or `-` for standard input
    #[arg(required = true)]
    traffic: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &ReplayArgs) -> Exit {
    let configurations = match Configurations::load(arguments) {
        Ok(configurations) => configurations,
        Err((problems, exit)) => {
            load::tell(&problems);
            return exit;
        }
    };
    match replay(arguments, &configurations, &mut io::stdout().lock()) {
        Ok(exit) => exit,
        Err(problem) => {
            load::tell(&[problem]);
            Exit::CouldNot
        }
    }
}

/// What is compared; no rules at all where there is nothing to compare with.
struct Configurations {
    old: Option<Arc<Snapshot>>,
    new: Arc<Snapshot>,
}

impl Configurations {
    fn load(arguments: &ReplayArgs) -> Result<Configurations, (Vec<Diagnostic>, Exit)> {
        let old = Options { files: arguments.against.clone(), ..Options::default() };
        let old = if arguments.against.is_empty() { None } else { Some(snapshot(old)?) };
        Ok(Configurations { old, new: snapshot(Options::new(&arguments.rules, None, None))? })
    }

    fn judge(&self, recorded: &Recorded) -> Change {
        let before = match &self.old {
            Some(old) => judge(old, recorded),
            None => Judged::untouched(recorded),
        };
        Change::between(&before, &judge(&self.new, recorded), recorded)
    }
}

fn snapshot(options: Options) -> Result<Arc<Snapshot>, (Vec<Diagnostic>, Exit)> {
    let options = Options { upstream_if_none: Some("http://127.0.0.1"), ..options };
    let mut loaded = load::load(&options).map_err(|problem| (vec![problem], Exit::CouldNot))?;
    let problems = std::mem::take(&mut loaded.diagnostics);
    let exit = load::verdict(&problems);
    let snapshot = loaded.snapshot();
    if snapshot.is_some() {
        load::tell(&problems);
    }
    snapshot.ok_or((problems, exit))
}

fn replay(
    arguments: &ReplayArgs,
    configurations: &Configurations,
    out: &mut impl Write,
) -> Result<Exit, Diagnostic> {
    let asked = asked(&arguments.method, &arguments.path)?;
    let recordings = Recordings::open(&arguments.traffic)?;
    let colour = Colour::of(arguments.color, &io::stdout());
    let mut report =
        Report::new(arguments.format, colour, configurations.old.is_some(), &arguments.allow, arguments.all);
    let mut tally = Tally::default();
    // A reader that has seen enough (`| head`) is no failure of ours, and nothing more need be told.
    let mut written = report.begin(out);
    let read = recordings.each(&asked, |file, recorded| {
        let change = configurations.judge(&recorded);
        if change.is_seen() && written.is_ok() {
            let earlier = tally.count(change.clone());
            written = report.exchange(out, Told { file, recorded: &recorded, change: &change, earlier });
        } else {
            tally.count(change);
        }
    });
    let summary = match read {
        Ok(summary) => summary,
        Err(problem) => {
            // What was begun is ended, so that programs can read it.
            let _ = report.broken(out, &problem);
            return Err(problem);
        }
    };
    if written.and_then(|()| report.end(out, &tally, summary)).is_err() {
        return Ok(Exit::CouldNot);
    }
    let is_refused = configurations.old.is_some() && tally.forbidden(&arguments.allow) > 0;
    Ok(if is_refused { Exit::No } else { Exit::Fine })
}
