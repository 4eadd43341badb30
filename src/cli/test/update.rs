//! `--update`: what came out becomes what is expected, in the files themselves, after the difference is shown. A file
//! is written only when that makes cases hold and breaks none.

use std::fs;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use super::super::colour::Colour;
use super::super::{Exit, counted};
use super::human;
use super::rewrite::Edit;
use super::suite::{Suite, Tested, Tried};
use crate::case::{Decision, Mismatch};
use crate::diagnostic::{Diagnostics, Source};
use crate::document::{self, Entry, Node};
use crate::engine::outcome::Verdict;

/// Shows every difference, writes the files, and tells what has to be done by hand.
pub fn update(out: &mut impl Write, colour: Colour, suite: &Suite) -> io::Result<Exit> {
    let (mut changed, mut left) = (0, 0);
    for file in &suite.files {
        let failed: Vec<&Tried> = file.results.iter().filter(|tried| !tried.holds()).collect();
        if failed.is_empty() {
            continue;
        }
        writeln!(out, "{}", file.source.name)?;
        for tried in &failed {
            human::failure(out, colour, tried)?;
        }
        let updated = updated(suite, file, &failed)?;
        changed += updated;
        left += failed.len() - updated;
    }
    writeln!(out, "{} updated, {left} left to be changed by hand", counted(changed, "case"))?;
    Ok(if left == 0 { Exit::Fine } else { Exit::No })
}

/// Writes the file as it should be; how many of its cases hold then that did not.
fn updated(suite: &Suite, file: &Tested, failed: &[&Tried]) -> io::Result<usize> {
    let edits = edits(file, failed);
    let text = Edit::apply(edits.into_iter().flatten().collect(), &file.source.text);
    let held = suite.held(&Source::new(&file.source.name, &text));
    let is_damaged = file.results.iter().any(|tried| tried.holds() && !held.contains(&tried.case.name));
    let updated = failed.iter().filter(|tried| held.contains(&tried.case.name)).count();
    if is_damaged || updated == 0 {
        return Ok(0);
    }
    fs::write(&file.source.name, text)?;
    Ok(updated)
}

/// The edits of every case that can be edited.
fn edits(file: &Tested, failed: &[&Tried]) -> Vec<Vec<Edit>> {
    let Some(root) = document::parse(&file.source, &mut Diagnostics::default()) else { return Vec::new() };
    let cases = root.entry("cases").map(|cases| cases.node.list_or_one()).unwrap_or_default();
    let written = |tried: &&&Tried| {
        let case = cases.iter().find(|case| case.place == tried.case.place)?;
        // A row of a table is not written there.
        if case.entry("each").is_some() {
            return None;
        }
        let expected = &case.entry("expect")?.node;
        tried.mismatches.iter().map(|mismatch| edit(expected, mismatch, tried)).collect::<Option<Vec<Edit>>>()
    };
    failed.iter().filter_map(|tried| written(&tried)).map(without_repetitions).collect()
}

/// Two mismatches may be about one value.
fn without_repetitions(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.dedup();
    edits
}

fn edit(expected: &Node, mismatch: &Mismatch, tried: &Tried) -> Option<Edit> {
    let what = mismatch.what.as_str();
    if let Some(name) = what.strip_prefix("header `").and_then(|name| name.strip_suffix('`')) {
        let headers = &expected.entry("headers")?.node;
        let entry = headers.entries("`headers`", &mut Diagnostics::default())?;
        let entry = entry.iter().find(|entry| entry.key.eq_ignore_ascii_case(name))?;
        return Edit::of(entry, &header(tried, name));
    }
    if what == "body" || what.starts_with("body at ") {
        let entry = ["body", "json", "json_subset", "base64"].iter().find_map(|key| expected.entry(key))?;
        return Edit::of(entry, &body(entry, tried)?);
    }
    Edit::of(expected.entry(what)?, &value(what, tried)?)
}

/// JSON is YAML too, on one line.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

fn header(tried: &Tried, name: &str) -> String {
    let values = tried.played.headers.get_all(name).iter();
    let values: Vec<String> =
        values.map(|value| quoted(&String::from_utf8_lossy(value.as_bytes()))).collect();
    match values.as_slice() {
        [] => "null".to_owned(),
        [value] => value.clone(),
        values => format!("[{}]", values.join(", ")),
    }
}

fn body(entry: &Entry, tried: &Tried) -> Option<String> {
    let body = &tried.played.body;
    match entry.key.as_str() {
        "json" | "json_subset" => serde_json::from_slice::<Json>(body).ok().map(|body| body.to_string()),
        "base64" => Some(quoted(&STANDARD.encode(body))),
        _ => str::from_utf8(body).ok().map(quoted),
    }
}

fn value(key: &str, tried: &Tried) -> Option<String> {
    let played = &tried.played;
    match (key, &played.decision) {
        ("status", _) => Some(played.status.as_u16().to_string()),
        ("reason", _) => Some(quoted(&played.reason)),
        ("verdict", Decision::Made { verdict, .. }) => Some(verdict.word().to_owned()),
        ("rule", Decision::Made { verdict, .. }) => Some(quoted(verdict.rule().unwrap_or("none"))),
        ("shadows", Decision::Made { shadows, .. }) => {
            let rules: Vec<String> = shadows.iter().map(|shadow| quoted(&shadow.rule)).collect();
            Some(format!("[{}]", rules.join(", ")))
        }
        ("bypass", Decision::Made { verdict: verdict @ Verdict::PassThrough { .. }, .. }) => {
            Some(quoted(verdict.reason().as_deref().unwrap_or("none")))
        }
        ("fault", Decision::Carried { fault, .. }) => {
            Some(fault.as_ref().map_or("none", |fault| fault.kind.name()).to_owned())
        }
        _ => None,
    }
}
