//! What stands before the blocks of a frame, and before each block (RFC 8878, section 3.1.1).

/// How a frame begins.
pub const MAGIC: u32 = 0xfd2f_b528;

/// How a frame begins that is not for decoders (section 3.1.2).
pub const SKIPPABLE: std::ops::RangeInclusive<u32> = 0x184d_2a50..=0x184d_2a5f;

/// What a frame's header says of it.
#[derive(Clone, Copy, Default)]
pub struct FrameHeader {
    /// Of the header with its magic number.
    pub bytes: usize,
    /// What blocks may refer back to.
    pub window_bytes: usize,
    /// Whether a checksum follows the last block.
    pub has_checksum: bool,
}

impl FrameHeader {
    /// Reads the header at the beginning of a frame; `None` while it is not whole.
    pub fn read(frame: &[u8]) -> Option<FrameHeader> {
        let descriptor = *frame.get(4)?;
        let single_segment = descriptor & 0x20 != 0;
        let dictionary_bytes = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied().unwrap_or_default();
        let size_bytes = match descriptor >> 6 {
            0 => usize::from(single_segment),
            log => 1 << log,
        };
        let size_at = 5 + usize::from(!single_segment) + dictionary_bytes;
        let bytes = size_at + size_bytes;
        let size = frame.get(size_at..bytes)?;
        let window = if single_segment { content_size(size) } else { window_size(*frame.get(5)?) };
        let window_bytes = usize::try_from(window).unwrap_or(usize::MAX);
        Some(FrameHeader { bytes, window_bytes, has_checksum: descriptor & 4 != 0 })
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

/// What a block's header says of it (section 3.1.1.2).
#[derive(Clone, Copy)]
pub struct BlockHeader {
    /// Whether the frame has no other block.
    pub is_last: bool,
    /// Of the block with its header.
    pub bytes: usize,
}

impl BlockHeader {
    /// Encoded or decoded, no block holds more.
    pub const CONTENT_BYTES_MAX: usize = 128 * 1024;

    /// No block with its header is longer.
    pub const BYTES_MAX: usize = 3 + BlockHeader::CONTENT_BYTES_MAX;

    /// Reads the header at the beginning of a block; `None` while it is not whole.
    pub fn read(block: &[u8]) -> Option<BlockHeader> {
        let [first, second, third] = *block.first_chunk()?;
        let header = u32::from_le_bytes([first, second, third, 0]);
        let is_one_byte_repeated = header >> 1 & 3 == 1;
        let content = if is_one_byte_repeated { 1 } else { (header >> 3) as usize };
        Some(BlockHeader { is_last: header & 1 != 0, bytes: 3 + content })
    }

    /// The header of a block that holds `length` bytes as they are, and is not the last one.
    pub fn stored(length: usize) -> [u8; 3] {
        let [first, second, third, ..] = (length << 3).to_le_bytes();
        [first, second, third]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the header, of the window, and whether there is a checksum.
    #[track_caller]
    fn check(after_magic: &[u8], expected: (usize, usize, bool)) {
        let frame = [&MAGIC.to_le_bytes()[..], after_magic].concat();
        let header = FrameHeader::read(&frame).unwrap();
        assert_eq!((header.bytes, header.window_bytes, header.has_checksum), expected);
        assert!((0..frame.len()).all(|length| FrameHeader::read(&frame[..length]).is_none()));
    }

    #[test]
    fn headers_of_frames_have_many_forms() {
        check(&[0x00, 0x00], (6, 1024, false));
        check(&[0x04, 0x58], (6, 2 << 20, true));
        check(&[0x00, 0x03], (6, 1024 + 3 * 128, false));
        check(&[0x00, 0xff], (6, (1 << 41) + 7 * (1 << 38), false));
        check(&[0x20, 17], (6, 17, false));
        check(&[0x60, 0x01, 0x00], (7, 257, false));
        check(&[0xa4, 0x01, 0x00, 0x01, 0x00], (9, 65537, true));
        check(&[0xe0, 0, 0, 0, 0, 1, 0, 0, 0], (13, 1 << 32, false));
        check(&[0x40, 0x00, 0, 0], (8, 1024, false));
        check(&[0x03, 0x00, 1, 2, 3, 4], (10, 1024, false));
        check(&[0x22, 1, 2, 17], (8, 17, false));
    }

    #[test]
    fn headers_of_blocks_tell_their_length() {
        let check = |header: [u8; 3], is_last, bytes| {
            let read = BlockHeader::read(&header).unwrap();
            assert_eq!((read.is_last, read.bytes), (is_last, bytes), "{header:?}");
        };
        check([0x01, 0, 0], true, 3);
        check([0x02, 0, 0x10], false, 4);
        check([0x04 | 0x08, 0, 0], false, 4);
        check(BlockHeader::stored(70_000), false, 70_003);
        assert!(BlockHeader::read(&[0, 0]).is_none());
    }
}
