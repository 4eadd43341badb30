//! The tries of one exchange. A request is sent again when the rule that decided about its answer says so and
//! nothing stands against it, and once, on a new connection, when a kept-alive one was lost under it. Where there are
//! several endpoints each try prefers another, and one that could not be begun is made elsewhere. Nothing of an answer
//! has gone to the client until then, and nothing of it will.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use tokio::time::Instant;

use super::error::{ProxyError, UpstreamFault};
use super::hold::Decided;
use super::intake::Intake;
use super::interims::Interims;
use super::place::Way;
use super::record::Record;
use super::request_body::{BodyCopy, RequestBody};
use super::several::Choice;
use super::upstream::{Patience, RequestHead, Taken, Upstream};
use crate::engine::Outcome;
use crate::engine::outcome::Verdict;
use crate::engine::retry::Retry;

/// What is tried, and what is needed to try again.
pub(super) struct Tries<'a> {
    upstream: &'a Upstream,
    head: RequestHead<'a>,
    /// `None` for a request that is never sent again.
    spare: Option<Spare>,
    /// When the exchange has to be over, all its tries together.
    end: Option<Instant>,
    /// Tries that rules have caused.
    further: u32,
    /// The endpoint of the last try, where there is a choice.
    choice: Option<Rc<Choice>>,
}

/// How often a request is sent elsewhere because an endpoint could not be reached.
const ELSEWHERE_MAX: u32 = 2;

/// Why a request is sent once more although no rule says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Its connection was lost before anything had come back.
    Lost,
    /// No connection was to be had for it, and there are other endpoints.
    Elsewhere,
}

/// What a request needs to be sent once more.
struct Spare {
    body: BodyCopy,
    body_bytes_max: u64,
    /// When the client has waited long enough for a head: all tries together take no longer than one may. Of no
    /// use where no rule may cause any.
    deadline: Option<Instant>,
}

/// What a rule may make of a request, known before it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prospect {
    /// Whether some rule might want it sent again.
    pub may_retry: bool,
    /// How much of its body is then kept.
    pub body_bytes_max: u64,
}

/// Why a request is not sent again although the rule that decided wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The rule does not allow it for this method.
    Method,
    /// Its body was not kept whole.
    Body {
        /// `server.retry.body_bytes`.
        bytes_max: u64,
    },
    /// The sidecar is stopping.
    Draining,
    /// The pause would be longer than the client may be kept waiting.
    Time,
    /// The upstream's budget is spent.
    Budget,
    /// Envoy carries the exchange, and whether it is tried again is its own policy's to say.
    Envoys,
}

impl Repeat {
    /// What stands in place of a rule that was the reason.
    pub fn word(self) -> &'static str {
        match self {
            Repeat::Lost => "lost connection",
            Repeat::Elsewhere => "another endpoint",
        }
    }
}

impl Obstacle {
    /// It without its number.
    pub fn kind(self) -> &'static str {
        match self {
            Obstacle::Method => "method not repeatable",
            Obstacle::Body { .. } => "request body too long",
            Obstacle::Draining => "draining",
            Obstacle::Time => "no time left",
            Obstacle::Budget => "over budget",
            Obstacle::Envoys => "left to Envoy",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Body { bytes_max } => write!(f, "request body over {bytes_max} bytes"),
            other => f.write_str(other.kind()),
        }
    }
}

impl<'a> Tries<'a> {
    /// The first try's body. A copy of it is kept where there is use for one: rules may want it, or it is a request
    /// that may be repeated, without body on a new connection, or at another endpoint, or because it was given back.
    pub fn begin(
        upstream: &'a Upstream,
        head: RequestHead<'a>,
        body: Intake,
        prospect: Prospect,
    ) -> (RequestBody, Tries<'a>) {
        upstream.budget.earn();
        let is_kept = body.is_end_stream() || upstream.has_several();
        let is_repeatable = (head.method.is_idempotent() && is_kept) || upstream.may_give_back();
        let (body, spare) = if prospect.may_retry || is_repeatable {
            let (body, copy) = RequestBody::kept(body, prospect.body_bytes_max);
            let deadline = prospect.may_retry.then(|| Instant::now() + upstream.timeouts.response);
            (body, Some(Spare { body: copy, body_bytes_max: prospect.body_bytes_max, deadline }))
        } else {
            (RequestBody::Streaming(body), None)
        };
        let end = upstream.timeouts.total.map(|time| Instant::now() + time);
        (body, Tries { upstream, head, spare, end, further: 0, choice: None })
    }

