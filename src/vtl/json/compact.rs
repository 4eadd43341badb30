//! A copy of a text from which something is left out.

use super::scanner::{CHUNK_BYTES, Scanner};

/// Where the copy is made. It begins as the whole text: so there is room for all that could be wanted.
pub(super) struct Compact<'t> {
    text: Scanner<'t>,
    out: Vec<u8>,
}

/// Each function says up to where the copy has come.
impl<'t> Compact<'t> {
    pub fn of(text: &'t str) -> Compact<'t> {
        Compact { text: Scanner(text.as_bytes()), out: text.as_bytes().to_vec() }
    }

    /// Copies a part of the text. What is short goes as a whole chunk, which is faster; its end is overwritten later.
    #[inline(always)]
    pub fn copy(&mut self, from: usize, end: usize, to: usize) -> usize {
        let length = end - from;
        let place = self.out.get_mut(to..).and_then(<[u8]>::first_chunk_mut);
        match (self.text.chunk(from), place) {
            (Some(chunk), Some(place)) if length <= CHUNK_BYTES => *place = *chunk,
            _ => self.copy_exactly(from, end, to),
        }
        to + length
    }

    #[inline(never)]
    fn copy_exactly(&mut self, from: usize, end: usize, to: usize) {
        if let (Some(part), Some(place)) = (self.text.0.get(from..end), self.out.get_mut(to..to + end - from))
        {
            place.copy_from_slice(part);
        }
    }

    #[inline(always)]
    pub fn put(&mut self, byte: u8, to: usize) -> usize {
        if let Some(place) = self.out.get_mut(to) {
            *place = byte;
        }
        to + 1
    }

    /// The copy up to here.
    pub fn finish(mut self, to: usize) -> String {
        self.out.truncate(to);
        // It is UTF-8 as long as whole characters are copied and put.
        String::from_utf8(self.out).unwrap_or_default()
    }
}
