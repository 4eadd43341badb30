//! zstd (RFC 8878): any number of frames, each a header, blocks, and perhaps a checksum.
//!
//! The library decodes blocks, and keeps back the last window of what it decoded until a frame ends. That may be
//! megabytes and seconds, while rules wait. So it is told at the start of a frame that the frame has ended, which makes
//! it give out all it has; and is given its window back, as stored blocks, before it goes on.

use std::hash::Hasher;
use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use twox_hash::XxHash64;

use super::{Coding, DecodeError, Halt, Sink};

/// What every decoder should support, and no encoder should exceed (RFC 8878, section 3.1.1.1.2; RFC 9659).
pub const WINDOW_BYTES_MAX: usize = 8 << 20;

const MAGIC: u32 = 0xfd2f_b528;
const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;

/// Encoded or decoded, no block is longer.
const BLOCK_BYTES_MAX: usize = 128 * 1024;

/// A last block that holds nothing, and a checksum if the frame has one.
const END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// What is new is shown when it is at least this part of the window, which has to be copied to show it.
const WORTH_SHOWING: usize = 16;

pub struct Zstd {
    blocks: FrameDecoder,
    /// What has come of a part that is not whole yet.
    encoded: Vec<u8>,
    next: Part,
    frame: Frame,
    /// Bytes in the decoder that have been shown, and are there for later blocks to refer to.
    seen: usize,
    checksum: XxHash64,
    frames: u64,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Part {
    Header,
    Block,
    Checksum,
    /// So many bytes of a frame that is for others.
    Skipped(usize),
    /// Nothing that counts.
    Rest,
}

/// What a frame's header says of it (section 3.1.1.1).
#[derive(Clone, Copy, Default)]
struct Frame {
    /// Of the header with its magic number.
    header_bytes: usize,
    window_bytes: usize,
    has_checksum: bool,
}

impl Frame {
    /// `None` while the header is not whole.
    fn read(start: &[u8]) -> Option<Frame> {
        let descriptor = *start.get(4)?;
        let single_segment = descriptor & 0x20 != 0;
        let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or_default();
        let size_bytes = match descriptor >> 6 {
            0 => usize::from(single_segment),
            log => 1 << log,
        };
        let size_at = 5 + usize::from(!single_segment) + dictionary;
        let header_bytes = size_at + size_bytes;
        let size = start.get(size_at..header_bytes)?;
        let window = if single_segment { content_size(size) } else { window_size(*start.get(5)?) };
        let window_bytes = usize::try_from(window).unwrap_or(usize::MAX);
        Some(Frame { header_bytes, window_bytes, has_checksum: descriptor & 4 != 0 })
    }
}

/// Section 3.1.1.1.2.
fn window_size(descriptor: u8) -> u64 {
    let base = 1u64 << (10 + (descriptor >> 3));
    base + base / 8 * u64::from(descriptor & 7)
}

/// Section 3.1.1.1.4.
fn content_size(field: &[u8]) -> u64 {
    let size = field.iter().rev().fold(0, |size, byte| size << 8 | u64::from(*byte));
    if field.len() == 2 { size + 256 } else { size }
}

impl Zstd {
    pub fn new() -> Zstd {
        Zstd {
            blocks: FrameDecoder::new(),
            encoded: Vec::new(),
            next: Part::Header,
            frame: Frame::default(),
            seen: 0,
            checksum: XxHash64::with_seed(0),
            frames: 0,
        }
    }

    pub fn feed(&mut self, encoded: &[u8], sink: &mut Sink<'_>) -> Result<(), Halt> {
        // Moved out and back, so that a block that comes byte by byte is not copied for every byte.
        let mut pending = std::mem::take(&mut self.encoded);
        pending.extend_from_slice(encoded);
        let mut rest = pending.as_slice();
        while let Some(after) = self.part(rest, sink)? {
            rest = after;
        }
        let taken = pending.len() - rest.len();
        pending.drain(..taken);
        self.encoded = pending;
        self.show_if_worth(sink)
    }

    /// Shows what was not worth it before. Whether the last frame has ended.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<bool, Halt> {
        self.show(self.blocks.can_collect(), sink)?;
        let whole = match self.next {
            Part::Header => self.frames > 0,
            Part::Rest => true,
            Part::Block | Part::Checksum | Part::Skipped(_) => false,
        };
        Ok(whole)
    }

    /// Takes the next part off `rest`, if all of it is there.
    fn part<'e>(&mut self, rest: &'e [u8], sink: &mut Sink<'_>) -> Result<Option<&'e [u8]>, Halt> {
        let taken = match self.next {
            Part::Header => self.header(rest)?,
            Part::Block => self.block(rest, sink)?,
            Part::Checksum => self.verify(rest)?,
            Part::Skipped(left) => self.skip(left, rest),
            Part::Rest => rest.len(),
        };
        Ok(if taken == 0 { None } else { rest.get(taken..) })
    }

