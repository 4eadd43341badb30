//! What the escapes of a string stand for.

use wide::u8x16;

use super::scanner::CHUNK_BYTES;

/// The string without its escapes, which have been checked. As json-smart does, drops U+007F from such a string.
pub(super) fn unescape(escaped: &str) -> String {
    let bytes = escaped.as_bytes();
    let mut out = vec![0; bytes.len() + CHUNK_BYTES];
    let (mut from, mut to) = (0, 0);
    // An escape is longer than what it stands for, so `to` is never ahead of `from`.
    while let (Some(rest), Some(place)) = (bytes.get(from..), out.get_mut(to..)) {
        let plain = match (rest.first_chunk::<CHUNK_BYTES>(), place.first_chunk_mut::<CHUNK_BYTES>()) {
            (Some(chunk), Some(place)) => {
                *place = *chunk;
                telling(*chunk)
            }
            _ => copy_tail(rest, place),
        };
        (from, to) = (from + plain, to + plain);
        if plain == CHUNK_BYTES {
            continue;
        }
        match bytes.get(from..from + 2) {
            None if bytes.get(from) != Some(&0x7f) => break,
            Some(br"\u") => {
                let units = units(bytes.get(from..).unwrap_or_default());
                from += units.len() * UNIT_BYTES;
                for character in char::decode_utf16(units) {
                    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                    let place = out.get_mut(to..).unwrap_or_default();
                    to += character.encode_utf8(place).len();
                }
            }
            Some([b'\\', escape]) => {
                if let Some(place) = out.get_mut(to) {
                    *place = meaning(*escape);
                }
                (from, to) = (from + 2, to + 1);
            }
            _ => from += 1,
        }
    }
    out.truncate(to);
    // It is UTF-8: whole characters were copied and whole characters put in their place.
    String::from_utf8(out).unwrap_or_default()
}

/// Where the first backslash or U+007F is; behind the end if there is none.
#[inline]
fn telling(chunk: [u8; CHUNK_BYTES]) -> usize {
    let bytes = u8x16::new(chunk);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    let places = (is(b'\\') | is(0x7f)).to_bitmask();
    (places | 1 << CHUNK_BYTES).trailing_zeros() as usize
}

/// The same for what is shorter than a chunk.
fn copy_tail(rest: &[u8], place: &mut [u8]) -> usize {
    let plain = rest.iter().position(|byte| matches!(byte, b'\\' | 0x7f)).unwrap_or(rest.len());
    place.iter_mut().zip(rest).take(plain).for_each(|(place, byte)| *place = *byte);
    plain
}

fn meaning(escape: u8) -> u8 {
    match escape {
        b'b' => b'\x08',
        b'f' => b'\x0c',
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        itself => itself,
    }
}

/// Bytes of `\uXXXX`.
const UNIT_BYTES: usize = 6;

/// A row of `\uXXXX`: two of them may be one character.
fn units(escapes: &[u8]) -> Vec<u16> {
    let (escapes, _) = escapes.as_chunks::<UNIT_BYTES>();
    let unit = |[backslash, u, digits @ ..]: &[u8; UNIT_BYTES]| {
        let value = |value, digit: &u8| value << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u16;
        ([*backslash, *u] == *br"\u").then(|| digits.iter().fold(0, value))
    };
    escapes.iter().map_while(unit).collect()
}
