//! The header of the PROXY protocol, versions 1 and 2, in which a load balancer says at the beginning of a connection
//! who its client is. It is HAProxy's (`doc/proxy-protocol.txt`); what breaks it ends the connection.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::time::sleep;

use super::socket::Socket;

/// How version 2 begins: with what no other protocol begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How version 1 begins.
const WORD: &[u8; 6] = b"PROXY ";

/// The longest line of version 1, its end included.
const LINE_MAX: usize = 107;

/// The shortest: `PROXY UNKNOWN\r\n`. One of version 2 is longer.
const LENGTH_MIN: usize = 15;

/// What stands before the addresses of version 2.
const FIXED: usize = 16;

/// The longest header of version 2 that is taken. The addresses are 216 bytes at most; behind them stands what load
/// balancers say of TLS and of themselves.
const LENGTH_MAX: usize = 4096;

/// How long until a beginning that could be a header's is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a connection has no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// What came is none.
    Malformed,
    /// The connection ended before the header did.
    Closed,
}

/// What the bytes that have come are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parsed {
    /// A header, and the client that it names. `None` stands for the peer itself.
    Whole(Option<IpAddr>),
    /// The beginning of one, of which at least so much is still to come.
    Partial(usize),
}

/// Reads the header that a connection begins with, and nothing behind it. Returns the client that it names; `None`
/// where that is the peer itself, as in a load balancer's own checks.
///
/// # Errors
/// When there is no header.
pub(super) async fn read(socket: &Socket) -> Result<Option<IpAddr>, NoHeader> {
    let mut header = Vec::with_capacity(LINE_MAX);
    loop {
        let missing = match parse(&header)? {
            Parsed::Whole(client) => return Ok(client),
            Parsed::Partial(missing) => missing,
        };
        let known = header.len();
        header.resize(known + missing, 0);
        let room = header.get_mut(known..).unwrap_or_default();
        match poll_fn(|context| socket.poll_receive(room, context)).await {
            Ok(0) | Err(_) => return Err(NoHeader::Closed),
            Ok(length) => header.truncate(known + length),
        }
    }
}

/// Whether a connection begins with a header. Nothing is taken from it.
///
/// # Errors
/// When it ends before that can be told.
pub(super) async fn begins(socket: &Socket) -> io::Result<bool> {
    let mut first = [0; SIGNATURE.len()];
    loop {
        let length = poll_fn(|context| socket.poll_peek(&mut first, context)).await?;
        let first = first.get(..length).unwrap_or_default();
        if first.starts_with(WORD) || first == SIGNATURE {
            return Ok(true);
        }
        if first.is_empty() || !(WORD.starts_with(first) || SIGNATURE.starts_with(first)) {
            return Ok(false);
        }
        // The kernel says at once that there is something, and not when there is more of it.
        sleep(PAUSE).await;
    }
}

fn parse(header: &[u8]) -> Result<Parsed, NoHeader> {
    let begins = |with: &[u8]| header.iter().zip(with).all(|(one, other)| one == other);
    if header.len() < LENGTH_MIN {
        return if begins(SIGNATURE) || begins(WORD) {
            Ok(Parsed::Partial(LENGTH_MIN - header.len()))
        } else {
            Err(NoHeader::Malformed)
        };
    }
    if begins(WORD) {
        parse_line(header)
    } else if begins(SIGNATURE) {
        parse_binary(header)
    } else {
        Err(NoHeader::Malformed)
    }
}

/// Version 1: a line of text.
fn parse_line(header: &[u8]) -> Result<Parsed, NoHeader> {
    if header.len() > LINE_MAX {
        return Err(NoHeader::Malformed);
    }
    let Some(line) = header.strip_suffix(b"\r\n") else {
        // Its end is all that has to come, and is not read past.
        let missing = if header.ends_with(b"\r") { 1 } else { 2 };
        let is_text =
            header.strip_suffix(b"\r").unwrap_or(header).iter().all(|byte| (b' '..=b'~').contains(byte));
        let fits = header.len() + missing <= LINE_MAX;
        return if is_text && fits { Ok(Parsed::Partial(missing)) } else { Err(NoHeader::Malformed) };
    };
    let line = std::str::from_utf8(line).map_err(|_| NoHeader::Malformed)?;
    let words: Vec<&str> = line.split(' ').collect();
    let client: IpAddr = match words.as_slice() {
        // What follows is not looked at.
        ["PROXY", "UNKNOWN", ..] => return Ok(Parsed::Whole(None)),
        ["PROXY", "TCP4", from, to, ports @ ..] if are_ports(ports) => {
            let (from, _) = (ip::<Ipv4Addr>(from)?, ip::<Ipv4Addr>(to)?);
            from.into()
        }
        ["PROXY", "TCP6", from, to, ports @ ..] if are_ports(ports) => {
            let (from, _) = (ip::<Ipv6Addr>(from)?, ip::<Ipv6Addr>(to)?);
            from.into()
        }
        _ => return Err(NoHeader::Malformed),
    };
    Ok(Parsed::Whole(Some(client)))
}

fn ip<A: std::str::FromStr>(text: &str) -> Result<A, NoHeader> {
    text.parse().map_err(|_| NoHeader::Malformed)
}

/// Two numbers, without signs or zeroes before them.
fn are_ports(words: &[&str]) -> bool {
    let is_port = |word: &&str| word.parse::<u16>().is_ok_and(|port| port.to_string() == **word);
    words.len() == 2 && words.iter().all(is_port)
}

