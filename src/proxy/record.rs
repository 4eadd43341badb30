//! The record of one exchange: what its one log event says, and what is counted of it. Filled as the exchange goes on,
//! written when the answer's body is finished or dropped. Holds no bodies and no query values.

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::panicking;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode};
use tokio::time::{Duration, Instant};
use tracing::{Level, event};

use super::download::DownloadError;
use super::error::ProxyError;
use super::headers::TraceId;
use super::names;
use super::retry::Obstacle;
use crate::apigateway::execute::Finished;
use crate::engine::RuleSet;
use crate::engine::outcome::{Bypass, Shadow, Verdict};
use crate::engine::route::Route;
use crate::telemetry::meters::{Counted, Ended, Meter};

/// The target of the event, for log filters. A macro because `tracing` wants a constant of its own.
macro_rules! exchange_target {
    () => {
        "candor::exchange"
    };
}

/// Writes the event of an entry. A macro because `tracing` wants the level to be a constant, too.
macro_rules! write_event {
    ($entry:expr, $took:expr, $level:expr) => {
        event!(
            target: exchange_target!(),
            $level,
            door = $entry.door,
            request_id = $entry.request_id.to_str().ok(),
            trace_id = $entry.trace_id.as_ref().map(TraceId::as_str),
            client = %$entry.client,
            method = $entry.method.as_ref().map(Method::as_str),
            route = $entry.route.as_deref(),
            path = $entry.target.as_ref().map(PathAndQuery::path),
            upstream = $entry.upstream.as_deref(),
            upstream_status = $entry.upstream_status.map(|status| status.as_u16()),
            status = $entry.status.map(|status| status.as_u16()),
            rule_set = $entry.rule_set.as_deref(),
            rule = $entry.verdict.as_ref().and_then(Verdict::rule),
            mode = $entry.mode(),
            verdict = $entry.verdict.as_ref().map(Verdict::word),
            reason = $entry.verdict.as_ref().and_then(Verdict::reason),
            shadow = $entry.shadow(),
            held_bytes = $entry.held.map(|(bytes, _)| bytes),
            held_ms = $entry.held.map(|(_, time)| milliseconds(time)),
            upstream_ms = $entry.upstream_time.map(milliseconds),
            total_ms = milliseconds($took),
            sent_bytes = $entry.sent_bytes,
            attempts = $entry.attempts(),
            retried_by = $entry.retried_by.as_deref(),
            not_retried = $entry.not_retried.map(tracing::field::display),
            integration_response = $entry.integration_response.as_deref(),
            gateway_response = $entry.gateway_response,
            misfit = $entry.misfit.as_ref().map(|(_, how)| how.as_str()),
            error = $entry.error.as_deref(),
            "exchange"
        )
    };
}

/// What stands in place of a rule where none was the reason to send a request again.
const LOST_CONNECTION: &str = "lost connection";

/// One exchange; by default none at all.
#[derive(Debug, Default)]
pub(super) struct Record(Option<Box<Entry>>);

#[derive(Debug)]
struct Entry {
    meter: Rc<Meter>,
    began: Instant,
    door: Option<&'static str>,
    request_id: HeaderValue,
    trace_id: Option<TraceId>,
    client: IpAddr,
    method: Option<Method>,
    target: Option<PathAndQuery>,
    route: Option<Rc<str>>,
    upstream: Option<Rc<str>>,
    rule_set: Option<Rc<str>>,
    upstream_status: Option<StatusCode>,
    upstream_time: Option<Duration>,
    status: Option<StatusCode>,
    verdict: Option<Verdict>,
    shadows: Vec<Shadow>,
    held: Option<(u64, Duration)>,
    sent_bytes: u64,
    attempts: u32,
    retried_by: Option<Arc<str>>,
    not_retried: Option<Obstacle>,
    integration_response: Option<String>,
    gateway_response: Option<&'static str>,
    /// The model that the answer does not fit, and how.
    misfit: Option<(String, String)>,
    error: Option<String>,
    alarming: bool,
    complete: bool,
}

