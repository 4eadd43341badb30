//! Exchanges recorded to files, for those who write rules. An exchange is only ever looked at on its way: what is
//! recorded of it goes through a bounded queue to one thread, which takes secrets out and writes. Where the queue is
//! full the recording is dropped and counted; the exchange never waits.

mod files;
mod recordings;
mod sample;

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use http::Request;
use tokio::time::{Duration, Instant};
use tracing::{error, warn};

pub(super) use recordings::Recordings;
pub(super) use sample::Sample;

use crate::engine::hold::Inspect;
use crate::engine::outcome::Verdict;
use crate::live::Snapshot;
use crate::settings::{Capture, Kind};
use crate::telemetry::meters::Meters;
use crate::telemetry::metrics::families::CAPTURES_DROPPED;
use crate::traffic::capture::{Made, Writing};
use crate::traffic::redact::Redaction;
use files::Files;
use sample::Taken;

/// Between two events that tell of dropped recordings.
const DROPPED_PAUSE: Duration = Duration::from_secs(10);
/// Exchanges that may wait to be written.
const QUEUE: usize = 256;

/// The way from exchanges to files, shared by all workers.
#[derive(Debug)]
pub(super) struct Captures {
    wanted: Capture,
    queue: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Message {
    Exchange(Box<Taken>),
    Stop,
}

impl Captures {
    /// Starts recording, if the configuration wants it.
    ///
    /// # Errors
    /// When the folder cannot be had.
    fn start(snapshot: &Snapshot, meters: &Meters) -> io::Result<Option<Arc<Captures>>> {
        let Some(wanted) = snapshot.settings.capture.clone() else { return Ok(None) };
        let files = Files::new(&wanted).map_err(|error| {
            let folder = wanted.folder.display();
            io::Error::new(error.kind(), format!("cannot capture to `{folder}`: {error}"))
        })?;
        let (queue, messages) = sync_channel(QUEUE);
        let dropped = meters.tally(&CAPTURES_DROPPED, &[]);
        let writer = Writer {
            files,
            messages,
            dropped: Arc::clone(&dropped),
            redaction: Redaction::new(&wanted.redact.headers, &wanted.redact.fields),
            inspect: snapshot.limits.inspect.clone(),
            body_bytes_max: wanted.body_bytes,
        };
        let writer = thread::Builder::new().name("capture".to_owned()).spawn(move || writer.run())?;
        Ok(Some(Arc::new(Captures { wanted, queue, dropped, writer: Mutex::new(Some(writer)) })))
    }

    /// Begins to record an exchange, if it is one of those that are looked at.
    pub fn sample<B>(
        self: &Arc<Captures>,
        request: &Request<B>,
        route: &Arc<str>,
        client: IpAddr,
    ) -> Option<Sample> {
        let rate = self.wanted.rate_millionths;
        if rate < 1_000_000 && fastrand::u32(..1_000_000) >= rate {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "a time to be written down; nothing is decided by it")]
        let now = SystemTime::now();
        Some(Sample::new(Arc::clone(self), request, route, client, now))
    }

    /// Takes what was recorded, unless too much waits already.
    fn take(&self, taken: Box<Taken>) {
        if self.queue.try_send(Message::Exchange(taken)).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Whether an exchange is wanted of which this was made.
    fn wants(&self, made: &Made) -> bool {
        let Capture { only, rules, .. } = &self.wanted;
        let is_of_kind = only.is_empty()
            || only.contains(&kind(made))
            || (only.contains(&Kind::Shadow) && !made.shadows().is_empty());
        let mut spoke = made.rule().into_iter().chain(made.shadows().iter().map(|it| &*it.rule));
        is_of_kind && (rules.is_empty() || spoke.any(|rule| rules.iter().any(|wanted| wanted == rule)))
    }

    /// Waits until everything that was taken is written. Nothing is taken from then on.
    pub fn finish(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && self.queue.send(Message::Stop).is_ok()
        {
            // A writer that panicked has said so already.
            let _ = writer.join();
        }
    }
}

/// The kind of exchange of which this was made.
fn kind(made: &Made) -> Kind {
    match made {
        Made::ByRules { outcome, .. } => match &outcome.verdict {
            Verdict::PassThrough { .. } => Kind::Passed,
            Verdict::Rewrite { .. } => Kind::Translated,
            Verdict::Undecided { .. } => Kind::Undecided,
            Verdict::Failed { .. } => Kind::Failed,
        },
        Made::ByApi(it) if it.gateway_response.is_some() => Kind::Failed,
        Made::ByApi(it) if it.is_changed => Kind::Translated,
        Made::ByApi(_) => Kind::Passed,
    }
}

/// The thread that writes.
struct Writer {
    files: Files,
    messages: Receiver<Message>,
    dropped: Arc<AtomicU64>,
    redaction: Redaction,
    inspect: Inspect,
    body_bytes_max: u64,
}

impl Writer {
    fn run(mut self) {
        let writing = Writing {
            inspect: &self.inspect,
            body_bytes_max: self.body_bytes_max,
            redaction: &self.redaction,
        };
        let mut told = Told { dropped: self.dropped.load(Relaxed), ..Told::default() };
        loop {
            let message = match self.messages.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => break,
                // Nothing more for now: what is there is written.
                Err(TryRecvError::Empty) => {
                    told.written(self.files.write_out());
                    told.dropped(&self.dropped, DROPPED_PAUSE);
                    match self.messages.recv() {
                        Ok(message) => message,
                        Err(_) => break,
                    }
                }
            };
            let Message::Exchange(taken) = message else { break };
            told.written(self.files.push(&taken.into_captured().to_line(&writing)));
            told.dropped(&self.dropped, DROPPED_PAUSE);
        }
        told.written(self.files.write_out());
        told.dropped(&self.dropped, Duration::ZERO);
    }
}

