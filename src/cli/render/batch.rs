//! `candor render --batch`: JSON Lines in, JSON Lines out, to hold other engines against this one. Every line is
//! answered, in order and before the next is read; only one is ever in memory.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::Exit;
use super::given::Given;
use crate::diagnostic::{Place, Source};
use crate::vtl::ast::Span;
use crate::vtl::gateway::Variables;
use crate::vtl::{Limits, Template};

/// A line that came. Its parts are read one by one, so that an answer has the `id` even if the rest is wrong.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
    #[serde(borrow)]
    template: Option<&'l RawValue>,
    #[serde(borrow)]
    inputs: Option<&'l RawValue>,
}

/// A line that goes: of `output` and `error` there is one.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Told<'l> {
    id: Option<&'l RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_override: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_override: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Serialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// The line is no JSON, or not of the form.
    Input,
    /// The template cannot be parsed.
    Parse,
    /// Its render has failed.
    Runtime,
}

/// Answers all lines. The exit says whether each of them could be understood.
///
/// # Errors
/// When a line cannot be read or its answer not be written.
pub(super) fn run(mut lines: impl BufRead, mut out: impl Write, native: bool) -> io::Result<Exit> {
    let mut exit = Exit::Fine;
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let told = answer(&line, native);
        if told.error.as_ref().is_some_and(|failure| failure.kind == Kind::Input) {
            exit = Exit::No;
        }
        serde_json::to_writer(&mut out, &told)?;
        out.write_all(b"\n")?;
        out.flush()?;
        line.clear();
    }
    Ok(exit)
}

fn answer(line: &[u8], native: bool) -> Told<'_> {
    match serde_json::from_slice::<Line<'_>>(line) {
        Ok(line) => {
            let told =
                line.told(native).unwrap_or_else(|error| Told { error: Some(error), ..Told::default() });
            Told { id: line.id, ..told }
        }
        Err(error) => Told { error: Some(Failure::input("the line", &error)), ..Told::default() },
    }
}

impl<'l> Line<'l> {
    fn told(&self, native: bool) -> Result<Told<'l>, Failure> {
        let text = self.template.map_or("null", RawValue::get);
        let text: String =
            serde_json::from_str(text).map_err(|error| Failure::input("`template`", &error))?;
        let given = self.inputs.map_or("{}", RawValue::get);
        let given: Given = serde_json::from_str(given).map_err(|error| Failure::input("`inputs`", &error))?;
        let template = Template::parse(&text, &Limits::default())
            .map_err(|error| Failure::at(Kind::Parse, &error, Some(error.span), &text))?;
        let inputs = given.inputs(native);
        let (output, [response, request]) =
            super::rendered(&template, &inputs, None, Variables::overrides_as_json)
                .map_err(|error| Failure::at(Kind::Runtime, &error, error.span, &text))?;
        Ok(Told {
            output: Some(output),
            response_override: response.map(raw).transpose()?,
            request_override: request.map(raw).transpose()?,
            ..Told::default()
        })
    }
}

fn raw(json: String) -> Result<Box<RawValue>, Failure> {
    RawValue::from_string(json).map_err(|error| Failure { kind: Kind::Runtime, message: error.to_string() })
}

impl Failure {
    fn input(what: &str, error: &serde_json::Error) -> Failure {
        Failure { kind: Kind::Input, message: format!("{what} cannot be read: {error}") }
    }

    /// With the line and the column in the template, where there is a place.
    fn at(kind: Kind, error: &impl ToString, span: Option<Span>, template: &str) -> Failure {
        let message = match span {
            Some(span) => {
                let Place { line, column, .. } = span.place(&Source::new("", template));
                format!("{line}:{column}: {}", error.to_string())
            }
            None => error.to_string(),
        };
        Failure { kind, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, expected: &str) -> Exit {
        let mut out = Vec::new();
        let exit = run(lines.as_bytes(), &mut out, false).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        exit
    }

    #[test]
    fn every_line_is_answered_in_order() {
        let lines = "{\"id\": 1.50, \"template\": \"a$input.params('q')\\n\", \"inputs\": {\"params\": {\"querystring\": {\"q\": \"é\"}}}, \"more\": 1}\n\
                     {\"id\":{ \"b\": [null]},\"template\":\"#set($context.responseOverride.status = 4)#set($context.requestOverride.path.a = 'b')\"}\r\n\
                     {\"template\": \"$input.body\"}";
        let expected = "{\"id\":1.50,\"output\":\"aé\\n\"}\n\
                        {\"id\":{ \"b\": [null]},\"output\":\"\",\"responseOverride\":{\"header\":{},\"status\":4},\
                        \"requestOverride\":{\"path\":{\"a\":\"b\"},\"header\":{},\"querystring\":{}}}\n\
                        {\"id\":null,\"output\":\"{}\"}\n";
        assert_eq!(check(lines, expected), Exit::Fine);
    }

    #[test]
    fn a_template_that_fails_is_an_answer() {
        let lines = "{\"id\":\"p\",\"template\":\"\\n #if(\"}\n{\"id\":\"r\",\"template\":\"#set($l = [])\\n$l.get(1)\"}\n";
        let mut out = Vec::new();
        assert_eq!(run(lines.as_bytes(), &mut out, false).unwrap(), Exit::Fine);
        let told: Vec<serde_json::Value> =
            String::from_utf8(out).unwrap().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!((&told[0]["id"], &told[0]["error"]["kind"]), (&"p".into(), &"parse".into()));
        assert!(told[0]["error"]["message"].as_str().unwrap().starts_with("2:"), "{}", told[0]);
        assert_eq!((&told[1]["id"], &told[1]["error"]["kind"]), (&"r".into(), &"runtime".into()));
        assert!(told[1]["error"]["message"].as_str().unwrap().starts_with("2:4: "), "{}", told[1]);
    }

    #[test]
    fn what_is_no_line_of_the_form_is_told_and_the_rest_goes_on() {
        let lines = b"nothing\n\n{\"id\":1}\n{\"id\":2,\"template\":\"\",\"inputs\":{\"body\":{}}}\n[]\n\xff\n{\"id\":3,\"template\":\"x\"}\n";
        let mut out = Vec::new();
        assert_eq!(run(&lines[..], &mut out, false).unwrap(), Exit::No);
        let told = String::from_utf8(out).unwrap();
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(told.len(), 7, "{told:#?}");
        let input = |id: &str| format!("{{\"id\":{id},\"error\":{{\"kind\":\"input\",\"message\":\"");
        for (line, id) in told.iter().zip(["null", "null", "1", "2", "null", "null"]) {
            assert!(line.starts_with(&input(id)), "{line}");
        }
        assert_eq!(told[6], "{\"id\":3,\"output\":\"x\"}");
    }
}
