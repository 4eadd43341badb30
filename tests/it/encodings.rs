//! Compressed answers over real sockets: when they are decided on, and what the client gets of them.

use std::io::Write;
use std::sync::mpsc::channel;

use flate2::Compression;
use flate2::write::GzEncoder;

use candor::settings::AcceptEncoding;

use crate::support::PATIENCE;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{After, Upstream};

const FIELD_RULE: &str = r"
rule_sets:
  orders: { rules: [{ name: found, when: { json: $.statusCode, matches: '4\d{2}' }, then: { status: 404 } }] }
";

const TEXT_RULE: &str = r"
rule_sets:
  orders: { rules: [{ name: found, when: { body: { contains: not found } }, then: { status: 404 } }] }
";

const START: &[u8] = br#"{"statusCode":404,"#;
const END: &[u8] = br#""message":"No such order"}"#;

/// A body as a server flushes it: what says `START`, and what says `END`.
fn flushed_gzip() -> (Vec<u8>, Vec<u8>) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(START).unwrap();
    encoder.flush().unwrap();
    let start = encoder.get_ref().len();
    encoder.write_all(END).unwrap();
    let mut encoded = encoder.finish().unwrap();
    let end = encoded.split_off(start);
    (encoded, end)
}

fn flushed_br() -> (Vec<u8>, Vec<u8>) {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    encoder.write_all(START).unwrap();
    encoder.flush().unwrap();
    let start = encoder.get_ref().len();
    encoder.write_all(END).unwrap();
    let mut encoded = encoder.into_inner();
    let end = encoded.split_off(start);
    (encoded, end)
}

/// A frame with a window of 2 MiB, and two stored blocks.
fn flushed_zstd() -> (Vec<u8>, Vec<u8>) {
    let block = |bytes: &[u8], last: u8| [&[(bytes.len() as u8) << 3 | last, 0, 0], bytes].concat();
    ([b"(\xb5/\xfd\0\x58", block(START, 0).as_slice()].concat(), block(END, 1))
}

fn head(coding: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {coding}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

#[test]
fn an_error_that_was_flushed_decides_before_the_stream_ends() {
    for (coding, (start, end)) in [("gzip", flushed_gzip()), ("br", flushed_br()), ("zstd", flushed_zstd())] {
        let (open, opened) = channel();
        let upstream = {
            let (start, end) = (start.clone(), end.clone());
            let opened = std::sync::Mutex::new(opened);
            Upstream::scripted(move |_, stream| {
                stream.write_all(head(coding, start.len() + end.len()).as_bytes()).unwrap();
                stream.write_all(&start).unwrap();
                opened.lock().unwrap().recv_timeout(PATIENCE).expect("the head comes before the rest");
                stream.write_all(&end).unwrap();
                After::KeepOpen
            })
        };
        let mut client = Sidecar::start(upstream.address, FIELD_RULE).client();
        client.ask("GET /", &[]);
        assert_eq!(client.head().status(), 404, "{coding}");
        assert_eq!(client.bytes(start.len()), start, "{coding}");
        open.send(()).unwrap();
        assert_eq!(client.bytes(end.len()), end, "{coding}");
    }
}

/// A billion zeros, in members of a million.
#[test]
fn a_bomb_passes_as_it_was_sent() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&vec![0; 1_000_000]).unwrap();
    let bomb = encoder.finish().unwrap().repeat(1000);
    let answer = [head("gzip", bomb.len()).into_bytes(), bomb.clone()].concat();
    let upstream = Upstream::scripted(move |_, stream| {
        stream.write_all(&answer).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, TEXT_RULE, |settings| {
        settings.server.proxy_status = candor::settings::ProxyStatus::Always;
    });
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    let answer = client.answer(false);
    assert_eq!(answer.status(), 200);
    let told = answer.header("proxy-status").unwrap_or_default();
    assert!(told.contains("undecided: decoded body over 1048576 bytes"), "{told}");
    assert!(answer.payload.bytes == bomb);
}

#[test]
fn an_upstream_is_asked_for_codings_that_rules_can_look_into() {
    let check = |accept: AcceptEncoding, expected: Option<&str>| {
        let upstream = Upstream::answering("HTTP/1.1 204 No Content\r\n\r\n");
        let sidecar = Sidecar::with(upstream.address, FIELD_RULE, |settings| {
            settings.upstreams[0].accept_encoding = accept;
        });
        sidecar.exchange("GET /", &["accept-encoding: zstd, dcz;q=0.5"]);
        assert_eq!(upstream.received().head.header("accept-encoding"), expected);
    };
    check(AcceptEncoding::Preserve, Some("zstd, dcz;q=0.5"));
    check(AcceptEncoding::Decodable, Some("zstd"));
    check(AcceptEncoding::Identity, Some("identity"));
}
