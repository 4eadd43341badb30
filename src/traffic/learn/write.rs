//! A lesson as a configuration with cases: YAML that `serve` takes as it is, and that `test` proves.

use std::collections::BTreeSet;
use std::fmt::Write;

use http::header;
use serde_json::{Value, json};

use super::candidate::{Candidate, Kind, Literal, Test};
use super::lesson::{Lesson, Proposal};
use super::seen::Seen;
use super::status::Answered;
use crate::engine::Exchange;
use crate::traffic::redact::Redaction;

/// The rule set that learnt rules stand in.
const RULE_SET: &str = "learnt";
/// Routes that are named for a rule, and fields.
const NAMED_MAX: usize = 4;

impl Lesson<'_> {
    /// The configuration. Secrets are taken out of the cases.
    pub fn to_yaml(&self, redaction: &Redaction) -> String {
        let mut yaml = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write(&mut yaml, redaction);
        yaml
    }

    fn write(&self, out: &mut String, redaction: &Redaction) -> std::fmt::Result {
        writeln!(out, "# Learnt from answers with a status of success: {}.", self.answers)?;
        if self.honest > 0 {
            writeln!(out, "# Left out, as their status says what happened: {}.", self.honest)?;
        }
        for (place, why) in &self.odd {
            writeln!(out, "# Worth a look: {place}: {why}.")?;
        }
        if self.proposals.is_empty() {
            return writeln!(out, "# Nothing in them looks enough like an error for a rule.");
        }
        writeln!(out, "version: 1\nrule_sets:\n  {RULE_SET}:")?;
        let (rules, envelopes): (Vec<&Proposal>, Vec<&Proposal>) =
            self.proposals.iter().partition(|proposal| proposal.candidate.kind != Kind::Envelope);
        for envelope in &envelopes {
            self.about(out, "    ", envelope)?;
            writeln!(out, "    envelope: auto")?;
        }
        if !rules.is_empty() {
            writeln!(out, "    rules:")?;
        }
        for rule in rules {
            self.about(out, "      ", rule)?;
            writeln!(out, "      - name: {}", rule.name)?;
            writeln!(out, "        when: {}", self.condition(rule, !envelopes.is_empty()))?;
            writeln!(out, "        then: {}", self.action(&rule.answered))?;
        }
        writeln!(out, "cases:")?;
        self.proposals.iter().try_for_each(|proposal| self.cases(out, proposal, redaction))?;
        self.good_cases(out, redaction)
    }

    /// What speaks for a rule.
    fn about(&self, out: &mut String, indent: &str, proposal: &Proposal) -> std::fmt::Result {
        let (support, confidence) = (proposal.support(), proposal.confidence());
        let answers = if support == 1 { "answer" } else { "answers" };
        writeln!(
            out,
            "{indent}# {support} {answers}, confidence {confidence:.2}: {}",
            some(&proposal.routes)
        )?;
        if !proposal.only.is_empty() {
            writeln!(out, "{indent}# only these have {}", some(&proposal.only))?;
        }
        Ok(())
    }

    fn condition(&self, proposal: &Proposal, has_envelopes: bool) -> String {
        let Candidate { path, test, without, kind, is_local, .. } = &proposal.candidate;
        let mut parts = vec![r"status: '2\d{2}'".to_owned()];
        if *is_local {
            parts.push(format!("path: {}", paths(&proposal.routes)));
        }
        let mut not = Vec::new();
        let Some(path) = path.map(|path| self.observations.paths.name(path)) else {
            if let Test::Search(words) = test {
                let flags = if *kind == Kind::Complaint { "(?i)" } else { "" };
                parts.push(format!("body: {{ search: {} }}", scalar(&format!("{flags}{words}"))));
            }
            return format!("{{ {} }}", parts.join(", "));
        };
        let is_list = self.is_list(proposal);
        let subject = subject(path, is_list);
        parts.push(subject.clone());
        match test {
            Test::IsErrorStatus => parts.push(r"matches: '[45]\d{2}'".to_owned()),
            Test::In(values) => parts.push(asked_for(values)),
            Test::NotIn(values) if !values.is_empty() && !is_list => {
                not.push(format!("{{ {subject}, {} }}", asked_for(values)));
            }
            Test::Search(words) => parts.push(format!("search: {}", scalar(&format!("(?i){words}")))),
            Test::NotIn(_) | Test::IsEnvelope => {}
        }
        if let Some(without) = without {
            not.push(format!("{{ {} }}", self::subject(self.observations.paths.name(*without), false)));
        }
        if has_envelopes && path == "$.statusCode" {
            not.push("{ json: $.body }".to_owned());
        }
        match not.as_slice() {
            [] => {}
            [one] => parts.push(format!("not: {one}")),
            several => parts.push(format!("not: {{ any: [{}] }}", several.join(", "))),
        }
        format!("{{ {} }}", parts.join(", "))
    }

    /// Whether the field is a list, which is there when it has a first item.
    fn is_list(&self, proposal: &Proposal) -> bool {
        let Some(path) = proposal.candidate.path else { return false };
        let first = format!(" {}:list", self.observations.paths.name(path));
        proposal.candidate.matches.iter().all(|index| {
            let seen = self.observations.seen.get(*index);
            seen.is_some_and(|seen| {
                format!("{} ", self.observations.shapes.name(seen.shape)).contains(&format!("{first} "))
            })
        })
    }

    fn action(&self, answered: &Answered) -> String {
        let from = |path: usize| {
            let path = self.observations.paths.name(path);
            let path = if path.starts_with('$') { path.to_owned() } else { format!("xml.{path}") };
            scalar(&path)
        };
        match answered {
            Answered::Unwrapped => "{}".to_owned(),
            Answered::From(path) => format!("{{ status: {{ from: {} }} }}", from(*path)),
            Answered::Captured => "{ status: { from: capture.status } }".to_owned(),
            Answered::With(status) => format!("{{ status: {status} }}"),
            Answered::Table { path, rows, default } => {
                let row = |(value, status): (&Literal, &u16)| format!("{}: {status}", scalar(&value.text));
                let rows: Vec<String> = rows.iter().map(row).collect();
                let (from, rows) = (from(*path), rows.join(", "));
                format!("{{ status: {{ from: {from}, table: {{ {rows} }}, default: {default} }} }}")
            }
        }
    }

    fn cases(&self, out: &mut String, proposal: &Proposal, redaction: &Redaction) -> std::fmt::Result {
        let label = format!("{RULE_SET}/{}", proposal.name);
        for (index, seen) in proposal.examples(self.observations) {
            let status = proposal.answered.status(seen, self.observations);
            let status = status.map(|status| format!("status: {status}, ")).unwrap_or_default();
            let by = match proposal.candidate.kind {
                Kind::Envelope => "verdict: rewrite".to_owned(),
                _ => format!("rule: {label}"),
            };
            self.case(out, index, seen, &format!("{{ {status}{by} }}"), redaction)?;
        }
        Ok(())
    }

    /// A good answer of each route that a rule was seen on.
    fn good_cases(&self, out: &mut String, redaction: &Redaction) -> std::fmt::Result {
        let ruled: BTreeSet<&str> =
            self.proposals.iter().flat_map(|proposal| &proposal.routes).map(String::as_str).collect();
        let covered: BTreeSet<usize> =
            self.proposals.iter().flat_map(|proposal| &proposal.candidate.matches).copied().collect();
        let mut proved: BTreeSet<usize> = BTreeSet::new();
        for (index, seen) in self
            .observations
            .examples
            .keys()
            .filter_map(|index| Some((*index, self.observations.seen.get(*index)?)))
        {
            let is_good = !seen.is_suspect() && !covered.contains(&index);
            if is_good
                && ruled.contains(self.observations.routes.name(seen.route))
                && proved.insert(seen.route)
            {
                self.case(out, index, seen, "{ verdict: pass, body: same }", redaction)?;
            }
        }
        Ok(())
    }

    fn case(
        &self,
        out: &mut String,
        index: usize,
        seen: &Seen,
        expected: &str,
        redaction: &Redaction,
    ) -> std::fmt::Result {
        let Some(Exchange { request, answer }) = self.observations.examples.get(&index) else {
            return Ok(());
        };
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        let target = redaction.text(target);
        let place = self.observations.place(seen);
        let Ok(body) = str::from_utf8(&answer.body) else { return Ok(()) };
        let content_type = answer.head.header(header::CONTENT_TYPE);
        let content_type =
            content_type.map(|value| format!("headers: {{ content-type: {} }}, ", scalar(value)));
        writeln!(out, "  - name: {}", scalar(&format!("{} {target} ({place})", request.method)))?;
        writeln!(out, "    request: {{ method: {}, path: {} }}", request.method, scalar(&target))?;
        let status = answer.head.status.as_u16();
        let status = if status == 200 { String::new() } else { format!("status: {status}, ") };
        let body = scalar(&redaction.text(body));
        writeln!(out, "    upstream: {{ {status}{}body: {body} }}", content_type.unwrap_or_default())?;
        writeln!(out, "    expect: {expected}")
    }

    /// The machine-readable form.
    pub fn to_json(&self) -> Value {
        let has_envelopes = self.proposals.iter().any(|proposal| proposal.candidate.kind == Kind::Envelope);
        let proposal = |proposal: &Proposal| {
            let examples = proposal.examples(self.observations);
            json!({
                "name": proposal.name,
                "when": self.condition(proposal, has_envelopes),
                "then": self.action(&proposal.answered),
                "envelope": proposal.candidate.kind == Kind::Envelope,
                "support": proposal.support(),
                "confidence": (proposal.confidence() * 1000.0).round() / 1000.0,
                "routes": proposal.routes,
                "only": proposal.only,
                "examples": examples.iter().map(|(_, seen)| self.observations.place(seen)).collect::<Vec<_>>(),
            })
        };
        let odd = |(place, why): &(String, String)| json!({ "place": place, "why": why });
        json!({
            "answers": self.answers,
            "honest": self.honest,
            "rules": self.proposals.iter().map(proposal).collect::<Vec<_>>(),
            "odd": self.odd.iter().map(odd).collect::<Vec<_>>(),
        })
    }
}

