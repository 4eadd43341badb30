//! The stages of an exchange with an API as `explain` prints them, in the order and the words of API Gateway's own test
//! page.

use std::io::{self, Write};

use http::StatusCode;
use serde_json::{Value, json};

use super::api::{Explanation, Sent};
use crate::apigateway::execute::{
    Answer, BodyBy, Considered, Failure, Fault, Finished, Headers, Tested, Trace, Tried,
};
use crate::apigateway::model::Verb;

impl Explanation<'_> {
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.print_request(out)?;
        if let Some(call) = &self.call {
            self.print_call(call, out)?;
        }
        match &self.outcome {
            Some(Ok(answer)) => print_answer("endpoint response", answer, "before transformations", out)?,
            Some(Err(failure)) => writeln!(out, "endpoint response\n  none: {}\n", word(*failure))?,
            None => {}
        }
        let Some(finished) = &self.finished else { return Ok(()) };
        if let Some(considered) = self.trace.as_deref().and_then(|trace| trace.selection.as_ref()) {
            print_selection(considered, out)?;
        }
        match &finished.fault {
            Some(fault) => self.print_fault(fault, finished, out),
            None => self.print_response(finished, out),
        }
    }

    fn print_request(&self, out: &mut impl Write) -> io::Result<()> {
        let request = &self.request;
        writeln!(out, "method request")?;
        match &self.method {
            Some(method) => {
                let place = format!("{}:{}", method.place.source.name, method.place.line);
                writeln!(out, "  {} {}, {place}", verb(&method.verb), method.resource)?;
            }
            None => {
                writeln!(out, "  no method for {} {}{}", request.method, request.path, self.but_others())?
            }
        }
        print_pairs("path", &request.path_parameters, out)?;
        let trace = self.trace.as_deref();
        print_pairs("query string", trace.map(|trace| &trace.query[..]).unwrap_or_default(), out)?;
        print_headers(trace.map_or(&request.headers, |trace| &trace.headers), out)?;
        print_body("body before transformations", &request.body, out)?;
        writeln!(out)
    }

    fn but_others(&self) -> String {
        match self.others().as_slice() {
            [] => String::new(),
            others => format!("; there is one for {}", others.join(", ")),
        }
    }

    fn print_call(&self, call: &Sent, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "endpoint request\n  {} {}", call.method, call.target)?;
        let trace = self.trace.as_deref();
        print_left_out("integration.request.", trace, out)?;
        print_headers(&call.headers, out)?;
        print_mapped_body(trace.and_then(|trace| trace.request_body.as_ref()), &call.body, out)?;
        writeln!(out)
    }

    fn print_response(&self, finished: &Finished, out: &mut impl Write) -> io::Result<()> {
        let trace = self.trace.as_deref();
        let Answer { status, headers, body } = &finished.answer;
        let is_overridden = trace.is_some_and(|trace| trace.overridden.iter().any(|name| name == "status"));
        let by = if is_overridden { ", by `$context.responseOverride.status`" } else { "" };
        writeln!(out, "method response\n  {status}{by}")?;
        if let Some(ignored) = trace.and_then(|trace| trace.ignored_status.as_ref()) {
            writeln!(out, "  `{ignored}` in `$context.responseOverride.status` is no status: ignored")?;
        }
        print_left_out("method.response.", trace, out)?;
        print_headers(headers, out)?;
        print_mapped_body(trace.and_then(|trace| trace.answer_body.as_ref()), body, out)?;
        for misfit in &finished.misfits {
            writeln!(out, "  does not fit its model: {misfit}")?;
        }
        print_end(*status, out)
    }

    fn print_fault(&self, fault: &Fault, finished: &Finished, out: &mut impl Write) -> io::Result<()> {
        let Answer { status, headers, body } = &finished.answer;
        let written = if self.is_customised(fault) { "written in the definition" } else { "built in" };
        writeln!(out, "gateway response\n  {}, {written}", fault.kind.name())?;
        writeln!(out, "  because: {}", fault.cause)?;
        writeln!(out, "  {status}")?;
        print_headers(headers, out)?;
        print_body("body", body, out)?;
        print_end(*status, out)
    }

    fn is_customised(&self, fault: &Fault) -> bool {
        self.api.gateway_responses.of(fault.kind).is_some()
    }

    pub fn to_json(&self) -> Value {
        let trace = self.trace.as_deref();
        let request = &self.request;
        let headers = trace.map_or(&request.headers, |trace| &trace.headers);
        let finished = self.finished.as_ref();
        let chosen = finished.and_then(|finished| finished.chosen.as_ref());
        json!({
            "method_request": {
                "method": request.method.as_str(),
                "resource": self.method.as_ref().map(|method| &*method.resource),
                "place": self.method.as_ref().map(|method| method.place.to_string()),
                "path": pairs(&request.path_parameters),
                "query_string": trace.map(|trace| pairs(&trace.query)),
                "headers": lines(headers),
                "body": text(&request.body),
            },
            "endpoint_request": self.call.as_ref().map(|call| json!({
                "method": call.method.as_str(),
                "target": call.target,
                "headers": lines(&call.headers),
                "body": text(&call.body),
                "body_by": trace.and_then(|trace| trace.request_body.as_ref()).map(by_json),
            })),
            "endpoint_response": self.outcome.as_ref().map(|outcome| match outcome {
                Ok(answer) => answer_json(answer),
                Err(failure) => json!({ "failure": word(*failure) }),
            }),
            "selection": trace.and_then(|trace| trace.selection.as_ref()).map(|considered| json!({
                "subject": considered.subject,
                "patterns": considered.patterns.iter().map(tried_json).collect::<Vec<_>>(),
                "default": considered.default.map(|status| status.as_u16()),
                "chosen": chosen.map(|chosen| json!({
                    "pattern": chosen.pattern.as_deref(), "status": chosen.status.as_u16(),
                })),
            })),
            "without_value": trace.map(|trace| &trace.without_value),
            "overridden": trace.map(|trace| &trace.overridden),
            "gateway_response": finished.and_then(|finished| finished.fault.as_ref()).map(|fault| json!({
                "type": fault.kind.name(),
                "cause": fault.cause,
                "customised": self.is_customised(fault),
            })),
            "misfits": finished.map(|finished| {
                finished.misfits.iter().map(ToString::to_string).collect::<Vec<_>>()
            }),
            "body_by": trace.and_then(|trace| trace.answer_body.as_ref()).map(by_json),
            "answer": finished.map(|finished| answer_json(&finished.answer)),
        })
    }
}

