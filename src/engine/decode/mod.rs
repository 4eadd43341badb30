//! Content codings undone: the bytes an upstream compressed (RFC 9110, section 8.4), as they arrive, into the bytes
//! that rules are written about. For looking only: an answer whose body is not rewritten keeps the upstream's bytes.
//!
//! Whatever the input, memory is bounded and the work ends: no more than [`Decoder::new`]'s `bytes_max` comes out of
//! any layer, and past [`RATIO_FREE_BYTES`] no more than [`RATIO_MAX`] times what went in. Up to a mistake in a
//! stream its bytes come out; br holds back those that it had not finished with when it found the mistake.

mod brotli;
mod coding;
mod inflate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod zstd;

use std::fmt;
use std::ops::ControlFlow;

pub use coding::{Coding, Codings, LAYERS_MAX, UnknownCoding};

use brotli::Brotli;
use inflate::{Deflate, Gzip};
use zstd::Zstd;

/// Decoded bytes over encoded bytes from which on a body is taken for a decompression bomb. JSON and HTML rarely pass
/// 20; deflate cannot pass 1032, br and zstd can pass 10,000.
pub const RATIO_MAX: u64 = 200;

/// Decoded bytes that are not held against [`RATIO_MAX`]: as much as a table of zeros may well have.
pub const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Memory for what a zstd stream may refer back to: what every decoder should support, and no encoder should exceed
/// (RFC 8878, section 3.1.1.1.2; RFC 9659). deflate has 32 KiB, br at most 16 MiB.
pub const WINDOW_BYTES_MAX: usize = 8 << 20;

/// Encoded bytes are taken this many at a time, counted from the stream's start, so that the ratio of a body does not
/// hang on how its bytes were cut.
const STEP_BYTES: u64 = 16 * 1024;

/// Bytes that a layer decodes before it hands them on.
const PIECE_BYTES: usize = 16 * 1024;

/// Decodes a body piece by piece, through all the codings that were applied to it.
pub struct Decoder {
    /// From the coding that was applied last to the one that was applied first.
    layers: Vec<Layer>,
    /// Decoded bytes at most, of every layer.
    bytes_max: u64,
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not what its coding says, or needs a dictionary that is not there.
    Corrupt(Coding),
    /// It ended before its coding did.
    CutShort(Coding),
    /// It is longer than may be decoded.
    OverBytes {
        /// What may be.
        bytes_max: u64,
    },
    /// It is [`RATIO_MAX`] times longer than its encoded form: a decompression bomb.
    OverRatio,
    /// It wants more memory to be decoded than [`WINDOW_BYTES_MAX`].
    OverWindow,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Corrupt(coding) => write!(f, "{coding} body is corrupt"),
            DecodeError::CutShort(coding) => write!(f, "{coding} body is cut short"),
            DecodeError::OverBytes { bytes_max } => write!(f, "decoded body over {bytes_max} bytes"),
            DecodeError::OverRatio => write!(f, "decoded body over {RATIO_MAX} times its encoded size"),
            DecodeError::OverWindow => write!(f, "zstd window over {} bytes", WINDOW_BYTES_MAX),
        }
    }
}

/// Who is given the decoded bytes, in order and without gaps.
type Sink<'s> = dyn FnMut(&[u8]) -> Result<(), Halt> + 's;

/// Why decoding stops.
enum Halt {
    /// Whoever is given the bytes has enough of them.
    Enough,
    /// It cannot go on.
    Error(DecodeError),
}

impl From<DecodeError> for Halt {
    fn from(error: DecodeError) -> Halt {
        Halt::Error(error)
    }
}

impl Decoder {
    /// A decoder that gives out `bytes_max` decoded bytes at most.
    pub fn new(codings: &Codings, bytes_max: u64) -> Decoder {
        Decoder { layers: codings.outermost_first().map(Layer::new).collect(), bytes_max }
    }

    /// Takes the next encoded bytes, and gives `sink` what they say in pieces, as early as they can be known. When
    /// `sink` breaks off nothing more comes of the decoder.
    ///
    /// # Errors
    /// When the body cannot be decoded any further; what comes of the decoder from then on means nothing.
    pub fn feed(
        &mut self,
        encoded: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        ended(feed(&mut self.layers, encoded, self.bytes_max, &mut until_enough(sink)))
    }

    /// The encoded bytes have ended. A body of none at all is an empty one, whatever its coding.
    ///
    /// # Errors
    /// When the body has not ended by its own account.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), DecodeError> {
        ended(finish(&mut self.layers, self.bytes_max, &mut until_enough(sink)))
    }
}

