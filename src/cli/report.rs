//! `candor report`: what rules in shadow mode would have done, by captures, here or a sidecar's, or by its counters.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use clap::Args;
use reqwest::{Method, Response};
use tokio::runtime::Runtime;

use crate::diagnostic::Diagnostic;
use crate::traffic::report::{Example, Report, Row, Told};

use super::colour::{Colour, When};
use super::load;
use super::remote::Remote;
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
    #[command(flatten)]
    remote: Remote,
    /// What a sidecar recorded, or `-` for standard input
    #[arg(required_unless_present = "admin", conflicts_with = "admin")]
    captures: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &ReportArgs) -> Exit {
    let told = match arguments.remote.is_named() {
        true => asked_of(&arguments.remote),
        false => Recordings::open(&arguments.captures).and_then(read),
    };
    let told = match told {
        Ok(told) => told,
        Err(problem) => {
            load::tell(&[problem]);
            return Exit::CouldNot;
        }
    };
    let mut out = io::stdout().lock();
    let colour = Colour::of(arguments.color, &out);
    let written = match arguments.format {
        Format::Human => print(&mut out, colour, &told),
        Format::Json => json(&mut out, &told),
    };
    written.map_or(Exit::CouldNot, |()| Exit::Fine)
}

/// What a running sidecar has captured, or where it has captured nothing what it has counted.
fn asked_of(remote: &Remote) -> Result<Told, Diagnostic> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Diagnostic::error(error.to_string()))?;
    let sidecar = remote.connection()?;
    let captured = runtime.block_on(async {
        let Some(mut answer) = sidecar.find("/api/v1/captures").await? else { return Ok(None) };
        let first = answer.chunk().await.map_err(|error| sidecar.lost(&error))?;
        Ok(first.map(|first| (answer, first.reader())))
    })?;
    match captured {
        Some((answer, piece)) => read(Recordings::of("captures", Arriving { runtime, answer, piece })),
        None => runtime.block_on(async {
            let answer = sidecar.ask(Method::GET, "/api/v1/report", &[]).await?;
            let body = answer.bytes().await.map_err(|error| sidecar.lost(&error))?;
            serde_json::from_slice(&body).map_err(|error| {
                Diagnostic::error(format!("the sidecar's report is not understood: {error}"))
            })
        }),
    }
}

/// A body that comes over the network, for a thread that waits for it.
struct Arriving {
    runtime: Runtime,
    answer: Response,
    piece: Reader<Bytes>,
}

impl Read for Arriving {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if !self.piece.get_ref().has_remaining() {
            let next = self.runtime.block_on(self.answer.chunk()).map_err(io::Error::other)?;
            self.piece = next.unwrap_or_default().reader();
        }
        self.piece.read(room)
    }
}

fn read(recordings: Recordings) -> Result<Told, Diagnostic> {
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
    problem.map_or(Ok(report.told()), Err)
}

fn json(out: &mut impl Write, told: &Told) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string_pretty(told)?)
}

fn print(out: &mut impl Write, colour: Colour, told: &Told) -> io::Result<()> {
    let (exchanges, rows) = (counted(told.exchanges), &told.shadows);
    if rows.is_empty() {
        return writeln!(out, "{exchanges}, and no rule in shadow mode would have fired");
    }
    let widest = |width: fn(&Row) -> usize| rows.iter().map(width).max().unwrap_or_default();
    let route = widest(|row| row.route.chars().count()).max(5);
    let rule = widest(|row| row.rule.chars().count()).max(4);
    writeln!(out, "  {:<route$}  {:<rule$}  from    to   exchanges  doubtful", "route", "rule")?;
    for row in rows {
        let doubtful = format!("{:>8}", row.doubtful.map_or("-".to_owned(), grouped));
        let doubtful = if row.doubtful > Some(0) { colour.red(doubtful) } else { doubtful };
        let (exchanges, to) = (grouped(row.exchanges), to(row));
        writeln!(
            out,
            "  {:<route$}  {:<rule$}  {}  -> {to:<4}  {exchanges:>9}  {doubtful}",
            row.route, row.rule, row.from
        )?;
    }
    rows.iter().try_for_each(|row| print_row(out, colour, row))?;
    if rows.iter().any(|row| row.doubtful.is_none()) {
        writeln!(out, "\nWhat of it is doubtful shows in bodies, and those are kept by `capture:` alone.")?;
    }
    writeln!(out, "\n{exchanges} in all")
}

fn to(row: &Row) -> String {
    row.to.map_or("fail".to_owned(), |status| status.to_string())
}

fn print_row(out: &mut impl Write, colour: Colour, row: &Row) -> io::Result<()> {
    let Row { route, rule, from, exchanges, of, .. } = row;
    writeln!(out, "\n{rule} on {route}: {from} -> {}, {} of {}", to(row), grouped(*exchanges), grouped(*of))?;
    row.examples.iter().try_for_each(|example| print_example(out, colour, example))?;
    if let Some(doubtful @ 1..) = row.doubtful {
        let told = "speaking of no error, and like answers that the rule leaves alone:";
        writeln!(out, "  {} {told}", colour.red(grouped(doubtful)))?;
        row.doubts.iter().try_for_each(|doubt| print_example(out, colour, doubt))?;
    }
    Ok(())
}

fn print_example(out: &mut impl Write, colour: Colour, example: &Example) -> io::Result<()> {
    writeln!(out, "  {}  {}", example.place, example.request)?;
    if example.body.is_empty() { Ok(()) } else { writeln!(out, "    {}", colour.dim(&example.body)) }
}