impl Record {
    /// A record that begins now, to be counted by this meter.
    pub fn begin<B>(
        meter: &Rc<Meter>,
        request_id: &HeaderValue,
        client: IpAddr,
        request: &Request<B>,
    ) -> Record {
        Record(Some(Box::new(Entry::begin(Rc::clone(meter), request_id.clone(), client, request))))
    }

    /// Somebody else carries the exchange, and asks through this door.
    pub fn came_through(&mut self, door: &'static str) {
        if let Some(entry) = &mut self.0 {
            entry.door = Some(door);
        }
    }

    /// The exchange goes this way.
    pub fn routed(&mut self, route: &Route, upstream: &Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.route = Some(names::own(&route.name));
            entry.upstream = Some(names::own(upstream));
        }
    }

    /// The exchange goes through an API, to this resource, or this way to an upstream that is somebody else's.
    pub fn routed_to(&mut self, resource: &Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.route = Some(names::own(resource));
        }
    }

    /// The API calls this upstream.
    pub fn called(&mut self, upstream: &Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.upstream = Some(names::own(upstream));
        }
    }

    /// The API has made an answer: by an integration response, or a gateway response and why.
    pub fn executed(&mut self, finished: &Finished) {
        let Some(entry) = &mut self.0 else { return };
        entry.integration_response = finished.chosen.as_ref().map(ToString::to_string);
        entry.misfit = finished.misfits.first().map(|misfit| (misfit.model.clone(), misfit.to_string()));
        entry.alarming |= entry.misfit.is_some();
        if let Some(fault) = &finished.fault {
            entry.alarming |= fault.status.is_server_error();
            entry.gateway_response = Some(fault.kind.name());
            entry.error.get_or_insert_with(|| fault.cause.clone());
        }
    }

    /// The request was refused before anybody could say what it asked for.
    pub fn unread(&mut self) {
        if let Some(entry) = &mut self.0 {
            entry.method = None;
            entry.target = None;
        }
    }

    /// These rules are in force.
    pub fn ruled_by(&mut self, rule_set: &RuleSet) {
        if let Some(entry) = &mut self.0 {
            entry.rule_set = Some(names::own(&rule_set.name));
        }
    }

    /// The request is sent to the upstream. What came of an earlier try no longer counts.
    pub fn tried(&mut self) {
        if let Some(entry) = &mut self.0 {
            entry.attempts += 1;
            entry.upstream_status = None;
            entry.upstream_time = None;
        }
    }

    /// The request is sent again because its connection was lost.
    pub fn tried_after_loss(&mut self) {
        self.tried();
        self.retried_by(LOST_CONNECTION.into());
    }

    /// The request is to be sent again because this rule wants it.
    pub fn retried_by(&mut self, rule: Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.retried_by = Some(rule);
        }
    }

    /// The request is not sent again although the rule that decided wants it.
    pub fn not_retried(&mut self, obstacle: Obstacle) {
        if let Some(entry) = &mut self.0 {
            entry.not_retried = Some(obstacle);
        }
    }

    /// The head of the upstream's answer is there.
    pub fn answered(&mut self, status: StatusCode) {
        if let Some(entry) = &mut self.0 {
            entry.upstream_status = Some(status);
            entry.upstream_time = Some(entry.began.elapsed());
        }
    }

    /// The engine has decided; until then the answer was held, and this much of its body, if any.
    /// What could not be decided or carried out is for an operator to see.
    pub fn decided(&mut self, verdict: Verdict, shadows: Vec<Shadow>, held_bytes: Option<u64>) {
        if let Some(entry) = &mut self.0 {
            let since_head = entry.began.elapsed().saturating_sub(entry.upstream_time.unwrap_or_default());
            entry.held = held_bytes.map(|bytes| (bytes, since_head));
            entry.alarming |= matches!(verdict, Verdict::Undecided { .. } | Verdict::Failed { .. });
            entry.verdict = Some(verdict);
            entry.shadows = shadows;
        }
    }

    /// There is no answer of the upstream's to send.
    pub fn failed(&mut self, error: &ProxyError) {
        if let Some(entry) = &mut self.0 {
            entry.alarming |= error.status().is_server_error();
            entry.error = Some(error.to_string());
        }
    }

    /// The head goes to the client with this status.
    pub fn responded(&mut self, status: StatusCode) {
        if let Some(entry) = &mut self.0 {
            entry.status = Some(status);
        }
    }

    /// Some bytes of the body went to the client.
    pub fn sent(&mut self, bytes: usize) {
        if let Some(entry) = &mut self.0 {
            entry.sent_bytes += bytes as u64;
        }
    }

    /// The upstream's body broke off, or was given up, after the head had gone to the client.
    pub fn broken_off(&mut self, error: &DownloadError) {
        if let Some(entry) = &mut self.0 {
            entry.alarming = true;
            entry.error = Some(error.to_string());
        }
    }

    /// The exchange became a tunnel, which no rule looks into.
    pub fn tunnelled(&mut self) {
        self.decided(Verdict::PassThrough { bypass: Some(Bypass::Upgrade) }, Vec::new(), None);
    }

    /// One side of the tunnel failed: what most clients that go away look like, so no alarm.
    pub fn tunnel_broken(&mut self, error: &io::Error) {
        if let Some(entry) = &mut self.0 {
            entry.error = Some(format!("the tunnel broke off: {error}"));
        }
    }

    /// The client was given the whole answer.
    pub fn complete(&mut self) {
        if let Some(entry) = &mut self.0 {
            entry.complete = true;
        }
    }
}

