//! `candor report`: what rules in shadow mode would have done to captured exchanges.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use crate::diagnostic::Diagnostic;
use crate::traffic::report::{Example, Report, Row};

use super::colour::{Colour, When};
use super::load;
use super::traffic::{Recordings, asked, counted, grouped};
use super::{Exit, Format};

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// When it is coloured
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
    /// What a sidecar recorded, or `-` for standard input
    #[arg(required = true)]
    captures: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &ReportArgs) -> Exit {
    let report = match report(arguments) {
        Ok(report) => report,
        Err(problem) => {
            load::tell(&[problem]);
            return Exit::CouldNot;
        }
    };
    let mut out = io::stdout().lock();
    let colour = Colour::of(arguments.color, &out);
    let written = match arguments.format {
        Format::Human => print(&mut out, colour, &report),
        Format::Json => writeln!(out, "{:#}", report.to_json()),
    };
    written.map_or(Exit::CouldNot, |()| Exit::Fine)
}

fn report(arguments: &ReportArgs) -> Result<Report, Diagnostic> {
    let recordings = Recordings::open(&arguments.captures)?;
    let mut report = Report::default();
    let mut problem = None;
    recordings.each(&asked("GET", "/")?, |file, recorded| {
        if problem.is_none()
            && let Err(why) = report.add(file, &recorded)
        {
            let help = "`candor replay` puts any recording through rules";
            problem = Some(Diagnostic::error(format!("`{file}` {why}")).help(help));
        }
    })?;
    problem.map_or(Ok(report), Err)
}

fn print(out: &mut impl Write, colour: Colour, report: &Report) -> io::Result<()> {
    let rows = report.rows();
    if rows.is_empty() {
        return writeln!(out, "{}, and no rule in shadow mode would have fired", counted(report.exchanges()));
    }
    let widest = |width: fn(&Row<'_>) -> usize| rows.iter().map(width).max().unwrap_or_default();
    let route = widest(|row| row.route.chars().count()).max(5);
    let rule = widest(|row| row.rule.chars().count()).max(4);
    writeln!(out, "  {:<route$}  {:<rule$}  from    to   exchanges  doubtful", "route", "rule")?;
    for row in &rows {
        let doubtful = format!("{:>8}", grouped(row.doubtful));
        let doubtful = if row.doubtful > 0 { colour.red(doubtful) } else { doubtful };
        let (exchanges, to) = (grouped(row.exchanges), to(row));
        writeln!(
            out,
            "  {:<route$}  {:<rule$}  {}  -> {to:<4}  {exchanges:>9}  {doubtful}",
            row.route, row.rule, row.from
        )?;
    }
    rows.iter().try_for_each(|row| print_row(out, colour, row))?;
    writeln!(out, "\n{} in all", counted(report.exchanges()))
}

fn to(row: &Row<'_>) -> String {
    row.to.map_or("fail".to_owned(), |status| status.to_string())
}

fn print_row(out: &mut impl Write, colour: Colour, row: &Row<'_>) -> io::Result<()> {
    let Row { route, rule, from, exchanges, of, .. } = row;
    writeln!(out, "\n{rule} on {route}: {from} -> {}, {} of {}", to(row), grouped(*exchanges), grouped(*of))?;
    row.examples.iter().try_for_each(|example| print_example(out, colour, example))?;
    if row.doubtful > 0 {
        let told = "speaking of no error, and like answers that the rule leaves alone:";
        writeln!(out, "  {} {told}", colour.red(grouped(row.doubtful)))?;
        row.doubts.iter().try_for_each(|doubt| print_example(out, colour, doubt))?;
    }
    Ok(())
}

fn print_example(out: &mut impl Write, colour: Colour, example: &Example) -> io::Result<()> {
    writeln!(out, "  {}  {}", example.place, example.request)?;
    if example.body.is_empty() { Ok(()) } else { writeln!(out, "    {}", colour.dim(&example.body)) }
}
