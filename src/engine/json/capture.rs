//! The bytes of a body that some slot wants, kept across chunks.
//! Captures may lie within each other; the bytes they share are kept once.

use std::ops::Range;

use smallvec::SmallVec;

/// All captured bytes of one scan. Positions `at` count from the start of the current chunk.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// A status or a code needs no allocation.
    bytes: SmallVec<[u8; 32]>,
    /// Captures that have begun and not ended.
    open: usize,
    /// Where the bytes not yet copied begin in the current chunk; means nothing while none is open.
    from: usize,
}

impl Capture {
    /// A value begins at `at`: where its bytes will stand.
    pub fn begin(&mut self, at: usize) -> usize {
        if self.open == 0 {
            self.from = at;
        }
        self.open += 1;
        self.bytes.len() + (at - self.from)
    }

    /// The innermost open value ended before `at`: where its bytes end.
    pub fn end(&mut self, chunk: &[u8], at: usize) -> usize {
        let end = self.bytes.len() + (at - self.from);
        self.open = self.open.saturating_sub(1);
        if self.open == 0 {
            self.copy(chunk, at);
        }
        end
    }

    /// The chunk is at its end: what is open goes on with the next one.
    pub fn carry(&mut self, chunk: &[u8]) {
        if self.open > 0 {
            self.copy(chunk, chunk.len());
            self.from = 0;
        }
    }

    /// No open value will end. What has ended within one is kept.
    pub fn abandon(&mut self, chunk: &[u8], at: usize) {
        if self.open > 0 {
            self.copy(chunk, at);
        }
        self.open = 0;
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    fn copy(&mut self, chunk: &[u8], until: usize) {
        self.bytes.extend_from_slice(chunk.get(self.from..until).unwrap_or_default());
    }
}
