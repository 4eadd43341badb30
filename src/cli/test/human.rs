//! Results for people.

use std::io::{self, Write};

use super::super::colour::Colour;
use super::super::counted;
use super::suite::{Suite, Tried};
use crate::case::{Coverage, Mismatch};

/// A line for every file, more for cases that do not hold, and the sum.
pub fn results(out: &mut impl Write, colour: Colour, suite: &Suite) -> io::Result<()> {
    for file in &suite.files {
        let failed = file.results.iter().filter(|tried| !tried.holds()).count();
        let word = if failed == 0 { colour.green("ok  ") } else { colour.red("FAIL") };
        writeln!(out, "{word} {} ({})", file.source.name, counted(file.results.len(), "case"))?;
        for tried in file.results.iter().filter(|tried| !tried.holds()) {
            failure(out, colour, tried)?;
        }
    }
    let (all, failed) = suite.counts();
    let sum = format!("{}: {} held, {failed} failed", counted(all, "case"), all - failed);
    writeln!(out, "\n{}", if failed == 0 { colour.green(sum) } else { colour.red(sum) })
}

/// A case that does not hold: what is not as expected, and why it came out so.
pub fn failure(out: &mut impl Write, colour: Colour, tried: &Tried) -> io::Result<()> {
    let place = &tried.case.place;
    writeln!(out, "  {} {}", colour.red(&tried.case.name), colour.dim(format!("{place}")))?;
    for mismatch in &tried.mismatches {
        difference(out, colour, mismatch)?;
    }
    for line in tried.why() {
        writeln!(out, "      {}", colour.dim(line))?;
    }
    Ok(())
}

/// What should be there, and what is.
pub fn difference(out: &mut impl Write, colour: Colour, mismatch: &Mismatch) -> io::Result<()> {
    writeln!(out, "    {}", mismatch.what)?;
    for line in mismatch.expected.lines() {
        writeln!(out, "      {}", colour.red(format!("- {line}")))?;
    }
    for line in mismatch.got.lines() {
        writeln!(out, "      {}", colour.green(format!("+ {line}")))?;
    }
    Ok(())
}

/// What no case has asked.
pub fn coverage(
    out: &mut impl Write,
    colour: Colour,
    coverage: &Coverage,
    least: Option<u8>,
) -> io::Result<()> {
    let mut file = None;
    for gap in coverage.gaps() {
        if file.as_ref() != Some(&gap.file) {
            writeln!(out, "\n{}", gap.file)?;
            file = Some(gap.file);
        }
        writeln!(out, "  {}", gap.name)?;
        for never in gap.never {
            writeln!(out, "    {}", colour.red(never))?;
        }
    }
    let percent = coverage.ratio() * 100.0;
    let all = match coverage.len() {
        1 => "1 rule or method".to_owned(),
        count => format!("{count} rules and methods"),
    };
    let sum = format!("coverage: {percent:.1} % of what {all} can do");
    let is_enough = least.is_none_or(|least| percent >= f64::from(least));
    let asked = least.filter(|_| !is_enough).map(|least| format!(", and {least} % is asked for"));
    let sum = sum + asked.as_deref().unwrap_or_default();
    writeln!(out, "\n{}", if is_enough { colour.green(sum) } else { colour.red(sum) })
}