/// `json: $.a` or `xml: a/b`.
fn subject(path: &str, is_list: bool) -> String {
    match path.strip_prefix('$') {
        Some(_) if is_list => format!("json: {}", scalar(&format!("{path}[0]"))),
        Some(_) => format!("json: {}", scalar(path)),
        None => format!("xml: {}", scalar(path)),
    }
}

/// One of these values. The text of a number in a text is a text.
fn asked_for(values: &[Literal]) -> String {
    let value = |literal: &Literal| match literal.is_text {
        true => serde_json::to_string(&literal.text).unwrap_or_default(),
        false => literal.text.clone(),
    };
    match values {
        [one] => format!("equals: {}", value(one)),
        several => format!("in: [{}]", several.iter().map(value).collect::<Vec<_>>().join(", ")),
    }
}

/// A pattern for the paths of these routes.
fn paths(routes: &[String]) -> String {
    let pattern = |route: &String| {
        let path = route.split_once(' ').map_or("", |(_, path)| path);
        regex::escape(path).replace(r"\{id\}", "[^/]+")
    };
    let patterns: BTreeSet<String> = routes.iter().map(pattern).collect();
    scalar(&patterns.into_iter().collect::<Vec<_>>().join("|"))
}

/// Some of many.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        Some(more) => format!("{shown} and {more} more"),
        None => shown,
    }
}

/// A text as YAML within braces, and as itself where a configuration has variables.
fn scalar(text: &str) -> String {
    let text = text.replace("${", "$${");
    let is_plain = text
        .starts_with(|first: char| first.is_ascii_alphabetic() || first == '$' || first == '/')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "$._/-".contains(character))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text;
    }
    if text.chars().any(char::is_control) {
        return serde_json::to_string(&text).unwrap_or_default();
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_so_that_they_are_read_as_they_are() {
        let check = |text: &str, expected: &str| assert_eq!(scalar(text), expected);
        check("$.error.code", "$.error.code");
        check("404", "'404'");
        check("no", "'no'");
        check("it's", "'it''s'");
        check("a\nb", "\"a\\nb\"");
        check("${x}", "'$${x}'");
        check("{\"a\":1}", "'{\"a\":1}'");
    }
}
