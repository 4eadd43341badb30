//! A [`Scan`] that leaves unread what cannot matter. Inside the document's object nothing is learnt until a key
//! comes that begins a path, so while the body does not hold one of these [`Names`](super::names::Names) its
//! bytes are only kept, and a healthy answer is never read. What is found is what the scan alone would find; it
//! may be found later where no name is needed for it, when the object closes or is broken. Whoever cannot wait
//! for that, says so by [`Skim::catch_up`].

use bytes::Bytes;
use memchr::memchr;

use super::path_set::PathSet;
use super::scan::Scan;
use super::skip::ContainerEnd;

/// Most answers are no longer than this. So much is read of a document that may turn out to be no object, and so
/// far is the end of an object looked for: many a stream sends one early and goes on.
const READ_BYTES: usize = 1024;

/// A scan and the bytes that it has been spared.
#[derive(Debug)]
pub struct Skim {
    scan: Scan,
    unread: Vec<Bytes>,
    /// The last unread bytes: where a name may have begun that the next chunk ends.
    tail: Vec<u8>,
    read_all: bool,
}

impl Skim {
    /// A skim for the paths of `set`.
    pub fn new(set: &PathSet) -> Skim {
        Skim { scan: Scan::new(set), unread: Vec::new(), tail: Vec::new(), read_all: false }
    }

    /// One that reads everything.
    pub fn reading_all(set: &PathSet) -> Skim {
        Skim { read_all: true, ..Skim::new(set) }
    }

    /// What was learnt from the bytes that were read.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// Takes the next bytes of the body; reads them if they may tell something.
    pub fn feed(&mut self, set: &PathSet, chunk: &Bytes) {
        if self.read_all {
            return self.scan.feed(set, chunk);
        }
        let is_new = !self.scan.has_begun();
        let read = self.unskimmed(chunk);
        self.scan.feed(set, chunk.get(..read).unwrap_or_default());
        let rest = chunk.get(read..).unwrap_or_default();
        if rest.is_empty() || self.scan.settled() {
            return;
        }
        if !self.scan.awaits_name() || self.may_hold_name(set, rest) {
            self.read_unread(set);
            self.scan.feed(set, rest);
        } else if is_new && ends_in(rest) {
            self.scan.dismiss();
        } else {
            self.defer(set, chunk.slice(read..));
        }
    }

    /// Reads what was left unread, and from now on everything as it comes: a later settling would be noticed.
    pub fn catch_up(&mut self, set: &PathSet) {
        self.read_all = true;
        self.read_unread(set);
    }

    /// The body has ended: whatever is still pending is missing.
    pub fn finish(&mut self, set: &PathSet) {
        if self.unread.is_empty() {
            self.scan.finish(set);
        } else {
            self.scan.dismiss();
        }
    }

    /// How many bytes have to be read before it is known whether the rest can be skimmed.
    fn unskimmed(&self, chunk: &[u8]) -> usize {
        let begin = chunk.get(..READ_BYTES).unwrap_or(chunk);
        if self.scan.awaits_name() {
            0
        } else if self.scan.has_begun() {
            begin.len()
        } else {
            memchr(b'{', begin).map_or(begin.len(), |open| open + 1)
        }
    }

    fn may_hold_name(&self, set: &PathSet, bytes: &[u8]) -> bool {
        let names = set.first_names();
        let begin = bytes.get(..bytes.len().min(names.bytes_max())).unwrap_or_default();
        names.may_be_in(bytes) || !self.tail.is_empty() && names.may_be_in(&[&self.tail, begin].concat())
    }

