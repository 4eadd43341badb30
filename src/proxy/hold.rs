//! Holds an answer back while some rule waits for its body: reads frames, shows them to the engine, and stops as
//! soon as the outcome is settled, the body ends, or a bound is reached. What was held goes out as it came.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body as _, Frame};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::body::{Content, Held};
use super::download::{Download, DownloadError};
use crate::engine::outcome::{Outcome, Undecided, Verdict};
use crate::engine::{Evaluation, Inquiry, Progress};
use crate::live::{Holds, Share};

/// What the engine decided, and the upstream's body as it can still be sent.
pub(super) struct Decided {
    /// What is to become of the answer.
    pub outcome: Outcome,
    /// The upstream's body.
    pub content: Content,
    /// Bytes that had come when the outcome was settled; `None` when the head settled it.
    pub held_bytes: Option<u64>,
    /// The upstream broke off: the body cannot be sent.
    pub broken: Option<DownloadError>,
}

impl Decided {
    /// A decision made without the body.
    pub fn by_head(outcome: Outcome, body: Download) -> Decided {
        Decided { outcome, content: Content::Streaming(body), held_bytes: None, broken: None }
    }

    /// What an answer with this status says of who gave it: the status that rules have found in it. `None` where it
    /// broke off. What Candor makes of an answer that it could not decide about is none of the upstream's doing.
    pub fn really(&self, status: StatusCode) -> Option<StatusCode> {
        match &self.outcome.verdict {
            _ if self.broken.is_some() => None,
            Verdict::Rewrite { .. } => Some(self.outcome.mutation.status.unwrap_or(status)),
            Verdict::PassThrough { .. } | Verdict::Undecided { .. } | Verdict::Failed { .. } => Some(status),
        }
    }
}

/// Asks the engine, holding as much of the body as it needs and the bounds allow.
pub(super) async fn decide(inquiry: &Inquiry<'_>, body: Download, holds: &Arc<Holds>) -> Decided {
    match inquiry.begin() {
        Progress::Settled(outcome) => Decided::by_head(*outcome, body),
        Progress::Waiting(mut evaluation) => hold(inquiry, &mut evaluation, body, holds).await,
    }
}

/// A body that is not whole by then is slow: it may be a stream, and is read as it comes.
const BRISK: Duration = Duration::from_millis(20);

/// The time that a body has, from when it was first waited for. One that has come already costs no look at the
/// clock.
struct Wait {
    time_max: Duration,
    began: Option<Instant>,
    is_brisk: bool,
    alarm: Alarm,
}

/// What a body has to say.
enum Waited {
    /// A part of it, or its end.
    Frame(Option<Result<Frame<Bytes>, DownloadError>>),
    /// Nothing for now. Said once.
    Slow,
    /// Nothing for too long.
    Late,
}

impl Wait {
    fn new(time_max: Duration) -> Wait {
        Wait { time_max, began: None, is_brisk: BRISK < time_max, alarm: Alarm::default() }
    }

    fn poll_frame(&mut self, body: &mut Download, context: &mut Context<'_>) -> Poll<Waited> {
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            return Poll::Ready(Waited::Frame(frame));
        }
        let began = *self.began.get_or_insert_with(Instant::now);
        let time = if self.is_brisk { BRISK } else { self.time_max };
        ready!(self.alarm.poll(context, began + time));
        let is_brisk = replace(&mut self.is_brisk, false);
        Poll::Ready(if is_brisk { Waited::Slow } else { Waited::Late })
    }
}

async fn hold(
    inquiry: &Inquiry<'_>,
    evaluation: &mut Evaluation,
    mut body: Download,
    holds: &Arc<Holds>,
) -> Decided {
    let bounds = inquiry.hold();
    let bytes_max = bounds.max_bytes;
    let mut wait = Wait::new(bounds.max_time);
    let mut held = Holding { share: holds.share(), ..Holding::default() };
    loop {
        let frame = match poll_fn(|context| wait.poll_frame(&mut body, context)).await {
            Waited::Frame(frame) => frame,
            Waited::Slow => match evaluation.catch_up(inquiry) {
                Some(outcome) => return held.settled(outcome, body),
                None => continue,
            },
            Waited::Late => return held.settled(evaluation.give_up(inquiry, Undecided::OverTime), body),
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return held.broken(evaluation.give_up(inquiry, Undecided::CutShort), error),
            None => return held.finished(evaluation, inquiry),
        };
        let chunk = match frame.into_data() {
            Ok(chunk) => chunk,
            Err(frame) => {
                held.trailers = frame.into_trailers().ok().map(Box::new);
                continue;
            }
        };
        // The engine is shown no byte past the bound, so that the verdict does not hang on how frames fall.
        let room = usize::try_from(bytes_max - held.bytes).unwrap_or(usize::MAX);
        let over = chunk.len() > room;
        let outcome = if over {
            evaluation.feed(inquiry, &chunk.slice(..room))
        } else {
            evaluation.feed(inquiry, &chunk)
        };
        let within_total = held.push(chunk);
        if let Some(outcome) = outcome {
            return held.settled(outcome, body);
        }
        if over {
            return held.settled(evaluation.give_up(inquiry, Undecided::OverBytes { bytes_max }), body);
        }
        if !within_total {
            let bytes_max = holds.bytes_max();
            return held.settled(evaluation.give_up(inquiry, Undecided::OverTotal { bytes_max }), body);
        }
        if body.is_end_stream() {
            return held.finished(evaluation, inquiry);
        }
    }
}

/// What has come of the body, at most one frame more than the bound.
#[derive(Default)]
struct Holding {
    chunks: VecDeque<Bytes>,
    trailers: Option<Box<http::HeaderMap>>,
    bytes: u64,
    share: Share,
}

impl Holding {
    /// Keeps a chunk; says whether all exchanges may hold that much.
    fn push(&mut self, chunk: Bytes) -> bool {
        let within_total = self.share.take(chunk.len());
        self.bytes += chunk.len() as u64;
        self.chunks.push_back(chunk);
        within_total
    }

    /// The outcome stands; the rest of the body may stream.
    fn settled(self, outcome: Outcome, rest: Download) -> Decided {
        self.decided(outcome, Some(rest))
    }

    /// The body has ended, which settles every rule.
    fn finished(mut self, evaluation: &mut Evaluation, inquiry: &Inquiry<'_>) -> Decided {
        let outcome = evaluation.finish(inquiry, || self.join());
        self.decided(outcome, None)
    }

    fn broken(self, outcome: Outcome, error: DownloadError) -> Decided {
        Decided { outcome, content: Content::Empty, held_bytes: Some(self.bytes), broken: Some(error) }
    }

    fn decided(self, outcome: Outcome, rest: Option<Download>) -> Decided {
        let content =
            Content::Held(Held { chunks: self.chunks, trailers: self.trailers, rest, share: self.share });
        Decided { outcome, content, held_bytes: Some(self.bytes), broken: None }
    }

    /// All that came as one piece, which takes the place of the pieces.
    fn join(&mut self) -> Bytes {
        if self.chunks.len() > 1 {
            let mut whole = BytesMut::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
            self.chunks.drain(..).for_each(|chunk| whole.extend_from_slice(&chunk));
            self.chunks.push_back(whole.freeze());
        }
        self.chunks.front().cloned().unwrap_or_default()
    }
}
