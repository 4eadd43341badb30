//! The record of one exchange: what its one log event says. Filled as the exchange goes on, written when the
//! answer's body is finished or dropped. Holds no bodies and no query values.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode};
use tokio::time::{Duration, Instant};
use tracing::{Level, enabled, event};

use super::error::ProxyError;
use crate::engine::outcome::{Shadow, Verdict};

/// The target of the event, for log filters. A macro because `tracing` wants a constant of its own.
macro_rules! exchange_target {
    () => {
        "candor::exchange"
    };
}

/// One exchange, for the log.
#[derive(Debug)]
pub(super) struct Record {
    began: Instant,
    request_id: HeaderValue,
    client: IpAddr,
    method: Method,
    target: Option<PathAndQuery>,
    /// The route's name.
    pub route: Option<Arc<str>>,
    /// The upstream's name.
    pub upstream: Option<Arc<str>>,
    /// The name of the rule set in force.
    pub rule_set: Option<Arc<str>>,
    upstream_status: Option<StatusCode>,
    upstream_time: Option<Duration>,
    status: StatusCode,
    verdict: Option<Verdict>,
    shadows: Vec<Shadow>,
    held: Option<(u64, Duration)>,
    sent_bytes: u64,
    error: Option<String>,
    alarming: bool,
}

impl Record {
    /// A record that begins now; `None` when nobody would read it.
    pub fn begin(
        request_id: &HeaderValue,
        client: IpAddr,
        method: &Method,
        target: Option<&PathAndQuery>,
    ) -> Option<Box<Record>> {
        enabled!(target: exchange_target!(), Level::WARN).then(|| {
            Box::new(Record {
                began: Instant::now(),
                request_id: request_id.clone(),
                client,
                method: method.clone(),
                target: target.cloned(),
                route: None,
                upstream: None,
                rule_set: None,
                upstream_status: None,
                upstream_time: None,
                status: StatusCode::OK,
                verdict: None,
                shadows: Vec::new(),
                held: None,
                sent_bytes: 0,
                error: None,
                alarming: false,
            })
        })
    }

    /// The head of the upstream's answer is there.
    pub fn answered(&mut self, status: StatusCode) {
        self.upstream_status = Some(status);
        self.upstream_time = Some(self.began.elapsed());
    }

    /// The answer was held since its head came, until now.
    pub fn held(&mut self, bytes: u64) {
        let since = self.upstream_time.unwrap_or_default();
        self.held = Some((bytes, self.began.elapsed().saturating_sub(since)));
    }

    /// The engine has decided. What could not be decided or carried out is for an operator to see.
    pub fn decided(&mut self, verdict: Verdict, shadows: Vec<Shadow>) {
        self.alarming |= matches!(verdict, Verdict::Undecided { .. } | Verdict::Failed { .. });
        self.verdict = Some(verdict);
        self.shadows = shadows;
    }

    /// There is no answer of the upstream's to send.
    pub fn failed(&mut self, error: &ProxyError) {
        self.alarming |= error.status().is_server_error();
        self.error = Some(error.to_string());
    }

    /// The head goes to the client with this status.
    pub fn responded(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Some bytes of the body went to the client.
    pub fn sent(&mut self, bytes: usize) {
        self.sent_bytes += bytes as u64;
    }

    /// The upstream broke off after the head had gone to the client.
    pub fn broken_off(&mut self, error: &hyper::Error) {
        self.alarming = true;
        self.error = Some(format!("the upstream's answer broke off: {error}"));
    }

    /// Writes the event; `complete` says whether the client took the whole body.
    pub fn write(mut self, complete: bool) {
        if !complete && self.error.is_none() {
            self.error = Some("the client went away".to_owned());
        }
        macro_rules! write_event {
            ($level:expr) => {
                event!(
                    target: exchange_target!(),
                    $level,
                    request_id = self.request_id.to_str().ok(),
                    client = %self.client,
                    method = self.method.as_str(),
                    route = self.route.as_deref(),
                    path = self.target.as_ref().map(PathAndQuery::path),
                    upstream = self.upstream.as_deref(),
                    upstream_status = self.upstream_status.map(|status| status.as_u16()),
                    status = self.status.as_u16(),
                    rule_set = self.rule_set.as_deref(),
                    rule = self.verdict.as_ref().and_then(Verdict::rule),
                    mode = self.mode(),
                    verdict = self.verdict.as_ref().map(Verdict::word),
                    reason = self.verdict.as_ref().and_then(Verdict::reason),
                    shadow = self.shadow(),
                    held_bytes = self.held.map(|(bytes, _)| bytes),
                    held_ms = self.held.map(|(_, time)| milliseconds(time)),
                    upstream_ms = self.upstream_time.map(milliseconds),
                    total_ms = milliseconds(self.began.elapsed()),
                    sent_bytes = self.sent_bytes,
                    error = self.error.as_deref(),
                    "exchange"
                )
            };
        }
        if self.alarming {
            write_event!(Level::WARN);
        } else {
            write_event!(Level::INFO);
        }
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