    /// Sends the request and waits for the head of the answer. Interim ones go to the client.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn send(
        &mut self,
        body: RequestBody,
        client: Interims<'_>,
        record: &mut Record,
    ) -> Result<Taken, ProxyError> {
        let (mut body, mut way, mut elsewhere, mut again) = (Some(body), Way::Any, 0, None);
        loop {
            self.choice = self.upstream.choose(self.choice.as_deref());
            let choice = self.choice.as_ref();
            let (to, target) = (self.upstream.url(choice), self.head.uri);
            let trace = match again {
                None => record.tried(to, target),
                Some(again) => record.tried_again(again, to, target),
            };
            let head = self.head(trace.as_ref());
            let sent = self.upstream.send(choice, head, &mut body, Some(client), way, self.patience()).await;
            let Err(error) = sent else { return sent };
            if let Some(choice) = choice {
                choice.failed(&error);
            }
            again = self.repeat(&error, &mut body);
            match again {
                Some((Repeat::Lost, _)) if way == Way::Any => way = Way::Fresh,
                Some((Repeat::Elsewhere, _)) if elsewhere < ELSEWHERE_MAX => elsewhere += 1,
                _ => return Err(error),
            };
        }
    }

    /// Why a try that got no answer is made once more, if it is, with its body, and the end it came to.
    fn repeat(&self, error: &ProxyError, body: &mut Option<RequestBody>) -> Option<(Repeat, UpstreamFault)> {
        let fault = error.upstream_fault()?;
        if body.is_some() {
            // Nothing of it was sent, so that it does not matter what it is.
            return (self.choice.is_some() && fault.is_of_endpoint()).then_some((Repeat::Elsewhere, fault));
        }
        *body = Some(match fault {
            // Nothing came of it, so that it does not matter what it is.
            UpstreamFault::GivenBack => self.spare.as_ref()?.body().ok()?,
            UpstreamFault::Lost => self.repeatable_as_it_is()?,
            // One endpoint that ends without an answer may do so again; of several, another may be well.
            UpstreamFault::Closed if self.choice.is_some() => self.repeatable_as_it_is()?,
            _ => return None,
        });
        Some((Repeat::Lost, fault))
    }

    /// What is known now of the endpoint that gave the answer: it is judged by what the answer really says.
    pub fn judge(&self, decided: &Decided, status: StatusCode) {
        if let Some(choice) = &self.choice {
            choice.answered(decided.really(status));
        }
    }

    /// The request's head, with the place of this try in a trace.
    fn head<'h>(&'h self, trace: Option<&'h HeaderValue>) -> RequestHead<'h> {
        RequestHead { trace, ..self.head }
    }

    /// The body once more and the pause before it, where the rule that decided wants that and nothing stands
    /// against it.
    pub fn again(
        &mut self,
        outcome: &Outcome,
        draining: bool,
        record: &mut Record,
    ) -> Option<(RequestBody, Duration)> {
        let retry = outcome.retry.as_ref().filter(|retry| self.further < retry.attempts)?;
        match self.prepared(retry, draining) {
            Ok(prepared) => {
                self.further += 1;
                if let Verdict::Rewrite { rule } = &outcome.verdict {
                    record.retried_by(Arc::clone(rule));
                }
                Some(prepared)
            }
            Err(obstacle) => {
                record.not_retried(obstacle);
                None
            }
        }
    }

    fn prepared(&self, retry: &Retry, draining: bool) -> Result<(RequestBody, Duration), Obstacle> {
        let is_allowed = retry.repeatable.allows(self.head.method, self.head.headers);
        let spare = self.spare.as_ref().filter(|_| is_allowed).ok_or(Obstacle::Method)?;
        if draining {
            return Err(Obstacle::Draining);
        }
        let pause = part_of(retry.pause_max(self.further + 1));
        let now = Instant::now();
        if spare.time_left(now) <= pause {
            return Err(Obstacle::Time);
        }
        if !self.upstream.budget.affords(now) {
            return Err(Obstacle::Budget);
        }
        let body = spare.body()?;
        self.upstream.budget.spend();
        Ok((body, pause))
    }

    /// The body, if sending the request twice is no different from sending it once (RFC 9110, section 9.2.2).
    fn repeatable_as_it_is(&self) -> Option<RequestBody> {
        self.spare.as_ref().filter(|_| self.head.method.is_idempotent())?.body().ok()
    }

    fn patience(&self) -> Patience {
        let head = match &self.spare {
            Some(spare) if self.further > 0 => spare.time_left(Instant::now()),
            _ => self.upstream.timeouts.response,
        };
        Patience { head, end: self.end }
    }
}

impl Spare {
    fn time_left(&self, now: Instant) -> Duration {
        self.deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(now))
    }

    fn body(&self) -> Result<RequestBody, Obstacle> {
        self.body.again().ok_or(Obstacle::Body { bytes_max: self.body_bytes_max })
    }
}

/// A random part of a pause ("full jitter").
fn part_of(pause: Duration) -> Duration {
    let nanoseconds = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(fastrand::u64(..=nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_part_of_the_longest() {
        for longest in [0, 1, 1_000_000] {
            let longest = Duration::from_nanos(longest);
            assert!((0..100).all(|_| part_of(longest) <= longest));
        }
        let hour = Duration::from_secs(3600);
        let pauses: std::collections::HashSet<Duration> = (0..100).map(|_| part_of(hour)).collect();
        assert!(pauses.len() > 90);
    }

    fn spare(body: BodyCopy, deadline: Instant) -> Spare {
        Spare { body, body_bytes_max: 9, deadline: Some(deadline) }
    }

    #[test]
    fn a_body_that_was_not_kept_is_an_obstacle() {
        let check = |copy: BodyCopy, expected: Option<Obstacle>| {
            assert_eq!(spare(copy, Instant::now()).body().err(), expected);
        };
        check(BodyCopy::Empty, None);
        check(BodyCopy::TooLong, Some(Obstacle::Body { bytes_max: 9 }));
    }

    #[test]
    fn time_runs_out_at_the_deadline() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let check = |deadline: Instant, expected: Duration| {
            assert_eq!(spare(BodyCopy::Empty, deadline).time_left(now), expected);
        };
        check(now + second, second);
        check(now, Duration::ZERO);
        check(now - second, Duration::ZERO);
    }

    #[test]
    fn obstacles_are_told_in_words() {
        let check = |obstacle: Obstacle, expected: &str| assert_eq!(obstacle.to_string(), expected);
        check(Obstacle::Method, "method not repeatable");
        check(Obstacle::Body { bytes_max: 65_536 }, "request body over 65536 bytes");
        check(Obstacle::Draining, "draining");
        check(Obstacle::Time, "no time left");
        check(Obstacle::Budget, "over budget");
    }
}
