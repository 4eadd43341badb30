//! The body of a request on its way to the upstream. That of a client which waits for `100 Continue`
//! (RFC 9110, section 10.1.1) is not read, so the client not told to go on, before the upstream wants it.

use std::error::Error as StdError;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::request_body::RequestBody;
use bytes::Bytes;
use http::header;
use http::{Request, StatusCode, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::ext::on_informational;
use tokio::sync::oneshot;
use tokio::time::{Timeout, timeout};

/// How long an upstream may be silent before the body is sent unasked: many have never heard of `Expect`.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(1);

/// The body, with the wish to be asked for first.
#[derive(Debug)]
pub(super) struct Upload {
    body: RequestBody,
    /// Gone when the body may be read.
    wanted: Option<Pin<Box<Timeout<oneshot::Receiver<()>>>>>,
}

/// Keeps a body that the upstream has not asked for unread. When it is dropped the body will not be read any more,
/// which also ends the upstream's connection, as the request on it stays incomplete.
#[derive(Debug)]
pub(super) struct Gate(Asking);

type Asking = Arc<Mutex<Option<oneshot::Sender<()>>>>;

impl Upload {
    /// Leaves the body unread until the upstream asks for it, where the client waits for that.
    pub fn wait_until_wanted(request: &mut Request<Upload>) -> Option<Gate> {
        if !is_waited_for(request) {
            return None;
        }
        let (ask, asked) = oneshot::channel();
        let asking: Asking = Arc::new(Mutex::new(Some(ask)));
        request.body_mut().wanted = Some(Box::pin(timeout(SILENCE_TIME_MAX, asked)));
        let gate = Gate(Arc::clone(&asking));
        on_informational(request, move |interim| {
            if interim.status() == StatusCode::CONTINUE
                && let Some(ask) = take(&asking)
            {
                // Nobody is asked when the exchange has ended meanwhile.
                let _ = ask.send(());
            }
        });
        Some(gate)
    }
}

impl From<RequestBody> for Upload {
    fn from(body: RequestBody) -> Upload {
        Upload { body, wanted: None }
    }
}

/// HTTP/1.0 has no interim answers; on HTTP/2 Candor has no way to send them.
fn is_waited_for(request: &Request<Upload>) -> bool {
    let expect = request.headers().get(header::EXPECT);
    request.version() == Version::HTTP_11
        && expect.is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
        && !request.body().is_end_stream()
}

fn take(asking: &Asking) -> Option<oneshot::Sender<()>> {
    asking.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Gate {
    fn drop(&mut self) {
        drop(take(&self.0));
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Box<dyn StdError + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(wanted) = &mut self.wanted {
            match ready!(wanted.as_mut().poll(context)) {
                Ok(Ok(())) | Err(_) => self.wanted = None,
                Ok(Err(_)) => return Poll::Ready(Some(Err("the upstream never asked for it".into()))),
            }
        }
        Pin::new(&mut self.body).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
