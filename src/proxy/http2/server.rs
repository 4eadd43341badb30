//! The life of a connection on which a client speaks HTTP/2: its streams are handed out as they begin, and it ends
//! when they have ended.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use h2::server::Builder;
use h2::{Ping, PingPong};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio::{join, select};

use super::incoming::Incoming;
use super::responder::Responder;
use crate::live::Readiness;

/// What a client may do on a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Exchanges at a time.
    pub streams_max: u32,
    /// Bytes of a body that it may send before they are read.
    pub stream_window: u32,
    /// The same of all bodies together.
    pub connection_window: u32,
    /// Bytes of a head, each header counted with 32 more (RFC 9113, section 10.5.1).
    pub head_bytes_max: u32,
    /// How often it is asked whether it is there; as long may it take to say so.
    pub ping_interval: Option<Duration>,
}

/// When a connection is to end: no more exchanges begin then, and with the last it is over.
pub(crate) struct Ends<'r, F> {
    /// When this says so.
    pub stopping: watch::Receiver<()>,
    /// While this says draining, after its first exchange.
    pub readiness: &'r Readiness,
    /// When this is over.
    pub or: F,
}

/// Serves a connection: each exchange is carried by a task of its own in this runtime.
///
/// # Errors
/// When the connection fails, or what comes on it is not HTTP/2.
pub(crate) async fn serve_connection<F: Future<Output = ()> + 'static>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    bounds: Bounds,
    ends: Ends<'_, impl Future<Output = ()>>,
    mut carry: impl FnMut(Request<Incoming>, Responder) -> F,
) -> Result<(), h2::Error> {
    let Ends { mut stopping, readiness, or } = ends;
    let carries = Notify::new();
    let mut ends = pin!(async {
        select! {
            _ = stopping.changed() => {}
            () = or => {}
            // A connection that would end before its first exchange would be opened for nothing, and again.
            () = async { join!(readiness.draining(), carries.notified()); } => {}
        }
    });
    let mut http = Builder::new();
    http.max_concurrent_streams(bounds.streams_max)
        .initial_window_size(bounds.stream_window)
        .initial_connection_window_size(bounds.connection_window)
        .max_header_list_size(bounds.head_bytes_max);
    let mut connection = select! {
        biased;
        () = &mut ends => return Ok(()),
        begun = http.handshake(stream) => begun?,
    };
    let mut is_ending = false;
    let mut silent = pin!(silent(connection.ping_pong(), bounds.ping_interval));
    loop {
        let accepted = select! {
            biased;
            () = &mut ends, if !is_ending => {
                is_ending = true;
                connection.graceful_shutdown();
                continue;
            }
            () = &mut silent => return Ok(()),
            accepted = connection.accept() => accepted,
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, stream) = accepted?;
        carries.notify_one();
        let (head, body) = request.into_parts();
        let body = Incoming::new(body, &head.headers);
        spawn_local(carry(Request::from_parts(head, body), Responder::new(stream)));
    }
}

/// Waits until a question whether the other side is there has had no answer for too long.
async fn silent(pings: Option<PingPong>, interval: Option<Duration>) {
    let (Some(mut pings), Some(interval)) = (pings, interval) else { return pending().await };
    let mut is_there = async || {
        sleep(interval).await;
        matches!(timeout(interval, pings.ping(Ping::opaque())).await, Ok(Ok(_)))
    };
    while is_there().await {}
}
