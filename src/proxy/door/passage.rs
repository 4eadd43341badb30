//! What may pass the door, decided on bytes alone: where each request begins and ends, and whether it is fit to be
//! seen. Does no I/O and knows no time.

use super::super::refusal::Refusal;
use super::chunks::{Chunks, Followed};
use super::head::{self, Framing, Lines};
use crate::settings::ServerLimits;

/// The place reached in what a client sends.
#[derive(Debug)]
pub(super) struct Passage {
    limits: ServerLimits,
    stage: Stage,
    /// Heads that passed.
    pub heads: u64,
}

/// What the next bytes from the client are.
#[derive(Debug)]
pub(super) enum Stage {
    /// A head that is not yet whole.
    Head(Lines),
    /// So many bytes of a head that was checked.
    Checked(usize, Next),
    /// So many bytes of a body.
    Length(u64, Next),
    /// A chunked body.
    Chunked(Chunks, Next),
    /// Not known until the request has its answer.
    Answer,
    /// No longer HTTP/1.1, and not ours to look at.
    Open,
    /// A body that is not framed rightly.
    Broken,
    /// Nothing anybody reads.
    Refused,
}

/// What comes after a message, or a part of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Body(Framing, bool),
    Head,
    Answer,
    Refused,
}

impl Passage {
    /// The beginning of a connection.
    pub fn new(limits: ServerLimits) -> Passage {
        Passage { limits, stage: Stage::head(), heads: 0 }
    }

    /// What the next bytes are.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// How many of the bytes that come next may pass now, at most `room`. Never the end of one request and the
    /// beginning of another at once, so that whoever is told of the first hears of it before the second.
    ///
    /// # Errors
    /// When the next request is not to be seen. Nothing of it has passed.
    pub fn pass(&mut self, bytes: &[u8], room: usize) -> Result<usize, Refusal> {
        if matches!(self.stage, Stage::Head(_)) && !self.is_whole(bytes)? {
            return Ok(0);
        }
        let mut used = 0;
        loop {
            let rest = bytes.get(used..bytes.len().min(room)).unwrap_or_default();
            let passed = self.step(rest);
            if passed == 0 {
                return Ok(used);
            }
            used += passed;
        }
    }

    /// How many bytes of one part of a message may pass.
    fn step(&mut self, bytes: &[u8]) -> usize {
        let (passed, next) = match &mut self.stage {
            Stage::Checked(left, next) => {
                let passed = bytes.len().min(*left);
                *left -= passed;
                (passed, (*left == 0).then_some(*next))
            }
            Stage::Length(left, next) => {
                let passed = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= passed as u64;
                (passed, (*left == 0).then_some(*next))
            }
            Stage::Chunked(chunks, next) => match chunks.follow(bytes) {
                Followed::On => (bytes.len(), None),
                Followed::End(passed) => (passed, Some(*next)),
                Followed::Broken(passed) => {
                    self.stage = Stage::Broken;
                    (passed, None)
                }
            },
            Stage::Open => (bytes.len(), None),
            Stage::Head(_) | Stage::Answer | Stage::Broken | Stage::Refused => (0, None),
        };
        if let Some(next) = next {
            self.stage = Stage::after(next);
        }
        passed
    }

    /// Whether a whole head has come, which then may pass.
    fn is_whole(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Stage::Head(lines) = &mut self.stage else { return Ok(false) };
        let Some(length) = lines.find(bytes, &self.limits)? else { return Ok(false) };
        let head = head::check(bytes.get(..length).unwrap_or_default(), &self.limits)?;
        self.heads += 1;
        self.stage = Stage::Checked(length, Next::Body(head.framing, head.may_switch));
        Ok(true)
    }

    /// The last request has its answer.
    pub fn answered(&mut self, switched: bool) {
        self.stage = if switched { Stage::Open } else { Stage::head() };
    }

    /// Only this many bytes pass from now on.
    pub fn last(&mut self, bytes: usize) {
        self.stage = Stage::Checked(bytes, Next::Refused);
    }
}

