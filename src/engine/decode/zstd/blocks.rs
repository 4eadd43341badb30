//! The blocks of a frame decoded, and shown as they are decoded.
//!
//! The library keeps back the last window of what it decoded until the frame ends. That may be megabytes and seconds,
//! while rules wait. So it is told at the start of a frame that the frame has ended, which makes it give out all it
//! has; and is given its window back, as stored blocks, before it goes on.

use std::hash::Hasher;
use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use twox_hash::XxHash64;

use super::frame::{BlockHeader, FrameHeader};
use super::{Halt, Sink, corrupt};

/// A last block that holds nothing, and a checksum if the frame has one.
const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// What is new is shown when it is at least this part of the window, which has to be copied to show it.
const WORTH_SHOWING: usize = 16;

pub struct Blocks {
    decoder: FrameDecoder,
    window_bytes: usize,
    /// Bytes in the decoder that have been shown, and are there for later blocks to refer to.
    seen: usize,
    hash: XxHash64,
}

impl Blocks {
    pub fn new() -> Blocks {
        Blocks { decoder: FrameDecoder::new(), window_bytes: 0, seen: 0, hash: XxHash64::with_seed(0) }
    }

    /// A frame begins with this header.
    pub fn begin(&mut self, header: FrameHeader, bytes: &[u8]) -> Result<(), Halt> {
        self.reset(bytes).map_err(|_| corrupt())?;
        self.window_bytes = header.window_bytes;
        self.hash = XxHash64::with_seed(0);
        Ok(())
    }

    fn reset(&mut self, header: &[u8]) -> Result<(), FrameDecoderError> {
        self.decoder.reset(header)?;
        self.decoder.decode_blocks(END.as_slice(), BlockDecodingStrategy::All)?;
        Ok(())
    }

    /// Takes a whole block. Shows what came before one that cannot be decoded.
    pub fn decode(&mut self, block: &[u8], sink: &mut Sink<'_>) -> Result<(), Halt> {
        let before = self.decoder.can_collect();
        // After a last block the decoder reads a checksum.
        let block = block.chain([0; 4].as_slice());
        if self.decoder.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
            self.show(before, sink)?;
            return Err(corrupt());
        }
        let is_much = self.unseen() >= self.seen.max(BlockHeader::CONTENT_BYTES_MAX);
        if is_much { self.show_and_go_on(sink) } else { Ok(()) }
    }

    /// There is nothing more to decode for now.
    pub fn pause(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        let is_worth_it = self.unseen() > self.seen / WORTH_SHOWING;
        if is_worth_it { self.show_and_go_on(sink) } else { Ok(()) }
    }

    /// There is nothing more to decode in this frame.
    pub fn end(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        self.show(self.decoder.can_collect(), sink)?;
        Ok(())
    }

    /// Of what was shown of the frame (RFC 8878, section 3.1.1).
    pub fn checksum(&self) -> u32 {
        self.hash.finish() as u32
    }

    fn unseen(&self) -> usize {
        self.decoder.can_collect().saturating_sub(self.seen)
    }

    fn show_and_go_on(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        let decoded = self.show(self.decoder.can_collect(), sink)?;
        let window = decoded.get(decoded.len().saturating_sub(self.window_bytes)..).unwrap_or_default();
        for piece in window.chunks(BlockHeader::CONTENT_BYTES_MAX.min(self.window_bytes).max(1)) {
            let header = BlockHeader::stored(piece.len());
            self.decoder
                .decode_blocks(header.chain(piece), BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|_| corrupt())?;
        }
        self.seen = window.len();
        Ok(())
    }

    /// Empties the decoder, and shows what is new of its first `decoded` bytes.
    fn show(&mut self, decoded: usize, sink: &mut Sink<'_>) -> Result<Vec<u8>, Halt> {
        let all = self.decoder.collect().unwrap_or_default();
        let new = all.get(self.seen..decoded).unwrap_or_default();
        self.seen = 0;
        self.hash.write(new);
        if !new.is_empty() {
            sink(new)?;
        }
        Ok(all)
    }
}
