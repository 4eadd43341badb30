//! What comes before HTTP on a client's connection: a header that says who the client is, and TLS.

use std::cell::Cell;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;

use ipnet::IpNet;
use tokio::select;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::debug;

use super::Worker;
use super::headers::{self, Peer};
use super::http1::Wire;
use super::preface::Spoken;
use super::proxy_protocol::{self, NoHeader};
use super::refusal::Refusal;
use super::socket::Socket;
use super::tls::{self, Reason, Secured, Side};
use crate::settings::{ProxyProtocol, Server};
use crate::telemetry::metrics::families;

/// A connection on which HTTP can begin.
pub(super) struct Entered {
    pub wire: Wire,
    pub peer: Peer,
    /// What is spoken, where that has been agreed on.
    pub spoken: Option<Spoken>,
    /// Why it gets no more than an answer that says so.
    pub refusal: Option<Refusal>,
}

/// Whether anything comes before HTTP.
pub(super) fn is_needed(server: &Server) -> bool {
    server.tls.is_some() || server.proxy_protocol != ProxyProtocol::Off
}

/// Lets a connection in, if it does what is asked of it within `server.timeouts.handshake`. Why it does not is counted.
pub(super) async fn enter(
    worker: &Worker,
    socket: Socket,
    peer: IpAddr,
    refusal: Option<Refusal>,
    stopping: &mut watch::Receiver<()>,
) -> Option<Entered> {
    let server = &worker.snapshot.settings.server;
    if refusal.is_some() {
        // A handshake is the most that can be asked of us, and is not done to say no.
        let entered = Entered { wire: socket.into(), peer: Peer::new(peer), spoken: None, refusal };
        return server.tls.is_none().then_some(entered);
    }
    // Where the time is over matters only to who counts, which is done before the connection is closed.
    let stage = Cell::new(Stage::Header);
    let mut passing = pin!(pass(worker, socket, peer, &stage, stopping));
    match timeout(server.timeouts.handshake, passing.as_mut()).await {
        Ok(entered) => entered,
        Err(_) => {
            match stage.get() {
                Stage::Header => unserved(worker, "no proxy header"),
                Stage::Tls => worker.failures.count(Side::Downstream, Reason::Timeout),
            }
            None
        }
    }
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Header,
    Tls,
}

async fn pass(
    worker: &Worker,
    socket: Socket,
    peer: IpAddr,
    stage: &Cell<Stage>,
    stopping: &mut watch::Receiver<()>,
) -> Option<Entered> {
    let server = &worker.snapshot.settings.server;
    let client = match named(&socket, peer, server.proxy_protocol, &server.trusted_proxies).await {
        Ok(client) => client,
        Err(why) => {
            debug!(%peer, why, "a connection was closed");
            // Who leaves before having said anything is no trouble.
            if why != GONE {
                unserved(worker, why);
            }
            return None;
        }
    };
    stage.set(Stage::Tls);
    let peer = Peer::new(client);
    let Some(credential) = &worker.snapshot.credentials.listener else {
        let wire = socket.into();
        // Settings that have TLS and nothing to speak it with are not served without.
        return server.tls.is_none().then_some(Entered { wire, peer, spoken: None, refusal: None });
    };
    select! {
        speaks = tls::is_spoken(&socket) => match speaks {
            Ok(true) => {}
            Ok(false) => {
                worker.failures.count(Side::Downstream, Reason::NoTls);
                let (wire, refusal) = (socket.into(), Some(Refusal::NoTls));
                return Some(Entered { wire, peer, spoken: None, refusal });
            }
            // One that looks whether somebody listens, and no more.
            Err(_) => return None,
        },
        // Whoever has not begun is better served by somebody else.
        _ = stopping.changed() => return None,
    }
    let tells = server.tls.as_ref().is_some_and(|tls| tls.client_certificate_header);
    let begun = tls::accept(socket, credential, tells, &worker.own.handshakes, &worker.failures).await?;
    let Secured { wire, spoken, certificate } = begun;
    Some(Entered { wire, peer: peer.within_tls(certificate), spoken: Some(spoken), refusal: None })
}

/// The peer closed its connection before it said anything.
const GONE: &str = "gone";

/// Whom the header names, or the peer itself where there is none and none is needed.
///
/// # Errors
/// Why the connection is not served.
async fn named(
    socket: &Socket,
    peer: IpAddr,
    wanted: ProxyProtocol,
    trusted: &[IpNet],
) -> Result<IpAddr, &'static str> {
    let is_trusted = headers::is_among(peer.to_canonical(), trusted);
    match wanted {
        ProxyProtocol::Off => return Ok(peer),
        ProxyProtocol::Optional if !is_trusted => return Ok(peer),
        ProxyProtocol::Optional if !proxy_protocol::begins(socket).await.map_err(|_| GONE)? => {
            return Ok(peer);
        }
        ProxyProtocol::Required if !trusted.is_empty() && !is_trusted => return Err("no trusted proxy"),
        ProxyProtocol::Optional | ProxyProtocol::Required => {}
    }
    match proxy_protocol::read(socket).await {
        Ok(client) => Ok(client.unwrap_or(peer)),
        Err(NoHeader::Malformed) => Err("no proxy header"),
        Err(NoHeader::Closed) => Err(GONE),
    }
}

fn unserved(worker: &Worker, reason: &str) {
    let labels = [("reason", reason)];
    worker.meters.tally(&families::CONNECTIONS_REFUSED, &labels).fetch_add(1, Relaxed);
}
