//! TLS on a client's connection.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::super::http1::Wire;
use super::super::preface::Spoken;
use super::super::socket::Socket;
use super::{Failures, Reason, Side};
use crate::live::Credential;
use crate::settings::ServerTls;

/// Handshakes of one worker that may be under way at a time: each holds memory and asks for much of the processor.
const UNDERWAY_MAX: usize = 1024;

/// The first byte of a client that speaks TLS: the type of a record with a handshake in it (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// How many handshakes of a worker are under way.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Underway(Cell<usize>);

/// One of them; it is over when this is dropped.
struct Turn(Rc<Underway>);

/// A client's connection within TLS.
pub(in crate::proxy) struct Secured {
    pub wire: Wire,
    pub spoken: Spoken,
    /// The value of `Client-Cert` for a client that has said who it is, where that is to be told.
    pub certificate: Option<HeaderValue>,
}

impl Underway {
    fn turn(self: &Rc<Underway>) -> Option<Turn> {
        let count = self.0.get();
        if count >= UNDERWAY_MAX {
            return None;
        }
        self.0.set(count + 1);
        Some(Turn(Rc::clone(self)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get().saturating_sub(1));
    }
}

/// Whether a client wants to speak TLS, by its first byte, which is left where it is.
///
/// # Errors
/// When it leaves without a word.
pub(in crate::proxy) async fn is_spoken(socket: &Socket) -> io::Result<bool> {
    let mut first = [0];
    match poll_fn(|context| socket.poll_peek(&mut first, context)).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first == [HANDSHAKE]),
    }
}

/// Begins TLS with a client. Where it cannot be begun that is counted.
pub(in crate::proxy) async fn accept(
    socket: Socket,
    credential: &Credential<ServerTls>,
    tells_certificate: bool,
    underway: &Rc<Underway>,
    failures: &Failures,
) -> Option<Secured> {
    let failed = |reason: Reason| failures.count(Side::Downstream, reason);
    let Some(turn) = underway.turn() else {
        failed(Reason::OverLimit);
        return None;
    };
    let acceptor = TlsAcceptor::from(credential.now());
    let stream = match acceptor.accept(socket).into_fallible().await {
        Ok(stream) => stream,
        // It is counted before the connection is closed.
        Err((error, _socket)) => {
            debug!(%error, "no TLS with a client");
            failed(Reason::of(&error));
            return None;
        }
    };
    drop(turn);
    let (_, connection) = stream.get_ref();
    let spoken = if connection.alpn_protocol() == Some(b"h2") { Spoken::Http2 } else { Spoken::Http1 };
    let shown = connection.peer_certificates().and_then(<[_]>::first).filter(|_| tells_certificate);
    let certificate = shown.and_then(|certificate| client_cert(certificate));
    Some(Secured { wire: Wire::Tls(Box::new(stream.into())), spoken, certificate })
}

/// A certificate as `Client-Cert` has it (RFC 9440, section 2.1): the bytes of DER, as structured fields write bytes.
fn client_cert(certificate: &[u8]) -> Option<HeaderValue> {
    HeaderValue::try_from(format!(":{}:", STANDARD.encode(certificate))).ok()
}