/// Version 2: addresses as they are, and what a load balancer likes to add, which is skipped.
fn parse_binary(header: &[u8]) -> Result<Parsed, NoHeader> {
    let Some(([version_command, family, high, low], rest)) =
        header.get(SIGNATURE.len()..).and_then(<[u8]>::split_first_chunk)
    else {
        return Ok(Parsed::Partial(FIXED - header.len()));
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if FIXED + length > LENGTH_MAX {
        return Err(NoHeader::Malformed);
    }
    let is_local = match version_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(NoHeader::Malformed),
    };
    if rest.len() < length {
        return Ok(Parsed::Partial(length - rest.len()));
    }
    let client = match (is_local, family) {
        // The load balancer's own connection, whatever addresses are there.
        (true, _) => None,
        (false, 0x11) => Some(address::<4>(rest, 12).map(|bytes| Ipv4Addr::from(bytes).into())?),
        (false, 0x21) => Some(address::<16>(rest, 36).map(|bytes| Ipv6Addr::from(bytes).into())?),
        // Not told, or a socket in the file system.
        (false, 0x00 | 0x31) => None,
        _ => return Err(NoHeader::Malformed),
    };
    Ok(Parsed::Whole(client))
}

/// The first address of a block of two, and their ports.
fn address<const LENGTH: usize>(rest: &[u8], block: usize) -> Result<[u8; LENGTH], NoHeader> {
    let block = rest.get(..block).ok_or(NoHeader::Malformed)?;
    block.first_chunk().copied().ok_or(NoHeader::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn binary(version_command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[version_command, family], &length, rest].concat()
    }

    #[track_caller]
    fn check(header: &[u8], expected: Result<Option<&str>, NoHeader>) {
        let expected = expected.map(|client| Parsed::Whole(client.map(|text| text.parse().unwrap())));
        assert_eq!(parse(header), expected, "{}", header.escape_ascii());
        // Piece by piece it is the same.
        for length in 0..header.len() {
            match parse(&header[..length]) {
                Ok(Parsed::Partial(missing)) => {
                    assert!(missing > 0 && length + missing <= header.len() || expected.is_err());
                }
                other => assert_eq!(other, expected, "{length} bytes of {}", header.escape_ascii()),
            }
        }
    }

    #[test]
    fn lines_name_the_client() {
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n", Ok(Some("192.0.2.7")));
        check(b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Ok(Some("2001:db8::1")));
        check(b"PROXY UNKNOWN\r\n", Ok(None));
        check(b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", Ok(None));
    }

    #[test]
    fn other_lines_are_malformed() {
        let malformed = Err(NoHeader::Malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 56324\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443 1\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 056324 443\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 +1 443\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.007 10.0.0.1 1 2\r\n", malformed);
        check(b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n", malformed);
        check(b"PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n", malformed);
        check(b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n", malformed);
        check(b"PROXY  TCP4 192.0.2.7 10.0.0.1 1 2\r\n", malformed);
        check(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n\r\n", malformed);
        check(b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n", malformed);
        check(b"GET / HTTP/1.1\r\n", malformed);
        check(format!("PROXY UNKNOWN {}\r\n", "x".repeat(100)).as_bytes(), malformed);
    }

    #[test]
    fn binary_headers_name_the_client() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 4, 1, 0xbb];
        check(&binary(0x21, 0x11, &v4), Ok(Some("192.0.2.7")));
        // A checksum and an empty addition of an unknown type.
        let added = [v4.as_slice(), &[3, 0, 4, 1, 2, 3, 4, 0xee, 0, 0]].concat();
        check(&binary(0x21, 0x11, &added), Ok(Some("192.0.2.7")));
        let mut v6 = [0; 36];
        v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
        v6[15] = 1;
        check(&binary(0x21, 0x21, &v6), Ok(Some("2001:db8::1")));
        check(&binary(0x20, 0x00, &[]), Ok(None));
        check(&binary(0x20, 0x11, &v4), Ok(None));
        check(&binary(0x21, 0x00, &[]), Ok(None));
        check(&binary(0x21, 0x31, &[0; 216]), Ok(None));
    }

    #[test]
    fn other_binary_headers_are_malformed() {
        let malformed = Err(NoHeader::Malformed);
        check(&binary(0x11, 0x11, &[0; 12]), malformed);
        check(&binary(0x22, 0x11, &[0; 12]), malformed);
        check(&binary(0x21, 0x12, &[0; 12]), malformed);
        check(&binary(0x21, 0x11, &[0; 11]), malformed);
        check(&binary(0x21, 0x21, &[0; 12]), malformed);
        check(&binary(0x21, 0x11, &[0; LENGTH_MAX]), malformed);
    }

    proptest! {
        #[test]
        fn nothing_is_read_that_is_not_the_header_s(bytes in prop::collection::vec(any::<u8>(), 0..64), kind in 0..3) {
            let bytes = match kind {
                0 => bytes,
                1 => [WORD.as_slice(), &bytes].concat(),
                _ => [SIGNATURE.as_slice(), &bytes].concat(),
            };
            let mut known = 0;
            while let Ok(Parsed::Partial(missing)) = parse(&bytes[..known]) {
                prop_assert!(missing > 0 && known + missing <= FIXED + LENGTH_MAX);
                known += missing;
                if known > bytes.len() {
                    break;
                }
            }
        }
    }

    #[tokio::test]
    async fn what_follows_the_header_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for header in
            [b"PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n".to_vec(), binary(0x20, 0, &[1, 0, 1, 65])]
        {
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut socket = Socket::from(listener.accept().await.unwrap().0);
            client.write_all(&header[..3]).await.unwrap();
            let (begun, ()) = tokio::join!(begins(&socket), async {
                tokio::task::yield_now().await;
                client.write_all(&header[3..]).await.unwrap();
                client.write_all(b"rest").await.unwrap();
                client.shutdown().await.unwrap();
            });
            assert!(begun.unwrap());
            assert!(read(&socket).await.is_ok());
            let mut rest = String::new();
            socket.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "rest");
        }
    }
}