    fn defer(&mut self, set: &PathSet, chunk: Bytes) {
        let kept = set.first_names().bytes_max();
        self.tail.extend_from_slice(chunk.get(chunk.len().saturating_sub(kept)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(kept));
        self.unread.push(chunk);
    }

    fn read_unread(&mut self, set: &PathSet) {
        self.tail.clear();
        for chunk in self.unread.drain(..) {
            self.scan.feed(set, &chunk);
        }
    }
}

/// Whether an object ends early in what follows its opening bracket.
fn ends_in(rest: &[u8]) -> bool {
    ContainerEnd::new().find(rest.get(..READ_BYTES).unwrap_or(rest)).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::{Path, Slot, Want};
    use super::*;

    fn set(path: &str) -> (PathSet, Slot) {
        let Ok(Path::Definite(definite)) = Path::parse(path) else { panic!("`{path}`") };
        let mut set = PathSet::new();
        let slot = set.insert(&definite, Want::Value);
        (set, slot)
    }

    /// A field that a skim reads, then `rest`.
    fn body(rest: &str) -> Bytes {
        format!(r#"{{"long":"{}",{rest}"#, "y".repeat(READ_BYTES)).into()
    }

    /// What is found, wherever the body is cut in three after its long field.
    #[track_caller]
    fn check(path: &str, rest: &str, expected: &str) {
        let (set, slot) = set(path);
        let body = body(rest);
        let end = body.len() - rest.len();
        for first in end..=body.len() {
            for second in first..=body.len() {
                let mut skim = Skim::new(&set);
                for range in [0..first, first..second, second..body.len()] {
                    skim.feed(&set, &body.slice(range));
                }
                skim.finish(&set);
                let rest = (&body[end..first], &body[first..second], &body[second..]);
                assert_eq!(skim.scan().slot(slot).to_string(), expected, "{path} in {rest:?}");
            }
        }
    }

    #[test]
    fn what_comes_late_is_found_however_it_is_cut() {
        check("$.code", r#""a":1,"code":404}"#, "404");
        check("$.code", r#""a":"code","code":"x"}"#, "\"x\"");
        check("$.code", r#""a":{"code":1}}"#, "missing");
        check("$.code", r#""a":1,"\u0063ode":404}"#, "404");
        check("$.code", r#""a":"\\\\","cod\u0065":404}"#, "404");
        check("$.code", r#""a":"\\","\code":404}"#, "404");
        check("$.code", r#""a":"\"","code" : 404 }"#, "404");
        check("$.code[1].n", r#""code":[1,{"n":2}]}"#, "2");
        check("$.é", r#""\u00e9":1}"#, "1");
        check("$['']", r#""":1}"#, "1");
        check("$['\"']", r#""\"":1}"#, "1");
    }

    #[test]
    fn what_is_not_there_is_never_read() {
        let (set, slot) = set("$.code");
        let mut skim = Skim::new(&set);
        skim.feed(&set, &body(r#""item":{"#));
        for _ in 0..10 {
            skim.feed(&set, &Bytes::from_static(b"\"codes\":1,\"no\":\"code\\n\","));
        }
        assert_eq!(skim.unread.len(), 11);
        skim.finish(&set);
        assert_eq!(skim.scan().slot(slot).to_string(), "missing");
    }

    #[test]
    fn an_object_that_ends_early_is_settled_at_once() {
        let check = |body: &str, expected: bool| {
            let (set, _) = set("$.code");
            let mut skim = Skim::new(&set);
            skim.feed(&set, &Bytes::copy_from_slice(body.as_bytes()));
            assert_eq!(skim.scan().settled(), expected, "{body}");
        };
        check("{}", true);
        check("\u{feff} {\"a\": {\"b\": \"}\"}}\n", true);
        check("{\"a\": {\"b\": 1}", false);
        check(&format!("{{\"a\": 1}}\n{}", " ".repeat(4 * READ_BYTES)), true);
        check(&format!("{{{}}}", " ".repeat(4 * READ_BYTES)), false);
    }

    #[test]
    fn who_catches_up_sees_the_end_at_once() {
        let (set, _) = set("$.code");
        let mut skim = Skim::new(&set);
        skim.feed(&set, &body("\"a\":1}\n"));
        assert!(!skim.scan().settled());
        skim.catch_up(&set);
        assert!(skim.scan().settled());
    }

    #[test]
    fn what_is_no_object_is_settled_at_once() {
        let (set, _) = set("$.code");
        for begin in ["[", "<", "null "] {
            let mut skim = Skim::new(&set);
            skim.feed(&set, &format!("{begin}{}", " ".repeat(4 * READ_BYTES)).into());
            assert!(skim.scan().settled(), "{begin}");
        }
    }
}