    fn header(&mut self, rest: &[u8]) -> Result<usize, Halt> {
        let Some(magic) = rest.first_chunk().map(|magic| u32::from_le_bytes(*magic)) else { return Ok(0) };
        if SKIPPABLE.contains(&magic) {
            let length = rest.get(4..).and_then(|rest| rest.first_chunk());
            let Some(length) = length.map(|length| u32::from_le_bytes(*length)) else { return Ok(0) };
            self.next = Part::Skipped(length as usize);
            self.end_if_skipped();
            return Ok(8);
        }
        if magic != MAGIC {
            if self.frames == 0 {
                return Err(corrupt());
            }
            self.next = Part::Rest;
            return Ok(rest.len());
        }
        let Some(frame) = Frame::read(rest) else { return Ok(0) };
        if frame.window_bytes > WINDOW_BYTES_MAX {
            return Err(DecodeError::OverWindow.into());
        }
        self.begin(frame, rest).map_err(|_| corrupt())?;
        Ok(frame.header_bytes)
    }

    fn begin(&mut self, frame: Frame, header: &[u8]) -> Result<(), FrameDecoderError> {
        self.blocks.reset(header)?;
        self.blocks.decode_blocks(END.as_slice(), BlockDecodingStrategy::All)?;
        self.frame = frame;
        self.checksum = XxHash64::with_seed(0);
        self.next = Part::Block;
        Ok(())
    }

    fn block(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Result<usize, Halt> {
        let Some(header) = rest.first_chunk::<3>() else { return Ok(0) };
        let [first, second, third] = *header;
        let header = u32::from_le_bytes([first, second, third, 0]);
        let (last, repeated, length) = (header & 1 != 0, header >> 1 & 3 == 1, (header >> 3) as usize);
        if length > BLOCK_BYTES_MAX {
            return self.broken(self.blocks.can_collect(), sink);
        }
        let block_bytes = 3 + if repeated { 1 } else { length };
        let Some(block) = rest.get(..block_bytes) else { return Ok(0) };
        let before = self.blocks.can_collect();
        if self.decode(block).is_err() {
            return self.broken(before, sink);
        }
        if last {
            self.end_frame(sink)?;
        } else if self.unseen() >= self.seen.max(BLOCK_BYTES_MAX) {
            self.show_and_go_on(sink)?;
        }
        Ok(block_bytes)
    }

    /// A last block makes the decoder read a checksum after it.
    fn decode(&mut self, block: &[u8]) -> Result<bool, FrameDecoderError> {
        self.blocks.decode_blocks(block.chain([0; 4].as_slice()), BlockDecodingStrategy::UptoBlocks(1))
    }

    fn end_frame(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        self.show(self.blocks.can_collect(), sink)?;
        self.next = if self.frame.has_checksum { Part::Checksum } else { Part::Header };
        self.frames += 1;
        Ok(())
    }

    /// The low half of the hash of what the frame said.
    fn verify(&mut self, rest: &[u8]) -> Result<usize, Halt> {
        let Some(sent) = rest.first_chunk::<4>() else { return Ok(0) };
        let [.., a, b, c, d] = self.checksum.finish().to_be_bytes();
        if *sent != [d, c, b, a] {
            return Err(corrupt());
        }
        self.next = Part::Header;
        Ok(sent.len())
    }

    fn skip(&mut self, left: usize, rest: &[u8]) -> usize {
        let taken = left.min(rest.len());
        self.next = Part::Skipped(left - taken);
        self.end_if_skipped();
        taken
    }

    fn end_if_skipped(&mut self) {
        if matches!(self.next, Part::Skipped(0)) {
            self.next = Part::Header;
            self.frames += 1;
        }
    }

    /// Shows what was decoded before a block that cannot be.
    fn broken<T>(&mut self, decoded: usize, sink: &mut Sink<'_>) -> Result<T, Halt> {
        self.show(decoded, sink)?;
        Err(corrupt())
    }

    fn unseen(&self) -> usize {
        self.blocks.can_collect().saturating_sub(self.seen)
    }

    fn show_if_worth(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        if self.unseen() > self.seen / WORTH_SHOWING { self.show_and_go_on(sink) } else { Ok(()) }
    }

    fn show_and_go_on(&mut self, sink: &mut Sink<'_>) -> Result<(), Halt> {
        let decoded = self.show(self.blocks.can_collect(), sink)?;
        let window = decoded.get(decoded.len().saturating_sub(self.frame.window_bytes)..).unwrap_or_default();
        for piece in window.chunks(BLOCK_BYTES_MAX.min(self.frame.window_bytes).max(1)) {
            let [first, second, third, _] = (piece.len() as u32).wrapping_shl(3).to_le_bytes();
            let block = [first, second, third];
            self.blocks
                .decode_blocks(block.chain(piece), BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|_| corrupt())?;
        }
        self.seen = window.len();
        Ok(())
    }

    /// Empties the decoder, and shows what is new of its first `decoded` bytes.
    fn show(&mut self, decoded: usize, sink: &mut Sink<'_>) -> Result<Vec<u8>, Halt> {
        let all = self.blocks.collect().unwrap_or_default();
        let new = all.get(self.seen..decoded).unwrap_or_default();
        self.seen = 0;
        self.checksum.write(new);
        if !new.is_empty() {
            sink(new)?;
        }
        Ok(all)
    }
}

fn corrupt() -> Halt {
    DecodeError::Corrupt(Coding::Zstd).into()
}