fn verb(verb: &Verb) -> &str {
    match verb {
        Verb::Any => "ANY",
        Verb::Only(method) => method.as_str(),
    }
}

fn word(failure: Failure) -> &'static str {
    match failure {
        Failure::Timeout => "timeout",
        Failure::Unreachable => "refused",
        Failure::InvalidAddress => "invalid address",
        Failure::TooLarge => "too large",
        Failure::Busy => "busy",
    }
}

fn print_mapped_body(by: Option<&BodyBy>, body: &[u8], out: &mut impl Write) -> io::Result<()> {
    let by = match by {
        Some(BodyBy::Template(place)) => format!(", by the template at {place}"),
        Some(BodyBy::Passing) if !body.is_empty() => ", which no template is for".to_owned(),
        Some(BodyBy::Passing) | None => String::new(),
    };
    print_body(&format!("body after transformations{by}"), body, out)
}

fn by_json(by: &BodyBy) -> Value {
    match by {
        BodyBy::Template(place) => json!({ "template": place }),
        BodyBy::Passing => json!("passing"),
    }
}

fn print_answer(title: &str, answer: &Answer, when: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{title}\n  {}", answer.status)?;
    print_headers(&answer.headers, out)?;
    print_body(&format!("body {when}"), &answer.body, out)?;
    writeln!(out)
}

fn print_pairs(title: &str, pairs: &[(String, String)], out: &mut impl Write) -> io::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    writeln!(out, "  {title}: {}", pairs.join(", "))
}

fn print_headers(headers: &Headers, out: &mut impl Write) -> io::Result<()> {
    if headers.iter().next().is_some() {
        writeln!(out, "  headers:")?;
    }
    headers.iter().try_for_each(|(name, value)| writeln!(out, "    {name}: {value}"))
}

fn print_body(title: &str, body: &[u8], out: &mut impl Write) -> io::Result<()> {
    if body.is_empty() {
        return writeln!(out, "  {title}: none");
    }
    writeln!(out, "  {title}:")?;
    match str::from_utf8(body) {
        Ok(text) => text.lines().try_for_each(|line| writeln!(out, "    {line}")),
        Err(_) => writeln!(out, "    {} bytes that are no text", body.len()),
    }
}

/// Mappings of that side that had nothing to map.
fn print_left_out(side: &str, trace: Option<&Trace>, out: &mut impl Write) -> io::Result<()> {
    let left_out = trace.map(|trace| &trace.without_value[..]).unwrap_or_default();
    let mut left_out = left_out.iter().filter(|target| target.starts_with(side));
    left_out.try_for_each(|target| writeln!(out, "  left out, as there is nothing to map: {target}"))
}

fn print_selection(considered: &Considered, out: &mut impl Write) -> io::Result<()> {
    match considered.subject.is_empty() {
        true => writeln!(out, "selection, by the empty text of a function that has succeeded")?,
        false => writeln!(out, "selection, by `{}`", one_line(&considered.subject))?,
    }
    for tried in &considered.patterns {
        writeln!(out, "  `{}` -> {}: {}", tried.pattern, tried.status.as_u16(), tried.result)?;
    }
    let is_matched = considered.patterns.iter().any(|tried| tried.result == Tested::Matched);
    match considered.default {
        Some(status) if is_matched => writeln!(out, "  default -> {}: not needed", status.as_u16())?,
        Some(status) => writeln!(out, "  default -> {}: yes, as nothing else matches", status.as_u16())?,
        None => writeln!(out, "  no default")?,
    }
    writeln!(out)
}

fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

fn print_end(status: StatusCode, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nmethod completed with status: {}", status.as_u16())
}

fn tried_json(tried: &Tried) -> Value {
    let result = match &tried.result {
        Tested::Matched => "matched",
        Tested::NotTried => "not tried",
        Tested::TooLong => "too long",
        Tested::Nothing | Tested::Unlike => "no",
        Tested::LineEnd => "no: line end",
        Tested::Case => "no: case",
        Tested::Part(_) => "no: part",
    };
    let part = match &tried.result {
        Tested::Part(part) => Some(part),
        _ => None,
    };
    json!({ "pattern": tried.pattern, "status": tried.status.as_u16(), "result": result, "part": part })
}

fn answer_json(answer: &Answer) -> Value {
    json!({
        "status": answer.status.as_u16(),
        "headers": lines(&answer.headers),
        "body": text(&answer.body),
    })
}

fn lines(headers: &Headers) -> Value {
    headers.iter().map(|(name, value)| json!([name, value])).collect()
}

fn pairs(pairs: &[(String, String)]) -> Value {
    pairs.iter().map(|(name, value)| json!([name, value])).collect()
}

fn text(body: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(body))
}