/// What the log was told, so that it is not told too often.
#[derive(Default)]
struct Told {
    has_failed: bool,
    dropped_at: Option<Instant>,
    /// Those that it knows of.
    dropped: u64,
}

impl Told {
    /// Says that captures cannot be written, once until they can again.
    fn written(&mut self, written: io::Result<()>) {
        if let Err(error) = &written
            && !self.has_failed
        {
            error!(%error, "captures cannot be written");
        }
        self.has_failed = written.is_err();
    }

    /// Says how many recordings were dropped, unless it did so a moment ago.
    fn dropped(&mut self, dropped: &AtomicU64, pause: Duration) {
        let all = dropped.load(Relaxed);
        if all == self.dropped || self.dropped_at.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        self.dropped_at = Some(Instant::now());
        let dropped = all - self.dropped;
        self.dropped = all;
        warn!(dropped, "exchanges were not captured: there were more than could be written");
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::engine::AnswerHead;
    use crate::engine::outcome::{Outcome, Shadow, Undecided};

    /// A way to files at whose end nobody writes.
    fn stuck(wanted: Capture) -> (Arc<Captures>, Receiver<Message>) {
        let (queue, messages) = sync_channel(1);
        let (dropped, writer) = (Arc::default(), Mutex::new(None));
        (Arc::new(Captures { wanted, queue, dropped, writer }), messages)
    }

    fn sample(captures: &Arc<Captures>) -> Option<Sample> {
        captures.sample(&Request::new(()), &"all".into(), "192.0.2.7".parse().unwrap())
    }

    fn exchange(captures: &Arc<Captures>, outcome: &Outcome) {
        let sample = sample(captures).unwrap();
        sample.answered(&AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() });
        sample.decided(None, outcome);
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let (captures, _messages) = stuck(Capture::to("x"));
        for _ in 0..3 {
            exchange(&captures, &Outcome::pass());
        }
        assert_eq!(captures.dropped.load(Relaxed), 2);
    }

    #[test]
    fn an_exchange_without_an_answer_is_none() {
        let (captures, messages) = stuck(Capture::to("x"));
        drop(sample(&captures));
        assert!(messages.try_recv().is_err());
    }

    #[test]
    fn the_rate_is_that_of_samples() {
        let (captures, _messages) = stuck(Capture { rate_millionths: 0, ..Capture::to("x") });
        assert!(sample(&captures).is_none());
        let (captures, _messages) = stuck(Capture { rate_millionths: 500_000, ..Capture::to("x") });
        let sampled = (0..1000).filter(|_| sample(&captures).is_some()).count();
        assert!((300..700).contains(&sampled), "{sampled}");
    }

    #[test]
    fn kinds_and_rules_choose_what_is_taken() {
        let check = |only: &[Kind], rules: &[&str], outcome: &Outcome, expected: bool| {
            let (only, rules) = (only.to_vec(), rules.iter().map(|rule| (*rule).to_owned()).collect());
            let (captures, messages) = stuck(Capture { only, rules, ..Capture::to("x") });
            exchange(&captures, outcome);
            assert_eq!(messages.try_recv().is_ok(), expected, "{:?} {outcome:?}", captures.wanted);
        };
        let passed = Outcome::pass();
        let translated = Outcome { verdict: Verdict::Rewrite { rule: "a/b".into() }, ..Outcome::pass() };
        let undecided =
            Outcome { verdict: Verdict::Undecided { reason: Undecided::CutShort }, ..Outcome::pass() };
        let shadows = vec![Shadow { rule: "a/s".into(), status: None }];
        let shadowed = Outcome { shadows, ..Outcome::pass() };
        check(&[], &[], &passed, true);
        check(&[Kind::Translated], &[], &passed, false);
        check(&[Kind::Translated], &[], &translated, true);
        check(&[Kind::Undecided, Kind::Failed], &[], &undecided, true);
        check(&[Kind::Undecided, Kind::Failed], &[], &translated, false);
        check(&[Kind::Shadow], &[], &shadowed, true);
        check(&[Kind::Shadow], &[], &passed, false);
        check(&[], &["a/b"], &translated, true);
        check(&[], &["a/s"], &shadowed, true);
        check(&[], &["a/b"], &shadowed, false);
        check(&[Kind::Passed], &["a/b"], &translated, false);
    }
}
