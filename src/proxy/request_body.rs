//! The body of a request on its way to the upstream: as it comes from the client, or kept while it goes by, so that
//! it can be sent from its beginning again. Keeping delays nothing; a body that outgrows its bound is let go, and
//! goes on to stream.

use std::error::Error;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::intake::{Intake, IntakeError};

/// What is sent.
#[derive(Debug)]
pub(super) enum RequestBody {
    /// No bytes.
    Empty,
    /// These.
    Full(Bytes),
    /// The client's, once.
    Streaming(Intake),
    /// The client's, of which a copy is kept.
    Kept(Reading<Intake>),
}

/// What is left behind of a body so that it can be sent again.
#[derive(Debug)]
pub(super) enum BodyCopy {
    /// There were no bytes.
    Empty,
    /// What has gone by so far, and the way to the rest.
    Kept(Kept<Intake>),
    /// It announced more bytes than are kept.
    TooLong,
}

impl RequestBody {
    /// A body to send now, and a copy of at most `bytes_max` bytes for later.
    pub fn kept(intake: Intake, bytes_max: u64) -> (RequestBody, BodyCopy) {
        if intake.is_end_stream() {
            return (RequestBody::Empty, BodyCopy::Empty);
        }
        if intake.size_hint().lower() > bytes_max {
            return (RequestBody::Streaming(intake), BodyCopy::TooLong);
        }
        let (reading, kept) = Kept::of(intake, bytes_max);
        (RequestBody::Kept(reading), BodyCopy::Kept(kept))
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> RequestBody {
        if bytes.is_empty() { RequestBody::Empty } else { RequestBody::Full(bytes) }
    }
}

impl BodyCopy {
    /// The body from its beginning, unless there was more of it than is kept. What was sent before is abandoned.
    pub fn again(&self) -> Option<RequestBody> {
        match self {
            BodyCopy::Empty => Some(RequestBody::Empty),
            BodyCopy::Kept(kept) => kept.again().map(RequestBody::Kept),
            BodyCopy::TooLong => None,
        }
    }
}

/// A body that is read by one reader after another, each from the beginning.
#[derive(Debug)]
pub(super) struct Kept<B>(Arc<Mutex<Source<B>>>);

/// One reader of a kept body.
#[derive(Debug)]
pub(super) struct Reading<B> {
    source: Arc<Mutex<Source<B>>>,
    reader: u32,
    /// Chunks given so far, and the bytes in them.
    chunks: usize,
    bytes: u64,
    trailers_given: bool,
}

#[derive(Debug)]
struct Source<B> {
    body: B,
    /// As announced.
    length: Option<u64>,
    /// Everything that has come, as long as `whole`.
    chunks: Vec<Bytes>,
    bytes: u64,
    bytes_max: u64,
    whole: bool,
    ended: bool,
    trailers: Option<HeaderMap>,
    /// Who may read, and what wakes them.
    reader: u32,
    waker: Option<Waker>,
}

/// Why a body is not sent to its end.
#[derive(Debug)]
pub(super) enum BodyError<E> {
    /// The client broke off.
    Client(E),
    /// The request is being sent anew.
    Abandoned,
}

impl<E> fmt::Display for BodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BodyError::Client(_) => "the client broke off",
            BodyError::Abandoned => "the request is sent anew",
        })
    }
}

impl<E: Error + 'static> Error for BodyError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BodyError::Client(error) => Some(error),
            BodyError::Abandoned => None,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Kept<B> {
    fn of(body: B, bytes_max: u64) -> (Reading<B>, Kept<B>) {
        let kept = Kept(Arc::new(Mutex::new(Source {
            length: body.size_hint().exact(),
            body,
            chunks: Vec::new(),
            bytes: 0,
            bytes_max,
            whole: true,
            ended: false,
            trailers: None,
            reader: 0,
            waker: None,
        })));
        (kept.reading(0), kept)
    }

    fn again(&self) -> Option<Reading<B>> {
        let mut source = lock(&self.0);
        if !source.whole {
            return None;
        }
        source.reader = source.reader.wrapping_add(1);
        if let Some(waker) = source.waker.take() {
            waker.wake();
        }
        Some(self.reading(source.reader))
    }

    fn reading(&self, reader: u32) -> Reading<B> {
        Reading { source: Arc::clone(&self.0), reader, chunks: 0, bytes: 0, trailers_given: false }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Source<B> {
    /// The next frame from the client.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.waker = Some(context.waker().clone());
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            Some(Err(_)) => self.let_go(),
            None => self.ended = true,
        }
        self.ended |= self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.trailers = Some(trailers.clone());
            self.ended = true;
        }
        let Some(chunk) = frame.data_ref().filter(|_| self.whole) else { return };
        self.bytes += chunk.len() as u64;
        if self.bytes > self.bytes_max {
            self.let_go();
        } else {
            self.chunks.push(chunk.clone());
        }
    }

    fn let_go(&mut self) {
        self.whole = false;
        self.chunks = Vec::new();
    }
}

