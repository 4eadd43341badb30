//! A connection that has stopped speaking HTTP: after a 101 both upstream and client agreed to, or a CONNECT.
//! Bytes go both ways until both sides have ended, or one has failed. No rule reads them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, Entry, HeaderMap, HeaderValue};
use http::{Request, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};

use super::headers::{lists, tokens};
use super::http1::Wire;
use super::lease::Lease;
use super::preface::Begun;
use super::record::Record;

/// The protocols a client would rather go on in, as its `Upgrade` lists them.
pub(super) struct Offer(HeaderValue);

/// The upstream's end of a tunnel before anything has gone through it.
pub(super) struct End {
    upstream: Begun<Wire>,
    lease: Lease,
}

/// A tunnel, but for the client's end of it, and the record of the exchange that opened it, which is written when
/// the tunnel ends.
pub(super) struct Tunnel {
    end: End,
    record: Record,
}

impl Offer {
    /// The client's wish, if it has one (RFC 9110, section 7.8). One for HTTP itself in another version, or inside
    /// TLS, is not passed on: what then goes through would be exchanges that no rule reads.
    pub fn of<B>(request: &Request<B>) -> Option<Offer> {
        let asked = request.version() == Version::HTTP_11
            && request.headers().contains_key(header::UPGRADE)
            && lists(request.headers(), &header::CONNECTION, "upgrade");
        asked.then(|| other_protocols(request.headers())).flatten().map(Offer)
    }

    /// Writes it on a request whose hop-by-hop headers are gone.
    pub fn write(&self, headers: &mut HeaderMap) {
        write_upgrade(headers, self.0.clone());
    }

    /// Whether the upstream's 101 is for protocols that were asked for.
    pub fn covers(&self, headers: &HeaderMap) -> bool {
        let offered = |chosen: &str| tokens(&self.0).any(|own| own.eq_ignore_ascii_case(chosen));
        let chosen = headers.get(header::UPGRADE);
        chosen.is_some_and(|chosen| tokens(chosen).next().is_some() && tokens(chosen).all(offered))
    }
}

/// The protocols of `Upgrade` that are something else than HTTP.
fn other_protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_http = |protocol: &&str| {
        let name = protocol.split('/').next().unwrap_or_default();
        ["h2c", "h2", "http", "tls"].iter().any(|own| own.eq_ignore_ascii_case(name))
    };
    let listed = headers.get_all(header::UPGRADE).iter().flat_map(tokens);
    let others: Vec<&str> = listed.filter(|protocol| !is_http(protocol)).collect();
    if others.is_empty() { None } else { HeaderValue::try_from(others.join(", ")).ok() }
}

/// Names the protocols, and that they are this connection's affair.
pub(super) fn write_upgrade(headers: &mut HeaderMap, protocols: HeaderValue) {
    headers.insert(header::UPGRADE, protocols);
    match headers.entry(header::CONNECTION) {
        Entry::Occupied(mut connection) => connection.append(HeaderValue::from_static("upgrade")),
        Entry::Vacant(connection) => {
            connection.insert(HeaderValue::from_static("upgrade"));
        }
    }
}

impl End {
    /// A connection to the upstream, on which these bytes came already.
    pub fn new(first: Bytes, stream: Wire, lease: Lease) -> End {
        End { upstream: Begun::new(first, stream), lease }
    }

    /// The tunnel, and the record of the exchange that opened it.
    pub fn recorded(self, record: Record) -> Tunnel {
        Tunnel { end: self, record }
    }
}

impl Tunnel {
    /// Carries bytes both ways, to the end. The client's connection has sent these already.
    pub async fn run(self, client: Wire, first: Bytes) {
        let Tunnel { end: End { upstream, lease: _lease }, mut record } = self;
        let mut client = Begun::new(first, client);
        let carried = copy_bidirectional(&mut client, &mut Counted { upstream, record: &mut record }).await;
        match carried {
            Ok(_) => record.complete(),
            Err(error) => record.tunnel_broken(&error),
        }
    }
}

/// The upstream's end, with every byte read from it in the record, however the tunnel ends.
struct Counted<'a, U> {
    upstream: U,
    record: &'a mut Record,
}

impl<U: AsyncRead + Unpin> AsyncRead for Counted<'_, U> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        let polled = Pin::new(&mut self.upstream).poll_read(context, room);
        self.record.sent(room.filled().len() - before);
        polled
    }
}

impl<U: AsyncWrite + Unpin> AsyncWrite for Counted<'_, U> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.upstream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.upstream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.upstream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protocols_other_than_http_are_passed_on() {
        let check = |lines: &[&'static str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::UPGRADE, HeaderValue::from_static(line));
            }
            let others = other_protocols(&headers);
            assert_eq!(others.as_ref().map(|value| value.to_str().unwrap()), expected, "{lines:?}");
        };
        check(&["websocket"], Some("websocket"));
        check(&["h2c, WebSocket", "foo/2"], Some("WebSocket, foo/2"));
        check(&["h2c"], None);
        check(&["HTTP/2.0, TLS/1.3, H2C,h2"], None);
        check(&[""], None);
    }

    #[test]
    fn an_upgrade_stands_beside_other_options() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        write_upgrade(&mut headers, HeaderValue::from_static("websocket"));
        assert!(
            lists(&headers, &header::CONNECTION, "upgrade") && lists(&headers, &header::CONNECTION, "te")
        );
        assert_eq!(headers[header::UPGRADE], "websocket");
    }
}
