//! One stream of gRPC: what Envoy sends goes to the [`Exchange`], what that says goes back. The stream is a body that
//! drives itself whenever it is asked for more, so that no other task is on its way.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use prost::Message;
use tokio::select;
use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use super::grpc::{self, Arrived, Inbound};
use super::misuse::Misuse;
use super::server::Worker;
use super::state::Exchange;
use super::wire::ProcessingRequest;
use crate::proxy::Incoming;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const OK: HeaderValue = HeaderValue::from_static("0");
const INVALID_ARGUMENT: HeaderValue = HeaderValue::from_static("3");
const UNIMPLEMENTED: HeaderValue = HeaderValue::from_static("12");

/// A body that is not whole by then is slow: it may be a stream, and is read as it comes.
const BRISK: Duration = Duration::from_millis(20);

/// What is sent to Envoy.
pub(super) struct Outbound {
    conversation: Option<Pin<Box<dyn Future<Output = HeaderMap>>>>,
    said: Said,
}

/// What was said and not yet sent.
type Said = Rc<RefCell<VecDeque<Bytes>>>;

impl Outbound {
    /// What is said to what comes in.
    pub fn new(worker: Worker, incoming: Incoming) -> Outbound {
        let said = Said::default();
        let conversation = converse(worker, incoming, Rc::clone(&said));
        Outbound { conversation: Some(Box::pin(conversation)), said }
    }

    /// What is said to a call of anything else.
    pub fn unimplemented() -> Outbound {
        let trailers =
            trailers(UNIMPLEMENTED, "only envoy.service.ext_proc.v3.ExternalProcessor/Process is here");
        Outbound { conversation: Some(Box::pin(async { trailers })), said: Said::default() }
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Outbound { conversation, said } = &mut *self;
        loop {
            if let Some(bytes) = said.borrow_mut().pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let Some(running) = conversation else { return Poll::Ready(None) };
            let ended = running.as_mut().poll(context);
            let is_silent = said.borrow().is_empty();
            match ended {
                Poll::Ready(trailers) if is_silent => {
                    *conversation = None;
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                // What was said goes first.
                Poll::Ready(trailers) => *conversation = Some(Box::pin(async { trailers })),
                Poll::Pending if is_silent => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }
}

/// Talks until there is nothing more to say; how that ended, for the other side.
async fn converse(worker: Worker, mut incoming: Incoming, said: Said) -> HeaderMap {
    let snapshot = worker.snapshot();
    let mut exchange = Exchange::new(&snapshot, &worker.meter);
    let mut inbound = Inbound::new(snapshot.holds.share());
    let mut wait = Wait::default();
    let mut replies = Vec::new();
    let mut is_observed = false;
    let total_max = snapshot.holds.bytes_max();
    loop {
        let waited = select! {
            biased;
            frame = incoming.frame() => Waited::Frame(frame),
            waited = wait.over(exchange.holds()) => waited,
        };
        match waited {
            Waited::Slow => exchange.slow(&mut replies),
            Waited::Late => exchange.late(&mut replies),
            // Envoy resets every stream that is over, and one that is not is over, too.
            Waited::Frame(None | Some(Err(_))) => return trailers(OK, ""),
            Waited::Frame(Some(Ok(frame))) => {
                let Ok(bytes) = frame.into_data() else { continue };
                inbound.push(bytes);
                while let Some(arrived) = inbound.next(exchange.message_bytes_max()) {
                    if let Err(misuse) =
                        take(&mut exchange, arrived, total_max, &mut is_observed, &mut replies)
                    {
                        return refused(misuse);
                    }
                }
            }
        }
        if is_observed {
            replies.clear();
        }
        if !replies.is_empty() {
            let mut bytes = BytesMut::new();
            replies.drain(..).for_each(|reply| grpc::write(&reply, &mut bytes));
            said.borrow_mut().push_back(bytes.freeze());
            // What was said is sent before more is heard, so that nobody has more said than the other side reads.
            yield_once().await;
        }
    }
}

fn take(
    exchange: &mut Exchange<'_>,
    arrived: Arrived,
    bytes_max: u64,
    is_observed: &mut bool,
    replies: &mut Vec<super::wire::ProcessingResponse>,
) -> Result<(), Misuse> {
    match arrived {
        Arrived::Message(message) => {
            let message = ProcessingRequest::decode(message).map_err(|_| Misuse::Disorder)?;
            *is_observed |= message.observability_mode;
            exchange.take(message, replies)
        }
        Arrived::Oversized => exchange.unread(None, replies),
        Arrived::NoRoom => exchange.unread(Some(bytes_max), replies),
        Arrived::Compressed => Err(Misuse::Disorder),
    }
}

/// The filter is set up in a way that cannot work, which somebody has to know.
fn refused(misuse: Misuse) -> HeaderMap {
    match misuse {
        Misuse::Disorder => warn!(error = misuse.text(), "a stream of Envoy's was ended"),
        _ => error!(error = misuse.text(), "a stream of Envoy's was refused"),
    }
    trailers(INVALID_ARGUMENT, misuse.text())
}

fn trailers(status: HeaderValue, message: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, status);
    if !message.is_empty() {
        trailers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
    }
    trailers
}

enum Waited {
    /// A part of what Envoy says, or the end of it.
    Frame(Option<Result<Frame<Bytes>, h2::Error>>),
    /// Nothing for now. Said once a hold.
    Slow,
    /// Nothing for too long.
    Late,
}

/// The time that an answer may be held, from when its body is first waited for.
#[derive(Default)]
struct Wait {
    began: Option<Instant>,
    was_slow: bool,
}

impl Wait {
    /// What is to be done when nothing has come; never, while nothing is held.
    async fn over(&mut self, time_max: Option<Duration>) -> Waited {
        let Some(time_max) = time_max else { return pending().await };
        let began = *self.began.get_or_insert_with(Instant::now);
        if !self.was_slow && BRISK < time_max {
            sleep_until(began + BRISK).await;
            self.was_slow = true;
            return Waited::Slow;
        }
        sleep_until(began + time_max).await;
        Waited::Late
    }
}

/// Gives way once. Who polls asks again at once when there is something to send.
async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
