//! `candor explain`: what each rule makes of a saved answer, or each stage of an API, and why. The same engine as the
//! proxy's, asked for its trace.

mod api;
mod stages;

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};
use serde_json::json;

use crate::apigateway::execute::Headers;
use crate::diagnostic::Diagnostic;
use crate::engine::mutation::BodyChange;
use crate::engine::retry::Retry;
use crate::engine::route::Found;
use crate::engine::selection::Chosen;
use crate::engine::{self, Answer, AnswerHead, Exchange, Limits, Outcome, RequestSnapshot, RuleSet};
use crate::live::Deployment;
use crate::rules::Rules;
use crate::settings::Settings;
use crate::traffic::saved;

use super::load::{self, Configuration, Options};
use super::{Exit, ExplainArgs, Format};

/// Runs the command.
pub fn run(arguments: &ExplainArgs) -> Exit {
    explained(arguments).unwrap_or_else(|Refusal { diagnostics, exit }| {
        load::tell(&diagnostics);
        exit
    })
}

/// Explains by the API, where it is the API's to answer, else by the rules.
fn explained(arguments: &ExplainArgs) -> Result<Exit, Refusal> {
    let mut options = Options::new(&arguments.rules, None, None);
    options.upstream_if_none = Some("http://127.0.0.1");
    let loaded = load::load(&options)?;
    let Some(configuration) = loaded.configuration else {
        return Err(Refusal { exit: load::verdict(&loaded.diagnostics), diagnostics: loaded.diagnostics });
    };
    load::tell(&loaded.diagnostics);
    let Configuration { settings, rules, deployment } = &configuration;
    let request = request(arguments)?;
    match deployment {
        Some(deployment) if arguments.rule_set.is_none() && !is_routed(rules, &request) => {
            by_api(arguments, deployment, &request)
        }
        _ => {
            let explanation = explanation(arguments, settings, rules, request)?;
            let json = || explanation.to_json();
            Ok(print(arguments.format, |out| explanation.print(out), json))
        }
    }
}

