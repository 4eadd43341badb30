//! gzip (RFC 1952), zlib (RFC 1950) and bare deflate (RFC 1951), which differ in what stands around the same stream.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Coding, DecodeError, Halt, Sink, piece};

/// How a gzip member begins.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// log2 of the largest window of deflate.
const WINDOW_BITS: u8 = 15;

/// Any number of gzip members.
pub struct Gzip {
    member: Option<Inflate>,
    /// Bytes of [`MAGIC`] that have come after the last member.
    magic: usize,
    members: usize,
    ended: bool,
}

impl Gzip {
    pub fn new() -> Gzip {
        Gzip {
            member: Some(Inflate::new(Decompress::new_gzip(WINDOW_BITS))),
            magic: 0,
            members: 0,
            ended: false,
        }
    }

    pub fn feed(&mut self, encoded: &[u8], sink: &mut Sink<'_>) -> Result<(), Halt> {
        let mut rest = encoded;
        while !self.ended && !rest.is_empty() {
            rest = match &mut self.member {
                Some(member) => {
                    let rest = member.feed(rest, Coding::Gzip, sink)?;
                    self.leave_member();
                    rest
                }
                None => self.between(rest, sink)?,
            };
        }
        Ok(())
    }

    /// Whether the last member has ended. The beginning of a magic number after it is not yet another one.
    pub fn is_whole(&self) -> bool {
        self.member.is_none()
    }

    fn leave_member(&mut self) {
        if self.member.as_ref().is_some_and(|member| member.ended) {
            self.member = None;
            self.members += 1;
        }
    }

    /// The byte after a member: another one begins, or nothing that counts.
    fn between<'e>(&mut self, rest: &'e [u8], sink: &mut Sink<'_>) -> Result<&'e [u8], Halt> {
        let Some((byte, rest)) = rest.split_first() else { return Ok(rest) };
        self.ended = MAGIC.get(self.magic) != Some(byte);
        self.magic += 1;
        if !self.ended && self.magic == MAGIC.len() {
            self.magic = 0;
            let mut member = Inflate::new(Decompress::new_gzip(WINDOW_BITS));
            member.feed(&MAGIC, Coding::Gzip, sink)?;
            self.member = Some(member);
        }
        Ok(rest)
    }
}

/// What `deflate` may mean.
pub enum Deflate {
    /// No byte has come, or the first of two.
    Unknown(Option<u8>),
    Known(Inflate),
}

impl Deflate {
    pub fn new() -> Deflate {
        Deflate::Unknown(None)
    }

    pub fn feed(&mut self, encoded: &[u8], sink: &mut Sink<'_>) -> Result<(), Halt> {
        let mut rest = encoded;
        while let Deflate::Unknown(first) = *self {
            let Some((byte, after)) = rest.split_first() else { return Ok(()) };
            rest = after;
            *self = Deflate::Unknown(Some(*byte));
            if let Some(first) = first {
                let mut inflate = Inflate::new(Decompress::new(is_zlib(first, *byte)));
                inflate.feed(&[first, *byte], Coding::Deflate, sink)?;
                *self = Deflate::Known(inflate);
            }
        }
        if let Deflate::Known(inflate) = self {
            inflate.feed(rest, Coding::Deflate, sink)?;
        }
        Ok(())
    }

    pub fn is_whole(&self) -> bool {
        matches!(self, Deflate::Known(inflate) if inflate.ended)
    }
}

/// Whether a stream begins with zlib's header (RFC 1950, section 2.2). No encoder begins a bare deflate stream so: it
/// would be a stored block whose padding is not zero.
fn is_zlib(first: u8, second: u8) -> bool {
    let deflate = first & 0x0f == 8 && first >> 4 <= 7;
    deflate && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

/// One stream.
pub struct Inflate {
    inner: Decompress,
    piece: Box<[u8]>,
    ended: bool,
}

impl Inflate {
    fn new(inner: Decompress) -> Inflate {
        Inflate { inner, piece: piece(), ended: false }
    }

    /// Decodes until the input or the stream ends; returns what stands after the stream.
    fn feed<'e>(&mut self, encoded: &'e [u8], coding: Coding, sink: &mut Sink<'_>) -> Result<&'e [u8], Halt> {
        let mut rest = encoded;
        while !self.ended {
            let (taken, given) = (self.inner.total_in(), self.inner.total_out());
            let status = self.inner.decompress(rest, &mut self.piece, FlushDecompress::None);
            let taken = usize::try_from(self.inner.total_in() - taken).unwrap_or(usize::MAX);
            let given = usize::try_from(self.inner.total_out() - given).unwrap_or(usize::MAX);
            rest = rest.get(taken..).unwrap_or_default();
            if let Some(plain) = self.piece.get(..given).filter(|plain| !plain.is_empty()) {
                sink(plain)?;
            }
            self.ended = status.map_err(|_| DecodeError::Corrupt(coding))? == Status::StreamEnd;
            // A piece that was filled may have more behind it.
            if rest.is_empty() && given < self.piece.len() {
                break;
            }
        }
        Ok(rest)
    }
}
