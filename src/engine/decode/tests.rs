use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderValue;

use super::Coding::{Brotli, Deflate, Gzip, Zstd};
use super::*;

const PLAIN: &[u8] = br#"{"statusCode":404,"message":"No such order"}"#;

/// The text that the fixtures were made of, by `zstd -19` (`whole.zst`: one segment) and, streamed, by
/// `zstd -9 --zstd=wlog=16` (`windows.zst`: the text is three times longer than the window). Both have a checksum.
fn orders() -> String {
    let words = ["screw", "nut", "washer", "bolt", "rivet", "nail", "hook", "hinge"];
    let mut seed = 7u32;
    let mut text = String::from(r#"{"orders":["#);
    for id in 0..4500 {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
        let (word, size, pieces) = (words[(seed >> 16) as usize % 8], (seed >> 20) % 9, (seed >> 24) % 5);
        text += &format!(r#"{{"id":{id},"article":"{word} M{size}","pieces":{pieces}}},"#);
    }
    text + r#"null],"statusCode":404}"#
}

const WHOLE: &[u8] = include_bytes!("fixtures/whole.zst");
const WINDOWS: &[u8] = include_bytes!("fixtures/windows.zst");

pub fn encode(coding: Coding, plain: &[u8]) -> Vec<u8> {
    let level = Compression::default();
    match coding {
        Gzip => written(GzEncoder::new(Vec::new(), level), plain).finish().unwrap(),
        Deflate => written(ZlibEncoder::new(Vec::new(), level), plain).finish().unwrap(),
        Brotli => {
            let mut encoded = Vec::new();
            ::brotli::BrotliCompress(&mut &*plain, &mut encoded, &Default::default()).unwrap();
            encoded
        }
        Zstd => ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest),
    }
}

fn bare_deflate(plain: &[u8]) -> Vec<u8> {
    written(DeflateEncoder::new(Vec::new(), Compression::default()), plain).finish().unwrap()
}

fn written<W: Write>(mut encoder: W, plain: &[u8]) -> W {
    encoder.write_all(plain).unwrap();
    encoder
}

pub fn codings(names: &str) -> Codings {
    Codings::parse([&HeaderValue::from_str(names).unwrap()]).unwrap()
}

/// What comes out, and how it ends.
pub fn decode<'e>(
    names: &str,
    chunks: impl IntoIterator<Item = &'e [u8]>,
    bytes_max: u64,
) -> (Vec<u8>, Result<(), DecodeError>) {
    let mut decoder = Decoder::new(&codings(names), bytes_max);
    let mut plain = Vec::new();
    let mut sink = |piece: &[u8]| {
        plain.extend_from_slice(piece);
        ControlFlow::Continue(())
    };
    let fed = chunks.into_iter().try_for_each(|chunk| decoder.feed(chunk, &mut sink));
    let result = fed.and_then(|()| decoder.finish(&mut sink));
    (plain, result)
}

/// Whole, in two pieces and byte by byte.
#[track_caller]
fn check_ending(names: &str, encoded: &[u8], expected: &[u8], ending: Result<(), DecodeError>) {
    for size in [encoded.len().max(1), encoded.len() / 2 + 1, 1] {
        let (plain, result) = decode(names, encoded.chunks(size), u64::MAX);
        assert_eq!(result, ending, "in chunks of {size}");
        assert!(plain == expected, "in chunks of {size}: {} bytes for {}", plain.len(), expected.len());
    }
}

#[track_caller]
fn check(names: &str, encoded: &[u8], expected: &[u8]) {
    check_ending(names, encoded, expected, Ok(()));
}

#[test]
fn every_coding_is_undone() {
    for (name, coding) in [("gzip", Gzip), ("deflate", Deflate), ("br", Brotli), ("zstd", Zstd)] {
        check(name, &encode(coding, PLAIN), PLAIN);
        check(name, &encode(coding, b""), b"");
        check(name, &encode(coding, orders().as_bytes()), orders().as_bytes());
    }
    check("deflate", &bare_deflate(PLAIN), PLAIN);
    check("deflate", &bare_deflate(orders().as_bytes()), orders().as_bytes());
    check("zstd", WHOLE, orders().as_bytes());
    check("zstd", WINDOWS, orders().as_bytes());
}

#[test]
fn codings_may_be_stacked() {
    let stacked = [Gzip, Brotli, Zstd, Deflate].iter().fold(PLAIN.to_vec(), |body, c| encode(*c, &body));
    check("gzip, br, zstd, deflate", &stacked, PLAIN);
    check("gzip, gzip", &encode(Gzip, &encode(Gzip, PLAIN)), PLAIN);
    check("identity", PLAIN, PLAIN);
}

#[test]
fn a_body_of_no_bytes_is_empty_whatever_its_coding() {
    check("gzip", b"", b"");
    check("zstd, br, deflate", b"", b"");
}

