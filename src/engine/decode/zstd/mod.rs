//! zstd (RFC 8878): any number of frames, each a header, blocks, and perhaps a checksum.

mod blocks;
mod frame;

use super::{Coding, DecodeError, Halt, Sink, WINDOW_BYTES_MAX};
use blocks::Blocks;
use frame::{BlockHeader, FrameHeader, MAGIC, SKIPPABLE};

pub struct Zstd {
    /// What has come of a part that is not whole yet.
    encoded: Vec<u8>,
    next: Part,
    frame: FrameHeader,
    blocks: Blocks,
    frames: u64,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Part {
    /// A frame's magic number and header.
    Header,
    Block,
    Checksum,
    /// So many bytes of a frame that is not for decoders.
    Skipped(usize),
    /// Nothing that counts.
    Rest,
}

impl Zstd {
    pub fn new() -> Zstd {
        Zstd {
            encoded: Vec::new(),
            next: Part::Header,
            frame: FrameHeader::default(),
            blocks: Blocks::new(),
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
        self.blocks.pause(sink)
    }

    /// Shows what was not worth it before. Whether the last frame has ended.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<bool, Halt> {
        self.blocks.end(sink)?;
        Ok(match self.next {
            // A whole magic number is the beginning of another frame.
            Part::Header => self.frames > 0 && self.encoded.len() < size_of_val(&MAGIC),
            Part::Rest => true,
            Part::Block | Part::Checksum | Part::Skipped(_) => false,
        })
    }

    /// Takes the next part off `rest`, if all of it is there.
    fn part<'e>(&mut self, rest: &'e [u8], sink: &mut Sink<'_>) -> Result<Option<&'e [u8]>, Halt> {
        let taken = match self.next {
            Part::Header => self.header(rest)?,
            Part::Block => self.block(rest, sink)?,
            Part::Checksum => self.verify(rest)?,
            Part::Skipped(left) => self.skip(left.min(rest.len()), left),
            Part::Rest => rest.len(),
        };
        Ok(if taken == 0 { None } else { rest.get(taken..) })
    }

    fn header(&mut self, rest: &[u8]) -> Result<usize, Halt> {
        let Some(magic) = rest.first_chunk() else { return Ok(0) };
        match u32::from_le_bytes(*magic) {
            MAGIC => self.begin_frame(rest),
            magic if SKIPPABLE.contains(&magic) => Ok(self.begin_skipping(rest)),
            _ if self.frames == 0 => Err(corrupt()),
            _ => {
                self.next = Part::Rest;
                Ok(rest.len())
            }
        }
    }

    fn begin_frame(&mut self, rest: &[u8]) -> Result<usize, Halt> {
        let Some(frame) = FrameHeader::read(rest) else { return Ok(0) };
        if frame.window_bytes > WINDOW_BYTES_MAX {
            return Err(DecodeError::OverWindow.into());
        }
        self.blocks.begin(frame, rest)?;
        (self.frame, self.next) = (frame, Part::Block);
        Ok(frame.bytes)
    }

    fn begin_skipping(&mut self, rest: &[u8]) -> usize {
        let Some([.., a, b, c, d]) = rest.first_chunk::<8>() else { return 0 };
        let length = u32::from_le_bytes([*a, *b, *c, *d]) as usize;
        self.skip(0, length);
        8
    }

    fn skip(&mut self, taken: usize, left: usize) -> usize {
        self.next = Part::Skipped(left - taken);
        if left == taken {
            self.end_frame(Part::Header);
        }
        taken
    }

    fn block(&mut self, rest: &[u8], sink: &mut Sink<'_>) -> Result<usize, Halt> {
        let Some(header) = BlockHeader::read(rest) else { return Ok(0) };
        if header.bytes > BlockHeader::BYTES_MAX {
            self.blocks.end(sink)?;
            return Err(corrupt());
        }
        let Some(block) = rest.get(..header.bytes) else { return Ok(0) };
        self.blocks.decode(block, sink)?;
        if header.is_last {
            self.blocks.end(sink)?;
            self.end_frame(if self.frame.has_checksum { Part::Checksum } else { Part::Header });
        }
        Ok(header.bytes)
    }

    fn verify(&mut self, rest: &[u8]) -> Result<usize, Halt> {
        let Some(sent) = rest.first_chunk() else { return Ok(0) };
        if self.blocks.checksum() != u32::from_le_bytes(*sent) {
            return Err(corrupt());
        }
        self.next = Part::Header;
        Ok(sent.len())
    }

    fn end_frame(&mut self, next: Part) {
        self.next = next;
        self.frames += 1;
    }
}

fn corrupt() -> Halt {
    DecodeError::Corrupt(Coding::Zstd).into()
}