/// However an exchange ends, its record is written.
impl Drop for Record {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.write();
        }
    }
}

impl Entry {
    fn begin<B>(meter: Rc<Meter>, request_id: HeaderValue, client: IpAddr, request: &Request<B>) -> Entry {
        meter.begin();
        Entry {
            meter,
            began: Instant::now(),
            door: None,
            request_id,
            trace_id: TraceId::of(request.headers()),
            client,
            method: Some(request.method().clone()),
            target: request.uri().path_and_query().cloned(),
            route: None,
            upstream: None,
            rule_set: None,
            upstream_status: None,
            upstream_time: None,
            status: None,
            verdict: None,
            shadows: Vec::new(),
            held: None,
            sent_bytes: 0,
            attempts: 0,
            retried_by: None,
            not_retried: None,
            integration_response: None,
            gateway_response: None,
            misfit: None,
            error: None,
            alarming: false,
            complete: false,
        }
    }

    fn write(mut self) {
        if panicking() {
            self.alarming = true;
            self.error = Some("a bug in Candor ended the exchange".to_owned());
        } else if !self.complete && self.error.is_none() {
            self.error = Some("the connection ended before the answer".to_owned());
        }
        let took = self.began.elapsed();
        self.count(took);
        self.meter.end();
        if self.alarming {
            write_event!(self, took, Level::WARN);
        } else {
            write_event!(self, took, Level::INFO);
        }
    }

    fn count(&self, took: Duration) {
        let status = |status: Option<StatusCode>| status.map_or(0, |status| status.as_u16());
        let statuses = (status(self.upstream_status), status(self.status));
        self.meter.count(&Counted {
            route: self.route.as_deref().unwrap_or_default(),
            statuses,
            verdict: self.verdict.as_ref(),
            shadows: &self.shadows,
            misfit: self.misfit.as_ref().map(|(model, _)| model.as_str()),
            took,
            upstream_time: self.upstream_time,
        });
        let has_passed =
            matches!(self.verdict, Some(Verdict::PassThrough { .. })) && statuses.0 == statuses.1;
        let is_notable = !has_passed || self.alarming || !self.shadows.is_empty();
        self.meter.keep(is_notable, self.began.into_std(), took, || self.ended(took));
    }