/// A reader that has seen enough (`| head`) is no failure.
fn print(
    format: Format,
    human: impl FnOnce(&mut io::StdoutLock<'static>) -> io::Result<()>,
    json: impl FnOnce() -> serde_json::Value,
) -> Exit {
    let mut out = io::stdout().lock();
    let written = match format {
        Format::Human => human(&mut out),
        Format::Json => writeln!(out, "{:#}", json()),
    };
    written.map_or(Exit::CouldNot, |()| Exit::Fine)
}

fn is_routed(rules: &Rules, request: &RequestSnapshot) -> bool {
    !matches!(rules.routes.find(host(request), &request.method, request.uri.path()), Found::NotFound)
}

fn by_api(
    arguments: &ExplainArgs,
    deployment: &Deployment,
    request: &RequestSnapshot,
) -> Result<Exit, Refusal> {
    let body = arguments.body.as_deref().map(read).transpose()?.unwrap_or_default();
    let headers = header_lines(arguments)?.into_iter().collect();
    let outcome = || -> Result<_, Diagnostic> {
        match (&arguments.answer, arguments.failure) {
            (Some(path), _) => Ok(Some(Ok(api::answer(&answer(path)?)))),
            (None, Some(failure)) => Ok(Some(Err(api::failure(failure)))),
            (None, None) => Ok(None),
        }
    };
    let explanation = api::explanation(deployment, api::request(request, headers, body), outcome)?;
    let exit = print(arguments.format, |out| explanation.print(out), || explanation.to_json());
    match explanation.finished {
        Some(_) => Ok(exit),
        None => Err(Diagnostic::error("what the backend answers to this is not known")
            .help("save it with `curl -i URL > FILE` and give FILE, or say why there is none: `--failure timeout`")
            .into()),
    }
}

/// Why there is no explanation.
struct Refusal {
    diagnostics: Vec<Diagnostic>,
    exit: Exit,
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Refusal {
        Refusal { diagnostics: vec![diagnostic], exit: Exit::CouldNot }
    }
}

/// Everything there is to tell.
struct Explanation {
    exchange: Exchange,
    rule_set: Option<String>,
    outcome: Outcome,
    answer: Answer,
}

fn explanation(
    arguments: &ExplainArgs,
    settings: &Settings,
    rules: &Rules,
    request: RequestSnapshot,
) -> Result<Explanation, Refusal> {
    let Some(path) = &arguments.answer else {
        return Err(Diagnostic::error("rules need an answer to decide about")
            .help("save one with `curl -i URL > FILE`, and give FILE")
            .into());
    };
    let mut exchange = Exchange { request, answer: answer(path)? };
    let rule_set = rule_set(arguments, rules, &mut exchange)?;
    let limits = Limits { hold: settings.hold, inspect: settings.inspect.clone() };
    let outcome = match rule_set {
        Some(rule_set) => engine::evaluate(rule_set, &exchange, &limits, true),
        None => Outcome::pass(),
    };
    let answer = applied(&exchange, &outcome);
    Ok(Explanation { rule_set: rule_set.map(|set| set.name.to_string()), exchange, outcome, answer })
}

fn applied(exchange: &Exchange, outcome: &Outcome) -> Answer {
    let mut head = exchange.answer.head.clone();
    let body = match outcome.mutation.clone().apply(&mut head, &exchange.request.method) {
        BodyChange::Keep => exchange.answer.body.clone(),
        BodyChange::Replace(bytes) => bytes,
    };
    Answer { head, body }
}

fn request(arguments: &ExplainArgs) -> Result<RequestSnapshot, Diagnostic> {
    let method = Method::from_bytes(arguments.method.as_bytes())
        .map_err(|_| Diagnostic::error(format!("`{}` is not a method", arguments.method)))?;
    let uri = arguments
        .path
        .parse::<Uri>()
        .map_err(|error| Diagnostic::error(format!("`{}` is not a path: {error}", arguments.path)))?;
    let headers = HeaderMap::from(&header_lines(arguments)?.into_iter().collect::<Headers>());
    Ok(RequestSnapshot { method, uri, headers, circumstances: None })
}

/// The headers as typed: an API shows the casing of their names.
fn header_lines(arguments: &ExplainArgs) -> Result<Vec<(String, String)>, Diagnostic> {
    let line = |header: &String| {
        let (name, value) = header.split_once(':')?;
        let (name, value) = (name.trim(), value.trim());
        HeaderName::from_bytes(name.as_bytes()).ok()?;
        HeaderValue::from_str(value).ok()?;
        Some((name.to_owned(), value.to_owned()))
    };
    let wrong = |header: &String| {
        Diagnostic::error(format!("`{header}` is not a header")).help("write `-H 'name: value'`")
    };
    arguments.header.iter().map(|header| line(header).ok_or_else(|| wrong(header))).collect()
}

/// A file, or standard input for `-`.
fn read(path: &Path) -> Result<Bytes, Diagnostic> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
    };
    read.map_err(|error| Diagnostic::error(format!("cannot read `{}`: {error}", path.display())))?;
    Ok(Bytes::from(bytes))
}

fn answer(path: &Path) -> Result<Answer, Diagnostic> {
    saved::parse(&read(path)?).map_err(|message| {
        Diagnostic::error(format!("`{}` is not a saved answer: {message}", path.display()))
            .help("save one with `curl -i URL > FILE`")
    })
}

fn host(request: &RequestSnapshot) -> Option<&str> {
    let host = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    host.or(request.uri.host())
}

/// The rule set to ask, chosen as the proxy would choose for a client on this machine; `None` for no rules at all.
fn rule_set<'r>(
    arguments: &ExplainArgs,
    rules: &'r Rules,
    exchange: &mut Exchange,
) -> Result<Option<&'r RuleSet>, Diagnostic> {
    let Exchange { request, answer } = exchange;
    if let Some(name) = &arguments.rule_set {
        return match rules.set(name) {
            Some(set) => Ok(Some(set)),
            None => {
                let names: Vec<&str> = rules.sets.iter().map(|set| &*set.name).collect();
                Err(Diagnostic::error(format!("there is no rule set `{name}`"))
                    .help(format!("there are: {}", names.join(", "))))
            }
        };
    }
    match rules.routes.find(host(request), &request.method, request.uri.path()) {
        Found::Route(route) => {
            let peer = Ipv4Addr::LOCALHOST.into();
            Chosen::by_request(rules.selection.as_ref(), route, &mut request.headers, peer)
                .map(|chosen| chosen.settle(&mut answer.head.headers).map(AsRef::as_ref))
                .map_err(|rejected| {
                    Diagnostic::error(format!("{}: candor would answer 400", rejected.detail))
                })
        }
        Found::MethodNotAllowed { allow } => Err(Diagnostic::error(format!(
            "no route takes `{} {}`: candor would answer 405",
            request.method,
            request.uri.path()
        ))
        .help(format!("methods with a route here: {allow}"))),
        Found::NotFound => Err(Diagnostic::error(format!(
            "no route takes `{}`: candor would answer 404",
            request.uri.path()
        ))
        .help("give the path with `--path`, or the rule set with `--rule-set`")),
    }
}

