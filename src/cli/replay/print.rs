//! The result of a replay: for people a table and examples, for programs one JSON document, written while exchanges
//! go by so that it may be of any length.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::Format;
use super::super::colour::Colour;
use super::super::traffic::{counted, grouped};
use crate::diagnostic::Diagnostic;
use crate::traffic::tally::{Allowed, Change, Difference, Tally};
use crate::traffic::{Recorded, Summary};

/// Exchanges of one kind that are shown unless all are wanted.
const EXAMPLES: u64 = 3;

/// What is told, and how.
pub struct Report<'a> {
    format: Format,
    colour: Colour,
    /// Whether two configurations are compared.
    compares: bool,
    allowed: &'a [Allowed],
    /// Exchanges of one kind that are shown.
    shown_max: u64,
    /// Exchanges that were told of as they went by.
    told: u64,
    examples: BTreeMap<Change, Vec<String>>,
}

/// One exchange that changes.
pub struct Told<'t> {
    /// Where it was recorded.
    pub file: &'t str,
    /// It.
    pub recorded: &'t Recorded,
    /// What becomes of it.
    pub change: &'t Change,
    /// How many came before it to which the same happens.
    pub earlier: u64,
}

impl<'a> Report<'a> {
    /// Nothing is told yet.
    pub fn new(
        format: Format,
        colour: Colour,
        compares: bool,
        allowed: &'a [Allowed],
        all: bool,
    ) -> Report<'a> {
        let shown_max = if all { u64::MAX } else { EXAMPLES };
        let examples = BTreeMap::new();
        Report { format, colour, compares, allowed, shown_max, told: 0, examples }
    }

    /// What comes before all exchanges.
    pub fn begin(&self, out: &mut impl Write) -> io::Result<()> {
        if self.format == Format::Json { write!(out, "{{\"changes\":[") } else { Ok(()) }
    }

    /// An exchange that changes.
    pub fn exchange(&mut self, out: &mut impl Write, told: Told<'_>) -> io::Result<()> {
        let request = &told.recorded.exchange.request;
        if self.format == Format::Json {
            let comma = if self.told == 0 { "" } else { "," };
            self.told += 1;
            let exchange = json!({
                "file": told.file,
                "number": told.recorded.number,
                "method": request.method.as_str(),
                "url": request.uri.to_string(),
                "change": self.to_json(told.change),
            });
            return write!(out, "{comma}\n{exchange}");
        }
        if told.earlier < self.shown_max {
            let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
            let line = format!("{} #{}  {} {target}", told.file, told.recorded.number, request.method);
            self.examples.entry(told.change.clone()).or_default().push(line);
        }
        Ok(())
    }

    /// The reading broke off.
    pub fn broken(&self, out: &mut impl Write, problem: &Diagnostic) -> io::Result<()> {
        if self.format == Format::Json {
            return writeln!(out, "],\n\"error\":{}}}", problem.to_json());
        }
        Ok(())
    }

    /// All exchanges have gone by.
    pub fn end(&self, out: &mut impl Write, tally: &Tally, summary: Summary) -> io::Result<()> {
        match self.format {
            Format::Json => self.end_json(out, tally, summary),
            Format::Human => self.end_human(out, tally, summary),
        }
    }

    fn is_allowed(&self, change: &Change) -> bool {
        self.allowed.iter().any(|allowed| allowed.covers(change))
    }

    fn end_json(&self, out: &mut impl Write, tally: &Tally, summary: Summary) -> io::Result<()> {
        let row = |(change, count): (&Change, u64)| {
            let mut row = self.to_json(change);
            if let Value::Object(row) = &mut row {
                row.insert("exchanges".to_owned(), count.into());
            }
            row
        };
        let table: Vec<Value> = tally.rows().map(row).collect();
        let forbidden = if self.compares { tally.forbidden(self.allowed) } else { 0 };
        let Summary { exchanges, cut, skipped } = summary;
        writeln!(out, "],\n\"table\":{},", Value::Array(table))?;
        writeln!(
            out,
            "\"exchanges\":{exchanges},\"changed\":{},\"forbidden\":{forbidden},\"cut\":{cut},\"skipped\":{skipped}}}",
            tally.changed()
        )
    }

    fn to_json(&self, change: &Change) -> Value {
        json!({
            "from": change.from.as_u16(),
            "to": change.to.as_u16(),
            "by": change.by,
            "now_by": change.now_by,
            "difference": match change.difference {
                Difference::None => "none",
                Difference::Status => "status",
                Difference::Answer => "answer",
            },
            "allowed": !change.is_seen() || !self.compares || self.is_allowed(change),
        })
    }

    fn end_human(&self, out: &mut impl Write, tally: &Tally, summary: Summary) -> io::Result<()> {
        let (from, to) = if self.compares { ("old", "new") } else { ("upstream", "client") };
        writeln!(out, "  {from:<8}     {to:<6}  {:>11}  rule", "exchanges")?;
        for (change, count) in tally.rows() {
            let arrow = match change.difference {
                Difference::Status => "->",
                Difference::None => "  ",
                Difference::Answer => "~>",
            };
            let rule = if self.compares { change.to_string() } else { change.now_by.clone() };
            let to = self.painted(change);
            writeln!(out, "  {:<8}  {arrow} {to}     {:>11}  {rule}", change.from.as_u16(), grouped(count))?;
        }
        self.print_examples(out, tally)?;
        self.print_sum(out, tally, summary)
    }

    fn painted(&self, change: &Change) -> String {
        let status = change.to.as_u16();
        match (change.is_seen(), self.compares) {
            (false, _) => status.to_string(),
            (true, true) if !self.is_allowed(change) => self.colour.red(status),
            (true, _) => self.colour.green(status),
        }
    }

    fn print_examples(&self, out: &mut impl Write, tally: &Tally) -> io::Result<()> {
        for (change, count) in tally.rows().filter(|(change, _)| change.is_seen()) {
            let Some(examples) = self.examples.get(change) else { continue };
            writeln!(out, "\n{} -> {}  {change}", change.from.as_u16(), self.painted(change))?;
            for example in examples {
                writeln!(out, "  {example}")?;
            }
            if let Some(more) = count.checked_sub(examples.len() as u64).filter(|more| *more > 0) {
                writeln!(out, "  … {} more, shown with `--all`", grouped(more))?;
            }
        }
        Ok(())
    }

    fn print_sum(&self, out: &mut impl Write, tally: &Tally, summary: Summary) -> io::Result<()> {
        let Summary { exchanges, cut, skipped } = summary;
        writeln!(out, "\n{} replayed, {} changed", counted(exchanges), grouped(tally.changed()))?;
        if cut > 0 {
            writeln!(out, "{} without the end of the body: rules that need it are undecided", counted(cut))?;
        }
        if skipped > 0 {
            writeln!(out, "{} left out: no answer, or not HTTP", counted(skipped))?;
        }
        if !self.compares || tally.changed() == 0 {
            return Ok(());
        }
        match tally.forbidden(self.allowed) {
            0 => writeln!(out, "{}", self.colour.green("every change is allowed")),
            count => {
                let told = format!("{} changed in a way that no `--allow` covers", counted(count));
                writeln!(out, "{}", self.colour.red(told))
            }
        }
    }
}