    fn ended(&self, took: Duration) -> Ended<'_> {
        Ended {
            request_id: self.request_id.to_str().unwrap_or_default(),
            trace_id: self.trace_id.as_ref().map(TraceId::as_str),
            took,
            upstream_time: self.upstream_time,
            client: self.client,
            method: self.method.as_ref().map(Method::as_str),
            path: self.target.as_ref().map(PathAndQuery::path),
            route: self.route.as_deref(),
            upstream: self.upstream.as_deref(),
            rule_set: self.rule_set.as_deref(),
            upstream_status: self.upstream_status.map(|status| status.as_u16()),
            status: self.status.map(|status| status.as_u16()),
            verdict: self.verdict.as_ref(),
            shadows: &self.shadows,
            held: self.held,
            sent_bytes: self.sent_bytes,
            attempts: self.attempts,
            integration_response: self.integration_response.as_deref(),
            gateway_response: self.gateway_response,
            error: self.error.as_deref().or(self.misfit.as_ref().map(|(_, how)| how.as_str())),
            alarming: self.alarming,
        }
    }

    /// How often the request was sent, where it was more than once.
    fn attempts(&self) -> Option<u32> {
        (self.attempts > 1).then_some(self.attempts)
    }

    /// Whether a rule changed the answer or only would have.
    fn mode(&self) -> Option<&'static str> {
        match &self.verdict {
            Some(verdict) if verdict.rule().is_some() => Some("enforce"),
            _ => (!self.shadows.is_empty()).then_some("shadow"),
        }
    }

    /// The rules in shadow mode that would have decided, with the status each would have sent.
    fn shadow(&self) -> Option<String> {
        let mut text = String::new();
        for shadow in &self.shadows {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a `String` cannot fail.
            let _ = match shadow.status {
                Some(status) => write!(text, "{comma}{}={}", shadow.rule, status.as_u16()),
                None => write!(text, "{comma}{}=failed", shadow.rule),
            };
        }
        (!text.is_empty()).then_some(text)
    }
}

