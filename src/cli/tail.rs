//! `candor tail`: exchanges as they come, in a terminal: what the console's Live shows, from the same events.

use std::io::{self, Write};

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::colour::{Colour, When};
use super::remote::Remote;
use super::{Exit, Format};
use crate::diagnostic::Diagnostic;

/// Arguments of `tail`.
#[derive(Debug, Clone, Args)]
pub struct TailArgs {
    #[command(flatten)]
    remote: Remote,
    /// Only exchanges with one of these verdicts, separated by commas: pass, rewrite, undecided, failed, none
    #[arg(
        long,
        value_name = "WORDS",
        default_value = "rewrite,undecided,failed,none",
        conflicts_with = "all"
    )]
    verdict: String,
    /// Exchanges that passed as well
    #[arg(long)]
    all: bool,
    /// Only exchanges whose status begins so: 404, 4
    #[arg(long, value_name = "CODE")]
    status: Option<String>,
    /// Only exchanges of this route
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Only exchanges with this text in their id, path, route, rule, reason or error
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// How many of the past come first
    #[arg(long, value_name = "N", default_value_t = 10)]
    last: usize,
    /// How exchanges are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// When lines are coloured
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: When,
}

/// Runs the command until the sidecar ends or nobody reads any more.
pub fn run(arguments: &TailArgs) -> Exit {
    let told = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Diagnostic::error(error.to_string()))
        .and_then(|runtime| runtime.block_on(follow(arguments)));
    match told {
        Ok(()) => Exit::Fine,
        Err(problem) => {
            eprintln!("{problem}");
            Exit::CouldNot
        }
    }
}

async fn follow(arguments: &TailArgs) -> Result<(), Diagnostic> {
    let sidecar = arguments.remote.connection()?;
    let mut answer = sidecar.ask(Method::GET, "/api/v1/live", &arguments.filter()).await?;
    let mut events = Events::default();
    let colour = Colour::of(arguments.color, &io::stdout());
    while let Some(piece) = answer.chunk().await.map_err(|error| sidecar.lost(&error))? {
        for seen in events.take(&piece) {
            let mut out = io::stdout().lock();
            let written = match arguments.format {
                Format::Human => writeln!(out, "{}", line(&seen, colour)),
                Format::Json => writeln!(out, "{seen}"),
            };
            // A reader that has seen enough (`| head`) is no failure.
            if written.and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl TailArgs {
    fn filter(&self) -> Vec<(&'static str, String)> {
        let given = [("status", &self.status), ("route", &self.route), ("text", &self.text)];
        let mut filter = vec![("last", self.last.to_string())];
        filter.extend(given.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        if !self.all {
            filter.push(("verdict", self.verdict.clone()));
        }
        filter
    }
}

/// Server-sent events as they come, in pieces of any size.
#[derive(Debug, Default)]
struct Events {
    waiting: Vec<u8>,
}

impl Events {
    /// What is complete with this piece. Each event's data is on one line.
    fn take(&mut self, piece: &[u8]) -> Vec<Value> {
        self.waiting.extend_from_slice(piece);
        let Some(end) = self.waiting.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let rest = self.waiting.split_off(end + 1);
        let lines = std::mem::replace(&mut self.waiting, rest);
        let data = lines.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:"));
        data.filter_map(|data| serde_json::from_slice(data).ok()).collect()
    }
}

/// An exchange on one line.
fn line(seen: &Value, colour: Colour) -> String {
    let text = |key: &str| seen.get(key).and_then(Value::as_str).unwrap_or("-");
    let number = |key: &str| seen.get(key).and_then(Value::as_u64);
    let shown = |status: Option<u64>| status.map_or("---".to_owned(), |status| status.to_string());
    let (from, to) = (shown(number("upstream_status")), number("status"));
    let is_error = to.is_none_or(|status| status >= 400);
    let to = if is_error { colour.red(shown(to)) } else { colour.green(shown(to)) };
    let by_api = seen.get("by_api").and_then(Value::as_bool).unwrap_or_default();
    let by = ["rule", "verdict", "gateway_response", "integration_response"].map(text);
    let nobody = if by_api { "API" } else { "no answer" };
    let by = by.into_iter().find(|word| *word != "-").unwrap_or(nobody);
    let why = [text("reason"), text("error")].into_iter().find(|word| *word != "-");
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let (took, id) = (seen.get("total_ms").and_then(Value::as_f64).unwrap_or_default(), text("request_id"));
    let rest = colour.dim(format!("{took:.1} ms  {id}"));
    format!("{from} -> {to}  {} {}  {by}{why}  {rest}", text("method"), text("path"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_in_whatever_pieces_they_come() {
        let text = b"event: exchange\ndata: {\"a\":1}\n\n:\n\nevent: exchange\ndata: {\"a\":2}\n\n";
        for size in 1..=text.len() {
            let mut events = Events::default();
            let seen: Vec<Value> = text.chunks(size).flat_map(|piece| events.take(piece)).collect();
            assert_eq!(seen, [json!({ "a": 1 }), json!({ "a": 2 })], "in pieces of {size}");
        }
    }

    #[test]
    fn an_exchange_is_one_line() {
        let check = |seen: Value, expected: &str| {
            assert_eq!(line(&seen, Colour::of(When::Never, &io::stdout())), expected);
        };
        check(
            json!({
                "method": "GET", "path": "/orders/17", "upstream_status": 200, "status": 404, "verdict": "rewrite",
                "rule": "orders/gone", "reason": null, "error": null, "total_ms": 1.25, "request_id": "id-1",
            }),
            "200 -> 404  GET /orders/17  orders/gone  1.2 ms  id-1",
        );
        check(
            json!({ "status": 502, "verdict": null, "error": "the upstream refused", "total_ms": 0.5, "request_id": "x" }),
            "--- -> 502  - -  no answer: the upstream refused  0.5 ms  x",
        );
        check(
            json!({ "upstream_status": 200, "status": 400, "by_api": true, "integration_response": ".*4.* -> 400",
                "method": "GET", "path": "/x", "total_ms": 0.5, "request_id": "x" }),
            "200 -> 400  GET /x  .*4.* -> 400  0.5 ms  x",
        );
        check(
            json!({ "upstream_status": 200, "status": 200, "by_api": true, "total_ms": 0.5, "request_id": "x" }),
            "200 -> 200  - -  API  0.5 ms  x",
        );
    }
}