impl<B> Reading<B> {
    fn given(&mut self, chunk: &Bytes) {
        self.chunks += 1;
        self.bytes += chunk.len() as u64;
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Reading<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let shared = Arc::clone(&self.source);
        let mut source = lock(&shared);
        if source.reader != self.reader {
            return Poll::Ready(Some(Err(BodyError::Abandoned)));
        }
        if let Some(chunk) = source.chunks.get(self.chunks) {
            self.given(chunk);
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if source.ended {
            let given = mem::replace(&mut self.trailers_given, true);
            let trailers = source.trailers.clone().filter(|_| !given);
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let frame = ready!(source.poll(context));
        match &frame {
            Some(Ok(frame)) if frame.is_trailers() => self.trailers_given = true,
            Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|chunk| self.given(chunk)),
            Some(Err(_)) | None => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Client)))
    }

    fn is_end_stream(&self) -> bool {
        let source = lock(&self.source);
        source.reader == self.reader
            && source.ended
            && self.chunks >= source.chunks.len()
            && (self.trailers_given || source.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        match lock(&self.source).length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.bytes)),
            None => SizeHint::default(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError<IntakeError>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            body @ RequestBody::Full(_) => match mem::replace(body, RequestBody::Empty) {
                RequestBody::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                _ => Poll::Ready(None),
            },
            RequestBody::Streaming(intake) => Pin::new(intake).poll_frame(context).map_err(BodyError::Client),
            RequestBody::Kept(reading) => Pin::new(reading).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Full(_) => false,
            RequestBody::Streaming(intake) => intake.is_end_stream(),
            RequestBody::Kept(reading) => reading.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            RequestBody::Streaming(intake) => intake.size_hint(),
            RequestBody::Kept(reading) => reading.size_hint(),
        }
    }
}

/// Nothing panics while it holds the lock, and one thread alone takes it.
fn lock<B>(source: &Mutex<Source<B>>) -> MutexGuard<'_, Source<B>> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// A client's body: frames, trailers written `-`, `...` for a wait, `!` for a client that breaks off.
    #[derive(Debug)]
    struct Client(VecDeque<&'static str>);

    impl Body for Client {
        type Data = Bytes;
        type Error = fmt::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, fmt::Error>>> {
            match self.0.pop_front() {
                Some("...") => Poll::Pending,
                Some("!") => Poll::Ready(Some(Err(fmt::Error))),
                Some("-") => {
                    let sum = (http::header::ETAG, HeaderValue::from_static("x"));
                    Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::from_iter([sum])))))
                }
                Some(text) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))),
                None => Poll::Ready(None),
            }
        }
    }

    fn kept(frames: &[&'static str], bytes_max: u64) -> (Reading<Client>, Kept<Client>) {
        Kept::of(Client(frames.iter().copied().collect()), bytes_max)
    }

    /// What comes until the body ends, waits or breaks off, in the words of [`Client`].
    fn read(reading: &mut Reading<Client>) -> String {
        let mut context = Context::from_waker(Waker::noop());
        let mut text = String::new();
        while !reading.is_end_stream() {
            match Pin::new(&mut *reading).poll_frame(&mut context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => text.push_str(std::str::from_utf8(&data).unwrap()),
                    Err(_) => text.push('-'),
                },
                Poll::Ready(Some(Err(BodyError::Client(_)))) => return text + "!",
                Poll::Ready(Some(Err(BodyError::Abandoned))) => return text + "(abandoned)",
                Poll::Ready(None) => return text,
                Poll::Pending => return text + "...",
            }
        }
        text
    }

    #[test]
    fn a_body_can_be_read_again_from_its_beginning() {
        let check = |frames: &[&'static str], first: &str, again: &str| {
            let (mut reading, kept) = kept(frames, 5);
            assert_eq!(read(&mut reading), first);
            for _ in 0..2 {
                assert_eq!(read(&mut kept.again().unwrap()), again);
            }
        };
        check(&["ab", "cde"], "abcde", "abcde");
        check(&["ab", "-"], "ab-", "ab-");
        check(&["ab", "...", "cd"], "ab...", "abcd");
        check(&["...", "-"], "...", "-");
        check(&[], "", "");
    }

    #[test]
    fn what_is_too_long_or_broken_goes_through_once() {
        let check = |frames: &[&'static str], first: &str| {
            let (mut reading, kept) = kept(frames, 5);
            assert_eq!(read(&mut reading), first);
            assert!(kept.again().is_none());
        };
        check(&["ab", "cdef", "gh", "-"], "abcdefgh-");
        check(&["abcdef"], "abcdef");
        check(&["ab", "!"], "ab!");
    }

    #[test]
    fn an_earlier_reader_ends_when_the_next_begins() {
        let (mut first, kept) = kept(&["ab", "...", "cd"], 5);
        assert_eq!(read(&mut first), "ab...");
        let mut second = kept.again().unwrap();
        assert_eq!(read(&mut first), "(abandoned)");
        assert_eq!(read(&mut second), "abcd");
    }

    #[test]
    fn a_reader_that_waits_is_woken_to_its_end() {
        let (wakes, woken) = std::sync::mpsc::channel();
        struct Bell(std::sync::mpsc::Sender<()>);
        impl std::task::Wake for Bell {
            fn wake(self: Arc<Self>) {
                self.0.send(()).unwrap();
            }
        }
        let (mut first, kept) = kept(&["...", "ab"], 5);
        let waker = Waker::from(Arc::new(Bell(wakes)));
        assert!(Pin::new(&mut first).poll_frame(&mut Context::from_waker(&waker)).is_pending());
        drop(kept.again());
        assert!(woken.try_recv().is_ok());
    }

    proptest! {
        #[test]
        fn every_reader_gets_all_bytes(cuts in prop::collection::vec(0_usize..8, 0..8)) {
            let text = "abcdefghijklmnopqrstuvwxyz";
            let mut rest = text;
            let mut frames: Vec<&'static str> = Vec::new();
            for cut in cuts {
                let (frame, left) = rest.split_at(cut.min(rest.len()));
                frames.extend(if frame.is_empty() { ["..."] } else { [frame] });
                rest = left;
            }
            frames.push(rest);
            let (mut reading, kept) = kept(&frames, text.len() as u64);
            let mut whole = read(&mut reading);
            for _ in 0..frames.len() {
                let Some(mut reading) = kept.again() else { break };
                whole = read(&mut reading);
            }
            prop_assert_eq!(whole, text);
        }
    }
}
