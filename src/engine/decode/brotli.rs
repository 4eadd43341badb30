//! br (RFC 7932), with its windows of 16 MiB at most; "large window" streams are no part of it.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Coding, DecodeError, Halt, Sink, piece};

pub struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    piece: Box<[u8]>,
    ended: bool,
}

impl Brotli {
    pub fn new() -> Brotli {
        let alloc = StandardAlloc::default;
        Brotli {
            state: Box::new(BrotliState::new_strict(alloc(), alloc(), alloc())),
            piece: piece(),
            ended: false,
        }
    }

    /// What follows the end of the stream counts for nothing.
    pub fn feed(&mut self, encoded: &[u8], sink: &mut Sink<'_>) -> Result<(), Halt> {
        let (mut left, mut at) = (encoded.len(), 0);
        while !self.ended {
            let (mut room, mut given, mut total) = (self.piece.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                encoded,
                &mut room,
                &mut given,
                &mut self.piece,
                &mut total,
                &mut self.state,
            );
            if let Some(plain) = self.piece.get(..given).filter(|plain| !plain.is_empty()) {
                sink(plain)?;
            }
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => break,
                BrotliResult::ResultFailure => return Err(DecodeError::Corrupt(Coding::Brotli).into()),
            }
        }
        Ok(())
    }

    pub fn is_whole(&self) -> bool {
        self.ended
    }
}
