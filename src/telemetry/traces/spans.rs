//! The spans of one exchange: one for what the client asked of Candor, and one for every time the upstream was asked.
//! While the exchange goes on, little more than their ids is kept.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime};

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Version, header};
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceState};
use opentelemetry::{SpanId, TraceFlags};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::attributes::{Attributes, host, method};
use super::{TRACESTATE, TraceParent, Traces};
use crate::telemetry::meters::Ended;

/// The spans. Times are counted from the exchange's begin.
#[derive(Debug)]
pub struct Spans {
    traces: Traces,
    own: TraceParent,
    /// Absent where the trace is not recorded.
    recorded: Option<Box<Recorded>>,
}

#[derive(Debug)]
struct Recorded {
    caller: Option<TraceParent>,
    state: TraceState,
    authority: Option<Authority>,
    scheme: &'static str,
    version: Option<&'static str>,
    /// The route's path, as it stands in the configuration.
    route: Option<String>,
    calls: Vec<Call>,
}

/// One try to have the request answered.
#[derive(Debug)]
struct Call {
    place: TraceParent,
    url: String,
    /// Where it is: `server.address`, which may be a socket in the file system, and `server.port`.
    address: String,
    port: Option<u16>,
    began: Duration,
    ended: Option<Duration>,
    status: Option<u16>,
    version: Option<&'static str>,
    /// The type of what went wrong (RFC 9209, section 2.3).
    fault: Option<&'static str>,
}

/// Who is called.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host and port.
    pub authority: &'a Authority,
    /// The socket in the file system in their place.
    pub socket: Option<&'a Path>,
    /// What goes before the request's own path.
    pub base_path: &'a str,
    /// The request's own path, without its query.
    pub path: &'a str,
}

impl Spans {
    /// The spans of an exchange that begins with this request.
    pub fn begin<B>(traces: &Traces, caller: Option<&TraceParent>, request: &Request<B>) -> Spans {
        let own = traces.place(caller);
        let recorded = own.is_sampled().then(|| Box::new(Recorded::begin(caller, request)));
        Spans { traces: traces.clone(), own, recorded }
    }

    /// The place of the exchange in its trace.
    pub fn place(&self) -> &TraceParent {
        &self.own
    }

    /// The client speaks this.
    pub fn came_over(&mut self, scheme: &'static str) {
        if let Some(recorded) = &mut self.recorded {
            recorded.scheme = scheme;
        }
    }

    /// The exchange takes the route with this path.
    pub fn routed(&mut self, path: impl FnOnce() -> String) {
        if let Some(recorded) = &mut self.recorded {
            recorded.route = Some(path());
        }
    }

    /// The upstream is asked: the `traceparent` to send to it.
    pub fn call(&mut self, now: Duration, to: Called<'_>) -> HeaderValue {
        let place = self.own.child();
        let sent = place.header();
        if let Some(recorded) = &mut self.recorded {
            recorded.close(now);
            recorded.calls.push(Call::begin(place, now, to));
        }
        sent
    }

    /// The head of the upstream's answer is there.
    pub fn answered(&mut self, now: Duration, status: u16) {
        if let Some(call) = self.call_under_way() {
            call.status = Some(status);
            call.ended = Some(now);
        }
    }

    /// The answer came over this version of HTTP.
    pub fn spoke(&mut self, spoken: Version) {
        if let Some(call) = self.recorded.as_mut().and_then(|recorded| recorded.calls.last_mut()) {
            call.version = version(spoken);
        }
    }

    /// The upstream gave no whole answer.
    pub fn failed(&mut self, now: Duration, fault: &'static str) {
        if let Some(call) = self.recorded.as_mut().and_then(|recorded| recorded.calls.last_mut()) {
            call.fault = Some(fault);
            call.ended = Some(now);
        }
    }

    fn call_under_way(&mut self) -> Option<&mut Call> {
        self.recorded.as_mut()?.calls.last_mut().filter(|call| call.ended.is_none())
    }

    /// The exchange has ended, having come in through this door; what went wrong with the upstream.
    pub fn end(self, told: &Ended<'_>, door: &'static str, fault: Option<&'static str>) {
        let Spans { traces, own, recorded } = self;
        let Some(mut recorded) = recorded else { return };
        recorded.close(told.took);
        #[expect(clippy::disallowed_methods, reason = "a time to be written down; nothing is decided by it")]
        let began = SystemTime::now() - told.took;
        for (index, call) in recorded.calls.drain(..).enumerate().collect::<Vec<_>>() {
            traces.take(call.span(&traces, &own, &recorded.state, began, index, told));
        }
        traces.take(recorded.span(&traces, &own, began, told, door, fault));
    }
}

impl Recorded {
    fn begin<B>(caller: Option<&TraceParent>, request: &Request<B>) -> Recorded {
        let (uri, headers) = (request.uri(), request.headers());
        let host = || headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
        Recorded {
            caller: caller.cloned(),
            state: caller.map(|_| state(headers)).unwrap_or_default(),
            authority: uri.authority().cloned().or_else(host),
            scheme: if uri.scheme_str() == Some("https") { "https" } else { "http" },
            version: version(request.version()),
            route: None,
            calls: Vec::new(),
        }
    }