#[test]
fn a_body_may_have_several_members_or_frames() {
    let twice =
        |coding, more: &[u8]| [encode(coding, b"one "), more.to_vec(), encode(coding, b"two")].concat();
    check("gzip", &twice(Gzip, &[]), b"one two");
    check("zstd", &twice(Zstd, &[]), b"one two");
    check("zstd", &twice(Zstd, b"\x53\x2a\x4d\x18\x03\0\0\0abc"), b"one two");
    check("zstd", &[WHOLE, WINDOWS].concat(), orders().repeat(2).as_bytes());
    check("zstd", b"\x50\x2a\x4d\x18\0\0\0\0", b"");
}

#[test]
fn what_follows_the_end_counts_for_nothing() {
    for after in [&b"\0\0\0"[..], b"\x1f", b"\x1f\x1f", b"<!-- 3 ms -->", b"(\xb5/"] {
        for (name, coding) in [("gzip", Gzip), ("deflate", Deflate), ("br", Brotli), ("zstd", Zstd)] {
            check(name, &[encode(coding, PLAIN), after.to_vec()].concat(), PLAIN);
        }
    }
}

/// The first bytes of a body that is still being sent, as servers flush them.
#[test]
fn what_was_flushed_is_seen_at_once() {
    let mut gzip = written(GzEncoder::new(Vec::new(), Compression::default()), PLAIN);
    gzip.flush().unwrap();
    let mut deflate = written(DeflateEncoder::new(Vec::new(), Compression::default()), PLAIN);
    deflate.flush().unwrap();
    let mut br = written(::brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22), PLAIN);
    br.flush().unwrap();
    let length = (PLAIN.len() as u32) << 3;
    let zstd = [&b"(\xb5/\xfd\0\x58"[..], &length.to_le_bytes()[..3], PLAIN].concat();
    for (name, coding, sent) in [
        ("gzip", Gzip, gzip.get_ref()),
        ("deflate", Deflate, deflate.get_ref()),
        ("br", Brotli, br.get_ref()),
        ("zstd", Zstd, &zstd),
    ] {
        check_ending(name, sent, PLAIN, Err(DecodeError::CutShort(coding)));
    }
}

#[test]
fn a_body_that_ends_too_early_says_so() {
    for (name, coding) in [("gzip", Gzip), ("deflate", Deflate), ("br", Brotli), ("zstd", Zstd)] {
        let encoded = encode(coding, PLAIN);
        for length in 1..encoded.len() {
            let (plain, result) = decode(name, [&encoded[..length]], u64::MAX);
            assert_eq!(result, Err(DecodeError::CutShort(coding)), "{name} of {length} bytes");
            assert!(PLAIN.starts_with(&plain), "{name} of {length} bytes");
        }
    }
    let two = [encode(Gzip, PLAIN), b"\x1f\x8b\x08".to_vec()].concat();
    check_ending("gzip", &two, PLAIN, Err(DecodeError::CutShort(Gzip)));
    let two = [encode(Zstd, PLAIN), b"(\xb5/\xfd".to_vec()].concat();
    check_ending("zstd", &two, PLAIN, Err(DecodeError::CutShort(Zstd)));
    let stacked = encode(Brotli, &encode(Gzip, PLAIN)[..40]);
    assert_eq!(decode("gzip, br", [&stacked[..]], u64::MAX).1, Err(DecodeError::CutShort(Gzip)));
}

#[test]
fn what_is_not_in_its_coding_says_so() {
    for (name, coding) in [("gzip", Gzip), ("deflate", Deflate), ("br", Brotli), ("zstd", Zstd)] {
        assert_eq!(decode(name, [PLAIN], u64::MAX).1, Err(DecodeError::Corrupt(coding)), "{name}");
    }
    check_ending("gzip", PLAIN, b"", Err(DecodeError::Corrupt(Gzip)));
    check_ending("zstd", &encode(Gzip, PLAIN), b"", Err(DecodeError::Corrupt(Zstd)));
    // A block of the kind that is reserved, and one that is too long.
    check_ending("zstd", b"(\xb5/\xfd\0\x58\x07\0\0", b"", Err(DecodeError::Corrupt(Zstd)));
    check_ending("zstd", b"(\xb5/\xfd\0\x58\x01\xff\xff", b"", Err(DecodeError::Corrupt(Zstd)));
    // A frame, and a stream, that need a dictionary.
    check_ending("zstd", b"(\xb5/\xfd\x01\x58\x09\x01\0\0", b"", Err(DecodeError::Corrupt(Zstd)));
    check_ending("deflate", b"\x78\xbb\x01\x02\x03\x04\0", b"", Err(DecodeError::Corrupt(Deflate)));
}