fn until_enough<'s>(
    sink: &'s mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> impl FnMut(&[u8]) -> Result<(), Halt> + 's {
    |plain| match sink(plain) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Halt::Enough),
    }
}

fn ended(result: Result<(), Halt>) -> Result<(), DecodeError> {
    match result {
        Ok(()) | Err(Halt::Enough) => Ok(()),
        Err(Halt::Error(error)) => Err(error),
    }
}

fn feed(layers: &mut [Layer], encoded: &[u8], bytes_max: u64, sink: &mut Sink<'_>) -> Result<(), Halt> {
    let Some((outer, inner)) = layers.split_first_mut() else { return sink(encoded) };
    let mut rest = encoded;
    while !rest.is_empty() {
        let room = STEP_BYTES - outer.encoded % STEP_BYTES;
        let step = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
        let (step, after) = rest.split_at(step);
        outer.feed(step, bytes_max, &mut |plain| feed(inner, plain, bytes_max, sink))?;
        rest = after;
    }
    Ok(())
}

fn finish(layers: &mut [Layer], bytes_max: u64, sink: &mut Sink<'_>) -> Result<(), Halt> {
    let Some((outer, inner)) = layers.split_first_mut() else { return Ok(()) };
    outer.finish(bytes_max, &mut |plain| feed(inner, plain, bytes_max, sink))?;
    finish(inner, bytes_max, sink)
}

/// One coding being undone, and what has gone through it.
struct Layer {
    coding: Coding,
    stream: Stream,
    encoded: u64,
    decoded: u64,
}

enum Stream {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Brotli),
    Zstd(Box<Zstd>),
}

impl Layer {
    fn new(coding: Coding) -> Layer {
        let stream = match coding {
            Coding::Gzip => Stream::Gzip(Gzip::new()),
            Coding::Deflate => Stream::Deflate(Deflate::new()),
            Coding::Brotli => Stream::Brotli(Brotli::new()),
            Coding::Zstd => Stream::Zstd(Box::new(Zstd::new())),
        };
        Layer { coding, stream, encoded: 0, decoded: 0 }
    }

    fn feed(&mut self, encoded: &[u8], bytes_max: u64, sink: &mut Sink<'_>) -> Result<(), Halt> {
        self.encoded += encoded.len() as u64;
        let Layer { stream, encoded: encoded_bytes, decoded, .. } = self;
        let mut sink = capped(*encoded_bytes, decoded, bytes_max, sink);
        match stream {
            Stream::Gzip(gzip) => gzip.feed(encoded, &mut sink),
            Stream::Deflate(deflate) => deflate.feed(encoded, &mut sink),
            Stream::Brotli(brotli) => brotli.feed(encoded, &mut sink),
            Stream::Zstd(zstd) => zstd.feed(encoded, &mut sink),
        }
    }

    fn finish(&mut self, bytes_max: u64, sink: &mut Sink<'_>) -> Result<(), Halt> {
        let mut sink = capped(self.encoded, &mut self.decoded, bytes_max, sink);
        let whole = match &mut self.stream {
            Stream::Gzip(gzip) => gzip.is_whole(),
            Stream::Deflate(deflate) => deflate.is_whole(),
            Stream::Brotli(brotli) => brotli.is_whole(),
            Stream::Zstd(zstd) => zstd.finish(&mut sink)?,
        };
        if whole || self.encoded == 0 { Ok(()) } else { Err(DecodeError::CutShort(self.coding).into()) }
    }
}

/// Hands on no byte past the bounds of a layer that `encoded` bytes have gone into.
fn capped<'s>(
    encoded: u64,
    decoded: &'s mut u64,
    bytes_max: u64,
    sink: &'s mut Sink<'_>,
) -> impl FnMut(&[u8]) -> Result<(), Halt> + 's {
    let by_ratio = encoded.next_multiple_of(STEP_BYTES).saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
    move |plain| {
        let room = usize::try_from(bytes_max.min(by_ratio) - *decoded).unwrap_or(usize::MAX);
        let within = plain.get(..room).unwrap_or(plain);
        *decoded += within.len() as u64;
        sink(within)?;
        match within.len() < plain.len() {
            false => Ok(()),
            true if *decoded == bytes_max => Err(DecodeError::OverBytes { bytes_max }.into()),
            true => Err(DecodeError::OverRatio.into()),
        }
    }
}

/// Room for one piece.
fn piece() -> Box<[u8]> {
    vec![0; PIECE_BYTES].into_boxed_slice()
}
