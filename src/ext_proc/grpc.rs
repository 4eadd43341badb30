//! Messages of gRPC in a stream of bytes: one byte of flags, four of length, the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::live::Share;

const PREFIX: usize = 5;

/// The messages that arrive, of which one may be incomplete.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    bytes: BytesMut,
    /// What they count for among all that is held.
    share: Share,
    has_room: bool,
    /// Bytes still to come of a message that is too long to be kept.
    skipping: usize,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arrived {
    /// A message.
    Message(Bytes),
    /// One that was too long, and is gone.
    Oversized,
    /// One for which there was no room beside all that others hold, and is gone, too.
    NoRoom,
    /// Something compressed, which was not agreed upon.
    Compressed,
}

impl Inbound {
    /// Nothing has arrived.
    pub fn new(share: Share) -> Inbound {
        Inbound { share, has_room: true, ..Inbound::default() }
    }

    /// Takes what came.
    pub fn push(&mut self, mut bytes: Bytes) {
        let skipped = self.skipping.min(bytes.len());
        self.skipping -= skipped;
        bytes.advance(skipped);
        self.has_room = self.share.take(bytes.len());
        if self.bytes.is_empty() {
            // Mostly a message is one piece, and nobody else has it.
            self.bytes = BytesMut::from(bytes);
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// The next message, of at most so many bytes, if all of it is there.
    pub fn next(&mut self, bytes_max: usize) -> Option<Arrived> {
        let (prefix, _) = self.bytes.split_first_chunk::<PREFIX>()?;
        let [flags, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if flags != 0 {
            return Some(Arrived::Compressed);
        }
        if length > bytes_max {
            self.skip(length);
            return Some(Arrived::Oversized);
        }
        if self.bytes.len() - PREFIX < length {
            if !self.has_room {
                self.skip(length);
                return Some(Arrived::NoRoom);
            }
            self.bytes.reserve(length);
            return None;
        }
        self.bytes.advance(PREFIX);
        self.share.release(PREFIX + length);
        Some(Arrived::Message(self.bytes.split_to(length).freeze()))
    }

    /// Drops the next message, what is here of it and what is still to come.
    fn skip(&mut self, length: usize) {
        self.bytes.advance(PREFIX);
        let here = self.bytes.len().min(length);
        self.bytes.advance(here);
        self.skipping = length - here;
        self.share.release(PREFIX + here);
    }
}

/// A message, ready to be sent after others.
pub(super) fn write(message: &impl Message, to: &mut BytesMut) {
    let length = message.encoded_len();
    to.reserve(PREFIX + length);
    to.put_u8(0);
    to.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Holds;

    /// What arrives of messages of these lengths, cut into pieces of so many bytes.
    fn arrived(lengths: &[usize], piece: usize, bytes_max: usize) -> Vec<Arrived> {
        let mut wire = Vec::new();
        for length in lengths {
            wire.extend([0]);
            wire.extend(u32::try_from(*length).unwrap().to_be_bytes());
            wire.extend(std::iter::repeat_n(7, *length));
        }
        let mut inbound = Inbound::new(Share::default());
        let mut arrived = Vec::new();
        for piece in wire.chunks(piece) {
            inbound.push(Bytes::copy_from_slice(piece));
            while let Some(next) = inbound.next(bytes_max) {
                arrived.push(next);
            }
        }
        arrived
    }

    #[test]
    fn messages_arrive_however_they_are_cut() {
        let message = |length| Arrived::Message(Bytes::from(vec![7; length]));
        for piece in 1..40 {
            let all = arrived(&[3, 0, 20, 1], piece, 20);
            assert_eq!(all, [message(3), message(0), message(20), message(1)], "in pieces of {piece}");
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_not_kept() {
        let message = |length| Arrived::Message(Bytes::from(vec![7; length]));
        for piece in 1..40 {
            let all = arrived(&[3, 21, 2], piece, 20);
            assert_eq!(all, [message(3), Arrived::Oversized, message(2)], "in pieces of {piece}");
        }
    }

    #[test]
    fn a_message_counts_while_it_is_incomplete() {
        let holds = Holds::new(10);
        let mut inbound = Inbound::new(holds.share());
        inbound.push(Bytes::from_static(&[0, 0, 0, 0, 9, 7, 7]));
        assert_eq!(inbound.next(20), None);
        assert!(!holds.share().take(4), "seven of ten are taken");
        inbound.push(Bytes::from_static(&[7; 5]));
        assert_eq!(inbound.next(20), Some(Arrived::NoRoom), "twelve of ten");
        inbound.push(Bytes::from_static(&[7, 7, 0, 0, 0, 0, 1, 8]));
        assert_eq!(inbound.next(20), Some(Arrived::Message(Bytes::from_static(&[8]))));
        assert!(holds.share().take(10), "all is given back");
    }

    #[test]
    fn nothing_compressed_is_read() {
        let mut inbound = Inbound::new(Share::default());
        inbound.push(Bytes::from_static(&[1, 0, 0, 0, 1, 7]));
        assert_eq!(inbound.next(20), Some(Arrived::Compressed));
    }
}