    /// No more is to come of the last call.
    fn close(&mut self, now: Duration) {
        if let Some(call) = self.calls.last_mut() {
            call.ended.get_or_insert(now);
        }
    }

    fn span(
        self,
        traces: &Traces,
        own: &TraceParent,
        began: SystemTime,
        told: &Ended<'_>,
        door: &'static str,
        fault: Option<&'static str>,
    ) -> SpanData {
        let route = self.route.as_deref().or(told.route);
        let verb = told.method.map_or("HTTP", |asked| method(asked).unwrap_or("HTTP"));
        let name = route.map_or(Cow::Borrowed(verb), |route| Cow::Owned(format!("{verb} {route}")));
        let mut attributes = Attributes(Vec::with_capacity(24));
        attributes.asked(told.method);
        attributes.text("url.path", told.path);
        attributes.put("url.scheme", self.scheme);
        attributes.text("http.route", route);
        if let Some(authority) = &self.authority {
            attributes.server(authority);
        }
        attributes.put("client.address", told.client.to_string());
        attributes.text("network.protocol.version", self.version);
        attributes.number("http.response.status_code", told.status);
        attributes.put("candor.door", door);
        attributes.put("candor.request_id", told.request_id.to_owned());
        attributes.text("candor.route", told.route.filter(|name| self.route.as_deref() != Some(*name)));
        attributes.decided(told);
        attributes.text("candor.error", told.error);
        let status = match told.status.filter(|status| *status >= 500) {
            Some(status) => {
                attributes.put("error.type", fault.map_or_else(|| status.to_string().into(), Cow::Borrowed));
                Status::error(told.error.unwrap_or_default().to_owned())
            }
            None => Status::Unset,
        };
        let (trace_id, span_id) = own.ids();
        let parent = self.caller.as_ref().map_or(SpanId::INVALID, |caller| caller.ids().1);
        let context = SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, self.state);
        let times = (began, began + told.took);
        let is_remote = self.caller.is_some();
        span(traces, context, (parent, is_remote), SpanKind::Server, name, times, attributes, status)
    }
}

impl Call {
    fn begin(place: TraceParent, now: Duration, to: Called<'_>) -> Call {
        let Called { scheme, authority, socket, base_path, path } = to;
        let url = format!("{scheme}://{authority}{base_path}{path}");
        let (address, port) = match socket {
            Some(socket) => (socket.display().to_string(), None),
            None => (host(authority), Some(authority.port_u16().unwrap_or(default_port(scheme)))),
        };
        let (ended, status, version, fault) = (None, None, None, None);
        Call { place, url, address, port, began: now, ended, status, version, fault }
    }

    fn span(
        self,
        traces: &Traces,
        own: &TraceParent,
        state: &TraceState,
        began: SystemTime,
        index: usize,
        told: &Ended<'_>,
    ) -> SpanData {
        let mut attributes = Attributes(Vec::with_capacity(10));
        attributes.asked(told.method);
        attributes.put("url.full", self.url);
        attributes.put("server.address", self.address);
        attributes.number("server.port", self.port);
        attributes.text("network.protocol.version", self.version);
        attributes.number("http.response.status_code", self.status);
        attributes.number("http.request.resend_count", i64::try_from(index).ok().filter(|&again| again > 0));
        attributes.text("candor.upstream", told.upstream);
        let refused = self.status.filter(|status| *status >= 400).map(|status| status.to_string());
        let error = self.fault.map(Cow::Borrowed).or(refused.map(Cow::Owned));
        let status = error.as_ref().map_or(Status::Unset, |_| Status::error(""));
        if let Some(error) = error {
            attributes.put("error.type", error);
        }
        let (trace_id, span_id) = self.place.ids();
        let context = SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state.clone());
        let name = told.method.map_or("HTTP", |asked| method(asked).unwrap_or("HTTP"));
        let times = (began + self.began, began + self.ended.unwrap_or(told.took));
        let parent = (own.ids().1, false);
        span(traces, context, parent, SpanKind::Client, name.into(), times, attributes, status)
    }
}

#[expect(clippy::too_many_arguments, reason = "a span has that many parts")]
fn span(
    traces: &Traces,
    span_context: SpanContext,
    (parent_span_id, parent_span_is_remote): (SpanId, bool),
    span_kind: SpanKind,
    name: Cow<'static, str>,
    (start_time, end_time): (SystemTime, SystemTime),
    attributes: Attributes,
    status: Status,
) -> SpanData {
    SpanData {
        span_context,
        parent_span_id,
        parent_span_is_remote,
        span_kind,
        name,
        start_time,
        end_time,
        attributes: attributes.0,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status,
        instrumentation_scope: traces.0.scope.clone(),
    }
}

/// What others have added to the caller's place; nothing where that is not as the standard wants it.
fn state(headers: &HeaderMap) -> TraceState {
    let lines: Vec<&str> =
        headers.get_all(&TRACESTATE).iter().filter_map(|line| line.to_str().ok()).collect();
    lines.join(",").parse().unwrap_or_default()
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}
