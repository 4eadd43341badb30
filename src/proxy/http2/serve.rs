//! What the proxy does on a connection that speaks HTTP/2.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use http::{Request, header};
use tokio::sync::watch;
use tracing::debug;

use super::super::body::Body;
use super::super::busy::Idleness;
use super::super::headers::{Peer, strip_answer};
use super::super::http1::Wire;
use super::super::intake::Source;
use super::super::interims::Interims;
use super::super::preface::Begun;
use super::super::refusal::Refusal;
use super::super::worker::Current;
use super::super::{Carried, Downstream, Reply, Worker};
use super::responder::Responder;
use super::server::{Bounds, Ends, serve_connection};
use crate::settings::ServerLimits;

/// Exchanges at a time on one connection.
const STREAMS_MAX: u32 = 200;
/// Of a request's body, in bytes. All together have room for each: a body that nobody takes must not stop the others.
const WINDOW: u32 = 128 * 1024;

/// Serves a connection to its end. It is closed when there was no exchange for `server.timeouts.keep_alive`, when
/// `stopping` says so, and while the sidecar is draining after its first exchange.
pub(in crate::proxy) async fn serve(
    current: Rc<Current>,
    stream: Begun<Wire>,
    peer: Peer,
    stopping: watch::Receiver<()>,
) {
    let worker = current.worker();
    let (server, readiness) = (&worker.snapshot.settings.server, worker.own.readiness.clone());
    let (idle_time_max, head_bytes_max) = (server.timeouts.keep_alive, server.limits.header_bytes);
    drop(worker);
    let downstream = Rc::new(Downstream::new(peer, stopping.clone()));
    let idleness = Idleness::new();
    let ends = Ends { stopping, readiness: &readiness, or: idleness.lasts(idle_time_max) };
    let bounds = Bounds {
        streams_max: STREAMS_MAX,
        stream_window: WINDOW,
        connection_window: STREAMS_MAX * WINDOW,
        head_bytes_max: u32::try_from(head_bytes_max).unwrap_or(u32::MAX),
        ping_interval: Some(idle_time_max),
    };
    let served = serve_connection(stream, bounds, ends, |request, responder| {
        let (worker, downstream, busy) = (current.worker(), Rc::clone(&downstream), idleness.busy());
        let (head, mut body) = request.into_parts();
        if head.headers.contains_key(header::EXPECT) {
            body = body.expected_by(responder.clone());
        }
        let request = Request::from_parts(head, Source::Http2(body));
        async move {
            exchange(&worker, &downstream, request, responder).await;
            drop(busy);
        }
    });
    if let Err(error) = served.await {
        debug!(client = %downstream.peer.ip, %error, "connection ended");
    }
}

/// One exchange, from the request's head to the last byte of the answer. When the client leaves, all that was begun
/// for it ends.
async fn exchange(
    worker: &Worker,
    downstream: &Downstream,
    mut request: Request<Source>,
    responder: Responder,
) {
    if let Err(refusal) = fitness(&request, &worker.snapshot.settings.server.limits) {
        let reply = worker.refuse(downstream, request.method(), refusal);
        return send(worker, reply, responder).await;
    }
    let reply = {
        let mut handled = pin!(worker.handle(downstream, Interims::Http2(&responder), &mut request, 1));
        let reply = poll_fn(|context| match handled.as_mut().poll(context) {
            Poll::Ready(reply) => Poll::Ready(Some(reply)),
            Poll::Pending => responder.poll_gone(context).map(|()| None),
        });
        reply.await
    };
    // A body that nobody has begun to read is left.
    drop(request);
    if let Some(reply) = reply {
        send(worker, reply, responder).await;
    }
}

/// What the protocol leaves open and Candor bounds, or could be read in two ways by who speaks HTTP/1.1.
fn fitness<B>(request: &Request<B>, limits: &ServerLimits) -> Result<(), Refusal> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    if target.len() > limits.uri_bytes {
        return Err(Refusal::UriTooLong);
    }
    if request.headers().len() > limits.headers {
        return Err(Refusal::TooManyHeaders);
    }
    // The first is held against the body by `h2`.
    if request.headers().get_all(header::CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(Refusal::LENGTH);
    }
    Ok(())
}

async fn send(worker: &Worker, reply: Reply, responder: Responder) {
    let Reply { carried, record } = reply;
    let Carried { mut head, content, .. } = *carried;
    strip_answer(&mut head.headers);
    head.headers.entry(header::DATE).or_insert_with(|| worker.own.date.now());
    let patience = worker.snapshot.settings.server.timeouts.answer_idle;
    responder.answer(head.status, head.headers, Body::new(content, record), Some(patience)).await;
}
