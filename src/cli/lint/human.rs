//! Advice for people, 80 columns wide where the user's own text allows.

use std::io::{self, Write};

use super::super::colour::Colour;
use super::super::counted;
use super::fix::Fixed;
use crate::lint::{Advice, Note, Overlap, Report};

const COLUMNS: usize = 80;

/// All of it, and the sum.
pub fn print(out: &mut impl Write, colour: Colour, report: &Report) -> io::Result<()> {
    for advice in &report.advice {
        one(out, colour, advice)?;
    }
    for note in &report.undecided {
        noted(out, colour, note)?;
    }
    for overlap in report.overlaps.iter().flatten() {
        let Overlap { first, second, place, witness } = overlap;
        writeln!(out, "{}: `{first}` comes before `{second}`", colour.dim("overlap"))?;
        writeln!(out, "{}", place.excerpt())?;
        labelled(out, colour, "for", &format!("both match {witness}"))?;
        writeln!(out)?;
    }
    let pieces = report.advice.len();
    if pieces == 0 {
        return writeln!(out, "{}", colour.green("ok: nothing to advise"));
    }
    let fixable = report.advice.iter().filter(|advice| advice.edit.is_some()).count();
    let by_fix =
        if fixable == 0 { String::new() } else { format!(", {fixable} of which `--fix` can follow") };
    writeln!(out, "{}", colour.red(format!("{} of advice{by_fix}", counted(pieces, "piece"))))
}

fn one(out: &mut impl Write, colour: Colour, advice: &Advice) -> io::Result<()> {
    let code = colour.dim(format!("[{}]", advice.lint));
    writeln!(out, "{}: {} {code}", colour.red("advice"), advice.message)?;
    writeln!(out, "{}", advice.place.excerpt())?;
    labelled(out, colour, "why", &advice.reason)?;
    labelled(out, colour, "fix", &advice.fix)?;
    writeln!(out)
}

fn noted(out: &mut impl Write, colour: Colour, note: &Note) -> io::Result<()> {
    writeln!(out, "{}: {}", colour.dim("note"), note.message)?;
    writeln!(out, "{}\n", note.place.excerpt())
}

fn labelled(out: &mut impl Write, colour: Colour, word: &str, text: &str) -> io::Result<()> {
    let label = format!("  = {word}: ");
    for (index, line) in wrapped(text, COLUMNS - label.len()).iter().enumerate() {
        match index {
            0 => writeln!(out, "  {} {line}", colour.dim(format!("= {word}:")))?,
            _ => writeln!(out, "{}{line}", " ".repeat(label.len()))?,
        }
    }
    Ok(())
}

/// Words in lines of so many columns; a longer word has a line of its own.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What `--fix` changed, line by line, and what it could not.
pub fn changes(out: &mut impl Write, colour: Colour, fixed: &Fixed) -> io::Result<()> {
    for file in &fixed.files {
        writeln!(out, "{}", file.name)?;
        for (number, (old, new)) in file.before.lines().zip(file.after.lines()).enumerate() {
            if old != new {
                writeln!(out, "  {}", colour.red(format!("{} - {old}", number + 1)))?;
                writeln!(out, "  {}", colour.green(format!("{} + {new}", number + 1)))?;
            }
        }
        writeln!(out)?;
    }
    for note in &fixed.skipped {
        noted(out, colour, note)?;
    }
    writeln!(out, "{} changed\n", counted(fixed.made(), "place"))
}