#[test]
fn a_checksum_that_is_wrong_says_so_after_the_body() {
    let spoilt = |encoded: &[u8], from_end: usize| {
        let mut encoded = encoded.to_vec();
        let at = encoded.len() - from_end;
        encoded[at] ^= 1;
        encoded
    };
    check_ending("gzip", &spoilt(&encode(Gzip, PLAIN), 5), PLAIN, Err(DecodeError::Corrupt(Gzip)));
    check_ending("gzip", &spoilt(&encode(Gzip, PLAIN), 1), PLAIN, Err(DecodeError::Corrupt(Gzip)));
    check_ending("deflate", &spoilt(&encode(Deflate, PLAIN), 1), PLAIN, Err(DecodeError::Corrupt(Deflate)));
    check_ending("zstd", &spoilt(WINDOWS, 1), orders().as_bytes(), Err(DecodeError::Corrupt(Zstd)));
}

#[test]
fn no_byte_comes_out_past_the_bound() {
    for (name, coding) in [("gzip", Gzip), ("deflate", Deflate), ("br", Brotli), ("zstd", Zstd)] {
        let encoded = encode(coding, PLAIN);
        let whole = PLAIN.len() as u64;
        assert_eq!(decode(name, [&encoded[..]], whole), (PLAIN.to_vec(), Ok(())), "{name}");
        let over = Err(DecodeError::OverBytes { bytes_max: whole - 1 });
        assert_eq!(
            decode(name, [&encoded[..]], whole - 1),
            (PLAIN[..PLAIN.len() - 1].to_vec(), over),
            "{name}"
        );
    }
    // What lies between two codings is bounded like what comes out.
    let stacked = encode(Gzip, &encode(Gzip, b"").repeat(1000));
    assert_eq!(decode("gzip, gzip", [&stacked[..]], 5000).1, Err(DecodeError::OverBytes { bytes_max: 5000 }));
}

/// Up to a billion zeros; encoded forms repeat where they may, so that they need not be computed.
#[test]
fn bombs_end_quickly() {
    let over_ratio = |name: &str, encoded: &[u8]| {
        for size in [encoded.len(), 5000] {
            let (plain, result) = decode(name, encoded.chunks(size), u64::MAX);
            assert_eq!(result, Err(DecodeError::OverRatio), "{name}");
            let quanta = plain.len() as u64 / (STEP_BYTES * RATIO_MAX);
            assert!(plain.len() as u64 <= STEP_BYTES * RATIO_MAX * (quanta + 1), "{name}");
            assert!(plain.len() < 8 << 20, "{name}: {}", plain.len());
        }
        let (plain, result) = decode(name, [encoded], 1000);
        assert_eq!((plain.len(), result), (1000, Err(DecodeError::OverBytes { bytes_max: 1000 })), "{name}");
    };
    let zeros = vec![0; 1_000_000];
    let million = |coding| encode(coding, &zeros);
    over_ratio("gzip", &million(Gzip).repeat(1000));
    over_ratio("gzip", &encode(Gzip, &[&zeros[..]; 8].concat()));
    over_ratio("deflate", &encode(Deflate, &[&zeros[..]; 8].concat()));
    over_ratio("br", &encode(Brotli, &[&zeros[..]; 8].concat()));
    over_ratio("zstd", &million(Zstd).repeat(1000));
    // Blocks of 128 KiB in four bytes each.
    over_ratio("zstd", &[&b"(\xb5/\xfd\0\x58"[..], &b"\x02\0\x10\0".repeat(8000)].concat());
    over_ratio("gzip, gzip", &encode(Gzip, &million(Gzip).repeat(1000)));
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    let frame = |window: u8| [&b"(\xb5/\xfd\0"[..], &[window], b"\x19\0\0abc"].concat();
    check("zstd", &frame(13 << 3), b"abc");
    check_ending("zstd", &frame((13 << 3) + 1), b"", Err(DecodeError::OverWindow));
    check_ending("zstd", &frame(0xff), b"", Err(DecodeError::OverWindow));
}

#[test]
fn decoding_ends_when_enough_is_known() {
    let bomb = encode(Gzip, &vec![0; 1_000_000]);
    let mut decoder = Decoder::new(&codings("gzip"), u64::MAX);
    let mut pieces = 0;
    let fed = decoder.feed(&bomb, &mut |_| {
        pieces += 1;
        if pieces < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert_eq!((fed, pieces), (Ok(()), 3));
}

#[test]
fn errors_are_told_in_the_words_of_the_header() {
    let check = |error: DecodeError, expected| assert_eq!(error.to_string(), expected);
    check(DecodeError::Corrupt(Brotli), "br body is corrupt");
    check(DecodeError::CutShort(Gzip), "gzip body is cut short");
    check(DecodeError::OverBytes { bytes_max: 10 }, "decoded body over 10 bytes");
    check(DecodeError::OverRatio, "decoded body over 200 times its encoded size");
    check(DecodeError::OverWindow, "zstd window over 8388608 bytes");
}