/// What the proxy would do before it sends this answer.
fn told(retry: &Retry, request: &RequestSnapshot) -> String {
    if is_allowed(retry, request) {
        format!("would retry {retry}, and answer this when no further try helps")
    } else {
        format!("would not retry: this rule does not repeat a {} request like this one", request.method)
    }
}

fn is_allowed(retry: &Retry, request: &RequestSnapshot) -> bool {
    retry.repeatable.allows(&request.method, &request.headers)
}

impl Explanation {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let request = &self.exchange.request;
        let head = &self.exchange.answer.head;
        let content_type = head.header(http::header::CONTENT_TYPE).unwrap_or("no content type");
        let length = self.exchange.answer.body.len();
        writeln!(out, "request   {} {}", request.method, request.uri)?;
        writeln!(out, "upstream  {}, {content_type}, {length} bytes", head.status)?;
        writeln!(out, "rule set  {}\n", self.rule_set.as_deref().unwrap_or("none (`rules: off`)"))?;
        if !self.outcome.trace.steps.is_empty() {
            writeln!(out, "{}", self.outcome.trace)?;
        }
        let verdict = &self.outcome.verdict;
        let by = verdict.rule().map(|rule| format!(" by {rule}")).unwrap_or_default();
        let reason = verdict.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(out, "verdict   {}{by}{reason}", verdict.word())?;
        if let Some(retry) = &self.outcome.retry {
            writeln!(out, "retry     {}", told(retry, request))?;
        }
        for shadow in &self.outcome.shadows {
            let status = shadow.status.map_or("fail".to_owned(), |status| format!("answer {status}"));
            writeln!(out, "shadow    {} would {status}", shadow.rule)?;
        }
        writeln!(out)?;
        self.print_answer(out)
    }

    fn print_answer(&self, out: &mut impl Write) -> io::Result<()> {
        let AnswerHead { status, headers } = &self.answer.head;
        let phrase =
            self.outcome.mutation.reason.as_deref().or(status.canonical_reason()).unwrap_or_default();
        writeln!(out, "HTTP/1.1 {} {phrase}", status.as_u16())?;
        for (name, value) in headers {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        writeln!(out)?;
        out.write_all(&self.answer.body)?;
        match self.answer.body.last() {
            None | Some(b'\n') => Ok(()),
            Some(_) => writeln!(out),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        let verdict = &self.outcome.verdict;
        let headers: Vec<_> = self
            .answer
            .head
            .headers
            .iter()
            .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
            .collect();
        let shadows: Vec<_> = self.outcome.shadows.iter().map(|shadow| {
            json!({ "rule": &*shadow.rule, "status": shadow.status.map(|status| status.as_u16()) })
        }).collect();
        json!({
            "rule_set": self.rule_set,
            "upstream_status": self.exchange.answer.head.status.as_u16(),
            "verdict": verdict.word(),
            "rule": verdict.rule(),
            "reason": verdict.reason(),
            "retry": self.outcome.retry.as_ref().map(|retry| {
                json!({ "attempts": retry.attempts, "allowed": is_allowed(retry, &self.exchange.request) })
            }),
            "shadows": shadows,
            "trace": self.outcome.trace.to_json(),
            "answer": {
                "status": self.answer.head.status.as_u16(),
                "reason_phrase": self.outcome.mutation.reason,
                "headers": headers,
                "body": String::from_utf8_lossy(&self.answer.body),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::retry::Repeatable;

    #[test]
    fn a_retry_is_told_with_its_bound_or_why_there_is_none() {
        let check = |attempts: u32, method: Method, expected: &str| {
            let (backoff, repeatable) = (Duration::ZERO, Repeatable::default());
            let retry = Retry { attempts, backoff, max_backoff: backoff, repeatable };
            let request = RequestSnapshot {
                method,
                uri: Uri::default(),
                headers: HeaderMap::new(),
                circumstances: None,
            };
            assert_eq!(told(&retry, &request), expected);
        };
        check(2, Method::GET, "would retry up to 2 times, and answer this when no further try helps");
        check(1, Method::PUT, "would retry up to 1 time, and answer this when no further try helps");
        check(2, Method::POST, "would not retry: this rule does not repeat a POST request like this one");
    }
}