/// To the microsecond, so that the log is not full of digits that mean nothing.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use serde_json::{Value, json};
    use tracing::subscriber::with_default;

    use super::*;
    use crate::engine::outcome::Undecided;
    use crate::proxy::error::UpstreamFault;
    use crate::telemetry::meters::{Count, Meters, Word};

    /// The events that `exchanges` leave at this level and above, times left out.
    fn logged(level: Level, exchanges: impl FnOnce()) -> Vec<Value> {
        #[derive(Clone, Default)]
        struct Log(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Log {
            fn write(&mut self, text: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(text);
                Ok(text.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .without_time()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .finish();
        with_default(subscriber, exchanges);
        let text = log.0.lock().unwrap().clone();
        let mut events: Vec<Value> =
            text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
        for event in &mut events {
            let members = event.as_object_mut().unwrap();
            for time in ["total_ms", "upstream_ms", "held_ms"] {
                assert!(members.remove(time).is_none_or(|time| time.is_f64()));
            }
        }
        events
    }

    fn begin() -> Record {
        let request = Request::builder().uri("/orders/17?secret=1").body(()).unwrap();
        of(&Meters::start(), &request)
    }

    fn of(meters: &Meters, request: &Request<()>) -> Record {
        let (meter, id) = (Rc::new(meters.meter()), HeaderValue::from_static("id-1"));
        Record::begin(&meter, &id, "192.0.2.7".parse().unwrap(), request)
    }

    #[test]
    fn an_exchange_is_one_event() {
        let events = logged(Level::INFO, || {
            let mut record = begin();
            record.answered(StatusCode::OK);
            let shadows = vec![
                Shadow { rule: "orders/a".into(), status: Some(StatusCode::CONFLICT) },
                Shadow { rule: "orders/b".into(), status: None },
            ];
            record.decided(Verdict::Rewrite { rule: "orders/not-found".into() }, shadows, Some(20));
            record.responded(StatusCode::NOT_FOUND);
            record.sent(12);
            record.sent(8);
            record.complete();
        });
        let expected = json!({
            "level": "INFO", "target": "candor::exchange", "message": "exchange",
            "request_id": "id-1", "client": "192.0.2.7", "method": "GET", "path": "/orders/17",
            "upstream_status": 200, "status": 404, "rule": "orders/not-found", "mode": "enforce",
            "verdict": "rewrite", "shadow": "orders/a=409, orders/b=failed", "held_bytes": 20, "sent_bytes": 20,
        });
        assert_eq!(events, [expected]);
    }

    #[test]
    fn a_tunnel_is_a_bypass_and_its_breaking_no_alarm() {
        let events = logged(Level::INFO, || {
            let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            let request = Request::builder().uri("/chat").header("traceparent", parent).body(()).unwrap();
            let mut record = of(&Meters::start(), &request);
            record.answered(StatusCode::SWITCHING_PROTOCOLS);
            record.tunnelled();
            record.responded(StatusCode::SWITCHING_PROTOCOLS);
            record.sent(7);
            record.tunnel_broken(&io::ErrorKind::ConnectionReset.into());
        });
        let expected = json!({
            "level": "INFO", "target": "candor::exchange", "message": "exchange",
            "request_id": "id-1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "client": "192.0.2.7",
            "method": "GET", "path": "/chat", "upstream_status": 101, "status": 101,
            "verdict": "pass", "reason": "upgrade", "sent_bytes": 7,
            "error": "the tunnel broke off: connection reset",
        });
        assert_eq!(events, [expected]);
    }

    #[test]
    fn what_an_operator_should_see_is_a_warning() {
        let events = logged(Level::WARN, || {
            let mut passed = begin();
            passed.complete();
            drop(passed);
            let mut undecided = begin();
            undecided.decided(Verdict::Undecided { reason: Undecided::OverTime }, Vec::new(), Some(1));
            undecided.complete();
            drop(undecided);
            let mut failed = begin();
            failed.failed(&UpstreamFault::Refused.into());
            failed.complete();
        });
        let told: Vec<_> =
            events.iter().map(|event| (&event["level"], &event["reason"], &event["error"])).collect();
        let (warn, none) = (json!("WARN"), Value::Null);
        let (reason, error) =
            (json!("body not complete in time"), json!("the upstream refused the connection"));
        assert_eq!(told, [(&warn, &reason, &none), (&warn, &none, &error)]);
    }

    #[test]
    fn an_exchange_that_was_left_says_so() {
        let events = logged(Level::INFO, || drop(begin()));
        assert_eq!(events[0]["error"], "the connection ended before the answer");
        assert_eq!(events[0]["status"], Value::Null);
    }

    #[test]
    fn further_tries_are_told_and_what_came_of_earlier_ones_is_not() {
        let tried = |tries: &mut dyn FnMut(&mut Record)| {
            let events = logged(Level::INFO, || {
                let mut record = begin();
                record.tried();
                record.answered(StatusCode::OK);
                tries(&mut record);
                record.complete();
            });
            let keys = ["attempts", "retried_by", "not_retried", "upstream_status"];
            keys.map(|key| events[0][key].clone())
        };
        let none = Value::Null;
        assert_eq!(tried(&mut |_| {}), [none.clone(), none.clone(), none.clone(), json!(200)]);
        let by_rule = tried(&mut |record| {
            record.retried_by("orders/busy".into());
            record.tried();
        });
        assert_eq!(by_rule, [json!(2), json!("orders/busy"), none.clone(), none.clone()]);
        let after_loss = tried(&mut |record| {
            record.tried_after_loss();
            record.answered(StatusCode::CREATED);
        });
        assert_eq!(after_loss, [json!(2), json!("lost connection"), none.clone(), json!(201)]);
        let hindered = tried(&mut |record| record.not_retried(Obstacle::Budget));
        assert_eq!(hindered, [none.clone(), none, json!("over budget"), json!(200)]);
    }

    #[test]
    fn an_exchange_is_counted_also_where_nobody_reads_the_log() {
        let meters = Meters::start();
        let request = Request::builder().uri("/orders/17?secret=1").body(()).unwrap();
        let events = logged(Level::ERROR, || {
            let mut record = of(&meters, &request);
            record.answered(StatusCode::OK);
            record.decided(Verdict::Rewrite { rule: "orders/not-found".into() }, Vec::new(), None);
            record.responded(StatusCode::NOT_FOUND);
            record.complete();
        });
        assert_eq!(events, Vec::<Value>::new());
        let seen = meters.find("id-1").unwrap();
        assert_eq!(
            (seen.path.as_deref(), seen.upstream_status, seen.status),
            (Some("/orders/17"), Some(200), Some(404))
        );
        let exchanges = Count::Exchanges { route: "".into(), from: 200, to: 404, verdict: Word::Rewrite };
        assert_eq!(meters.counts().0.get(&exchanges), Some(&1));
    }
}
