//! `candor lint`: advice on rules that work, and what can be changed without thinking.

mod fix;
mod human;

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use super::colour::{Colour, When};
use super::load::{self, Configuration, Options};
use super::{Exit, Format, RuleFlags};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lint::{self, Advice, Given, Note, Overlap, Report};
use crate::rules::Quick;

pub use human::print as print_human;

/// Arguments of `lint`.
#[derive(Debug, Clone, Args)]
pub struct LintArgs {
    #[command(flatten)]
    rules: RuleFlags,
    /// Make the changes that need no thinking in the files themselves, and show them
    #[arg(long)]
    fix: bool,
    /// Tell which rules may match the same answer, too, so that their order matters; that is no advice
    #[arg(long)]
    overlaps: bool,
    /// How advice is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// When advice is coloured
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
}

/// Runs the command: 0 when there is no advice, 1 when there is some, 2 when there are no rules to look at.
pub fn run(arguments: &LintArgs) -> Exit {
    // Advice needs no upstream.
    let options = Options {
        upstream_if_none: Some("http://127.0.0.1:9000"),
        ..Options::new(&arguments.rules, None, None)
    };
    let mut out = io::stdout().lock();
    let colour = Colour::of(arguments.color, &out);
    let written = match arguments.fix {
        true => fixed(&options, arguments, colour, &mut out),
        false => match advice(&options, arguments.overlaps) {
            Ok(report) => print(&report, None, arguments.format, colour, &mut out).map(|()| exit(&report)),
            Err(problems) => Ok(refused(&problems)),
        },
    };
    written.and_then(|exit| out.flush().map(|()| exit)).unwrap_or(Exit::CouldNot)
}

/// Makes the changes, and tells what is left.
fn fixed(options: &Options, arguments: &LintArgs, colour: Colour, out: &mut impl Write) -> io::Result<Exit> {
    let before = match advice(options, false) {
        Ok(report) => report,
        Err(problems) => return Ok(refused(&problems)),
    };
    let fixed = match fix::make(&before, || advice(options, arguments.overlaps)) {
        Ok(fixed) => fixed,
        Err(problem) => return Ok(refused(&[problem])),
    };
    if arguments.format == Format::Human {
        human::changes(out, colour, &fixed)?;
    }
    print(&fixed.left, Some(&fixed), arguments.format, colour, out)?;
    Ok(exit(&fixed.left))
}

fn print(
    report: &Report,
    fixed: Option<&fix::Fixed>,
    format: Format,
    colour: Colour,
    out: &mut impl Write,
) -> io::Result<()> {
    if format == Format::Human {
        return human::print(out, colour, report);
    }
    let mut told = to_json(report);
    if let (Some(fixed), Some(told)) = (fixed, told.as_object_mut()) {
        told.insert("fixed".to_owned(), json!(fixed.made()));
        let skipped: Vec<Value> = fixed.skipped.iter().map(Note::to_json).collect();
        told.insert("skipped".to_owned(), skipped.into());
    }
    writeln!(out, "{told:#}")
}

/// The machine-readable form, as docs/schemas/lint.json describes it.
pub fn to_json(report: &Report) -> Value {
    let mut told = json!({
        "advice": report.advice.iter().map(Advice::to_json).collect::<Vec<_>>(),
        "undecided": report.undecided.iter().map(Note::to_json).collect::<Vec<_>>(),
    });
    if let (Some(overlaps), Some(told)) = (&report.overlaps, told.as_object_mut()) {
        told.insert("overlaps".to_owned(), overlaps.iter().map(Overlap::to_json).collect());
    }
    told
}

/// How a command ends that has this to say.
pub fn exit(report: &Report) -> Exit {
    if report.advice.is_empty() { Exit::Fine } else { Exit::No }
}

fn refused(problems: &[Diagnostic]) -> Exit {
    load::tell(problems);
    Exit::CouldNot
}

/// The advice on a configuration, or what keeps it from being one.
fn advice(options: &Options, overlaps: bool) -> Result<Report, Vec<Diagnostic>> {
    let loaded = load::load(options).map_err(|problem| vec![problem])?;
    let Some(configuration) = &loaded.configuration else { return Err(loaded.diagnostics) };
    of(configuration, options, overlaps).map_err(|problem| vec![problem])
}

/// The advice on a configuration that was loaded with these options.
///
/// # Errors
/// As [`load::load`].
pub fn of(configuration: &Configuration, options: &Options, overlaps: bool) -> Result<Report, Diagnostic> {
    let merged = load::document(options, &mut Diagnostics::default())?;
    let (document, quick) = merged.unzip();
    let quick = quick.unwrap_or_default();
    Ok(lint::lint(&Given {
        document: document.as_ref(),
        quick: Quick { presets: &quick.presets, lines: &quick.rules },
        rules: &configuration.rules,
        inspect: &configuration.settings.inspect,
        overlaps,
    }))
}
