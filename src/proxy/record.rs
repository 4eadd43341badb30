//! The record of one exchange: what its one log event says, and what is counted of it. Filled as the exchange goes on,
//! written when the answer's body is finished or dropped. Holds no bodies and no query values.

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::panicking;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version};
use tokio::time::{Duration, Instant};
use tracing::{Level, event};

use super::download::DownloadError;
use super::error::{ProxyError, UpstreamFault};
use super::names;
use super::retry::{Obstacle, Repeat};
use crate::apigateway::execute::Finished;
use crate::engine::RuleSet;
use crate::engine::outcome::{Bypass, Shadow, Verdict};
use crate::engine::route::Route;
use crate::settings::UpstreamUrl;
use crate::telemetry::meters::{Counted, Door, Ended, Meter, Verb};
use crate::telemetry::traces::{Called, Spans, TRACEPARENT, TRACESTATE, TraceParent};

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
            door = $entry.door(),
            request_id = $entry.request_id.to_str().ok(),
            trace_id = $entry.place().map(TraceParent::trace_id),
            span_id = $entry.place().map(TraceParent::span_id),
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

/// What metrics say of a request that a rule has had sent again; logs have the rule.
const SENT_AGAIN: &str = "sent again";

/// One exchange; by default none at all.
#[derive(Debug, Default)]
pub(super) struct Record(Option<Box<Entry>>);

#[derive(Debug)]
struct Entry {
    meter: Rc<Meter>,
    began: Instant,
    door: Door,
    request_id: HeaderValue,
    /// The caller's place in a trace.
    caller: Option<TraceParent>,
    /// The exchange's own, where spans are exported.
    spans: Option<Box<Spans>>,
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
    /// What metrics say of tries after the first.
    retries: Vec<&'static str>,
    /// The type of what went wrong with the upstream (RFC 9209, section 2.3).
    fault: Option<&'static str>,
    /// Whether an API has made the answer.
    by_api: bool,
    integration_response: Option<String>,
    gateway_response: Option<&'static str>,
    /// The model that the answer does not fit, and how.
    misfit: Option<(String, String)>,
    error: Option<String>,
    alarming: bool,
    complete: bool,
    /// Whether it is logged also where nothing happened.
    is_sampled: bool,
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

    /// Where nothing happens in the exchange, it is logged if it is one of so many of a million.
    pub fn sampled(&mut self, millionths: u32) {
        if millionths < 1_000_000
            && let Some(entry) = &mut self.0
        {
            entry.is_sampled = fastrand::u32(..1_000_000) < millionths;
        }
    }

    /// The client speaks `http` or, within TLS, `https`.
    pub fn came_over(&mut self, scheme: &'static str) {
        if let Some(entry) = &mut self.0
            && let Some(spans) = &mut entry.spans
        {
            spans.came_over(scheme);
        }
    }

    /// Somebody else carries the exchange, and asks through this door.
    pub fn came_through(&mut self, door: Door) {
        if let Some(entry) = &mut self.0 {
            entry.door = door;
        }
    }

    /// The exchange goes this way.
    pub fn routed(&mut self, route: &Route) {
        if let Some(entry) = &mut self.0 {
            entry.route = Some(names::own(&route.name));
            if let Some(spans) = &mut entry.spans {
                spans.routed(|| route.path.to_string());
            }
        }
    }