impl Stage {
    fn head() -> Stage {
        Stage::Head(Lines::default())
    }

    fn after(next: Next) -> Stage {
        match next {
            Next::Body(Framing::Length(0), may_switch) => Stage::after(Next::message(may_switch)),
            Next::Body(Framing::Length(length), may_switch) => {
                Stage::Length(length, Next::message(may_switch))
            }
            Next::Body(Framing::Chunked, may_switch) => {
                Stage::Chunked(Chunks::default(), Next::message(may_switch))
            }
            Next::Head => Stage::head(),
            Next::Answer => Stage::Answer,
            Next::Refused => Stage::Refused,
        }
    }
}

impl Next {
    /// What comes after a message.
    fn message(may_switch: bool) -> Next {
        if may_switch { Next::Answer } else { Next::Head }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What passes of a text that comes in pieces, to a reader with so much room: after how many bytes each pass
    /// ended. What could not pass waits for the next piece.
    fn passes(text: &[u8], piece: usize, room: usize) -> Result<Vec<usize>, Refusal> {
        let mut passage = Passage::new(ServerLimits::default());
        let mut ends = vec![0];
        let mut come = 0;
        while come < text.len() {
            come = text.len().min(come + piece);
            loop {
                let passed = ends[ends.len() - 1];
                match passage.pass(&text[passed..come], room)? {
                    0 => break,
                    more => ends.push(passed + more),
                }
            }
        }
        Ok(ends)
    }

    #[track_caller]
    fn check(text: &str, expected: &[usize]) {
        assert_eq!(passes(text.as_bytes(), text.len(), 1000).as_deref(), Ok(expected), "{text:?}");
    }

    #[test]
    fn a_request_passes_with_its_body_and_no_further() {
        check("GET / HTTP/1.1\r\n\r\n", &[0, 18]);
        check("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET", &[0, 18, 36]);
        check("PUT / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", &[0, 40, 58]);
        check("GET / HTTP/1.1\r\n", &[0]);
    }

    #[test]
    fn nothing_follows_a_request_to_switch_before_its_answer() {
        let text = b"GET / HTTP/1.1\r\nupgrade: x\r\n\r\n\x01\x02\x03";
        let mut passage = Passage::new(ServerLimits::default());
        assert_eq!((passage.pass(text, 1000), passage.pass(&text[30..], 1000)), (Ok(30), Ok(0)));
        passage.answered(true);
        assert_eq!(passage.pass(&text[30..], 1000), Ok(3));
        let mut passage = Passage::new(ServerLimits::default());
        assert_eq!(passage.pass(text, 1000), Ok(30));
        passage.answered(false);
        assert!(passage.pass(&text[30..], 1000).is_err());
    }

    fn request() -> impl Strategy<Value = Vec<u8>> {
        let body = prop::collection::vec(any::<u8>(), 0..60);
        (body, 0..3_u8, 1..20_usize).prop_map(|(body, kind, chunk)| match kind {
            0 => b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
            1 => [format!("PUT / HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes(), body]
                .concat(),
            _ => {
                let mut text = b"PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
                for data in body.chunks(chunk) {
                    text.extend([format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
                }
                [text, b"0\r\n\r\n".to_vec()].concat()
            }
        })
    }

    proptest! {
        #[test]
        fn every_request_passes_whole_and_alone_however_it_comes(
            requests in prop::collection::vec(request(), 0..6),
            piece in 1..300_usize,
            room in 1..300_usize,
        ) {
            let text = requests.concat();
            let ends = passes(&text, piece, room).unwrap();
            prop_assert_eq!(ends.last(), Some(&text.len()));
            let mut boundary = 0;
            for request in requests {
                boundary += request.len();
                prop_assert!(ends.contains(&boundary), "{} is no end in {:?}", boundary, ends);
            }
        }

        #[test]
        fn any_bytes_pass_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1..50_usize) {
            let _ = passes(&bytes, piece, 64);
        }
    }
}