    /// The exchange goes through an API, to this resource.
    pub fn routed_to(&mut self, resource: &Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.route = Some(names::own(resource));
        }
    }

    /// This upstream is called.
    pub fn called(&mut self, upstream: &Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.upstream = Some(names::own(upstream));
        }
    }

    /// The API has made an answer: by an integration response, or a gateway response and why.
    pub fn executed(&mut self, finished: &Finished) {
        let Some(entry) = &mut self.0 else { return };
        entry.by_api = true;
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

    /// Takes the caller's place in a trace off a request to the upstream, where each try has one of its own.
    pub fn leave_caller(&self, headers: &mut HeaderMap) {
        let Some(entry) = self.0.as_ref().filter(|entry| entry.spans.is_some()) else { return };
        headers.remove(TRACEPARENT);
        if entry.caller.is_none() {
            headers.remove(TRACESTATE);
        }
    }

    /// The request is sent to the upstream. What came of an earlier try no longer counts. The `traceparent` that is to
    /// be sent, where it is not the caller's.
    pub fn tried(&mut self, to: &UpstreamUrl, target: &Uri) -> Option<HeaderValue> {
        let entry = self.0.as_mut()?;
        entry.attempts += 1;
        entry.upstream_status = None;
        entry.upstream_time = None;
        let UpstreamUrl { scheme, authority, base_path, socket } = to;
        let (scheme, socket, path) = (scheme.as_str(), socket.as_deref(), target.path());
        let called = Called { scheme, authority, socket, base_path, path };
        let spans = entry.spans.as_mut()?;
        Some(spans.call(entry.began.elapsed(), called))
    }

    /// The request is sent again, this time to there, although no rule says so: the last try came to this end.
    pub fn tried_again(
        &mut self,
        (why, end): (Repeat, UpstreamFault),
        to: &UpstreamUrl,
        target: &Uri,
    ) -> Option<HeaderValue> {
        self.lost(end);
        let place = self.tried(to, target);
        if let Some(entry) = &mut self.0 {
            entry.retried_by = Some(why.word().into());
            entry.retries.push(why.word());
        }
        place
    }

    /// The request is to be sent again because this rule wants it.
    pub fn retried_by(&mut self, rule: Arc<str>) {
        if let Some(entry) = &mut self.0 {
            entry.retried_by = Some(rule);
            entry.retries.push(SENT_AGAIN);
        }
    }

    /// The request is not sent again although the rule that decided wants it.
    pub fn not_retried(&mut self, obstacle: Obstacle) {
        if let Some(entry) = &mut self.0 {
            entry.not_retried = Some(obstacle);
            entry.retries.push(obstacle.kind());
        }
    }

    /// The head of the upstream's answer is there.
    pub fn answered(&mut self, status: StatusCode) {
        if let Some(entry) = &mut self.0 {
            entry.upstream_status = Some(status);
            let now = entry.began.elapsed();
            entry.upstream_time = Some(now);
            if let Some(spans) = &mut entry.spans {
                spans.answered(now, status.as_u16());
            }
        }
    }

    /// The upstream answers in this version of HTTP.
    pub fn spoke(&mut self, version: Version) {
        if let Some(entry) = &mut self.0
            && let Some(spans) = &mut entry.spans
        {
            spans.spoke(version);
        }
    }

    /// The last try got no whole answer.
    fn lost(&mut self, fault: UpstreamFault) {
        if let Some(entry) = &mut self.0
            && let Some(spans) = &mut entry.spans
        {
            spans.failed(entry.began.elapsed(), fault.kind());
        }
    }

    /// The engine has decided; until then the answer was held, and this much of its body, if any.
    /// What could not be decided or carried out is for an operator to see.
    pub fn decided(&mut self, verdict: Verdict, shadows: Vec<Shadow>, held_bytes: Option<u64>) {
        if let Some(entry) = &mut self.0 {
            let since_head = || entry.began.elapsed().saturating_sub(entry.upstream_time.unwrap_or_default());
            entry.held = held_bytes.map(|bytes| (bytes, since_head()));
            entry.alarming |= matches!(verdict, Verdict::Undecided { .. } | Verdict::Failed { .. });
            entry.verdict = Some(verdict);
            entry.shadows = shadows;
        }
    }

    /// There is no answer of the upstream's to send.
    pub fn failed(&mut self, error: &ProxyError) {
        if let Some(fault) = error.upstream_fault() {
            self.lost(fault);
        }
        if let Some(entry) = &mut self.0 {
            entry.alarming |= error.status().is_server_error();
            entry.fault = error.upstream_fault().map(UpstreamFault::kind);
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
        self.lost(UpstreamFault::of_download(error));
        if let Some(entry) = &mut self.0 {
            entry.alarming = true;
            entry.fault = Some(UpstreamFault::of_download(error).kind());
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
        let caller = TraceParent::of(request.headers());
        let spans = meter.traces().map(|traces| Box::new(Spans::begin(traces, caller.as_ref(), request)));
        Entry {
            meter,
            began: Instant::now(),
            door: Door::Proxy,
            request_id,
            caller,
            spans,
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
            retries: Vec::new(),
            fault: None,
            by_api: false,
            integration_response: None,
            gateway_response: None,
            misfit: None,
            error: None,
            alarming: false,
            complete: false,
            is_sampled: true,
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
        } else if self.is_sampled || !self.is_uneventful() {
            write_event!(self, took, Level::INFO);
        }
        if let Some(spans) = self.spans.take() {
            spans.end(&self.ended(took), self.door.text(), self.fault);
        }
    }

    /// Whether the client got what the upstream said, at the first try, and nothing went wrong.
    fn is_uneventful(&self) -> bool {
        let is_fine = self.status.is_some_and(|status| !status.is_server_error());
        is_fine
            && self.status == self.upstream_status
            && matches!(self.verdict, Some(Verdict::PassThrough { .. }) | None)
            && self.shadows.is_empty()
            && self.attempts <= 1
            && self.not_retried.is_none()
            && self.gateway_response.is_none()
            && self.error.is_none()
    }

    fn count(&self, took: Duration) {
        let status = |status: Option<StatusCode>| status.map_or(0, |status| status.as_u16());
        let statuses = (status(self.upstream_status), status(self.status));
        self.meter.count(&Counted {
            route: self.route.as_deref().unwrap_or_default(),
            statuses,
            verdict: self.verdict.as_ref(),
            verb: self.method.as_ref().map_or(Verb::None, Verb::from),
            door: self.door,
            shadows: &self.shadows,
            held: self.held,
            retries: &self.retries,
            fault: self.upstream.as_deref().zip(self.fault),
            misfit: self.misfit.as_ref().map(|(model, _)| model.as_str()),
            took,
            upstream_time: self.upstream_time,
        });
        let has_passed = match self.verdict {
            Some(Verdict::PassThrough { .. }) => statuses.0 == statuses.1,
            Some(_) => false,
            // A mock answers by itself.
            None => {
                let is_same = self.upstream_status.is_none() || statuses.0 == statuses.1;
                self.by_api && is_same && self.gateway_response.is_none()
            }
        };
        let is_notable = !has_passed || self.alarming || !self.shadows.is_empty();
        self.meter.keep(is_notable, self.began.into_std(), took, || self.ended(took));
    }

    fn ended(&self, took: Duration) -> Ended<'_> {
        Ended {
            request_id: self.request_id.to_str().unwrap_or_default(),
            trace_id: self.place().map(TraceParent::trace_id),
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
            by_api: self.by_api,
            integration_response: self.integration_response.as_deref(),
            gateway_response: self.gateway_response,
            error: self.error.as_deref().or(self.misfit.as_ref().map(|(_, how)| how.as_str())),
            alarming: self.alarming,
        }
    }

    /// Its place in a trace, or the one its caller gave it.
    fn place(&self) -> Option<&TraceParent> {
        self.spans.as_ref().map(|spans| spans.place()).or(self.caller.as_ref())
    }

    /// How it came in, where Candor does not carry it itself.
    fn door(&self) -> Option<&'static str> {
        (self.door != Door::Proxy).then(|| self.door.text())
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
mod tests;
