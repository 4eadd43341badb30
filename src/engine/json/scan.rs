//! One pass over a JSON body as it arrives, in chunks of any size: fills the slots of a [`PathSet`].
//!
//! Values that no path leads to are skipped, not read: only strings and brackets are looked at there, so
//! memory stays constant on a body of any size and depth. What lies on a path is checked by the grammar,
//! except that strings may hold control characters, which legacy backends send. The first of two equal keys
//! counts, so a value is settled once it has gone by, whatever follows.

use std::fmt;
use std::ops::Range;

use smallvec::SmallVec;

use super::capture::Capture;
use super::pass::{Expect, Pass};
use super::path_set::{PathSet, ROOT, Slot};
use super::value::JsonText;

/// A scan under way. Belongs to one [`PathSet`], which every call is given anew.
#[derive(Debug)]
pub struct Scan {
    pub(super) expect: Expect,
    /// What was learnt, node by node of the set.
    pub(super) visits: SmallVec<[Visit; FEW_NODES]>,
    /// The innermost open container that is looked into; `None` outside the document's value.
    pub(super) container: Option<usize>,
    /// The node whose value comes next or is being read; `None` when nobody asked for it.
    pub(super) value: Option<usize>,
    /// The beginning of a key that came in more than one chunk.
    pub(super) key: Vec<u8>,
    pub(super) capture: Capture,
    /// Bytes of the body before the current chunk.
    pub(super) offset: u64,
    pub(super) document: Document,
}

/// Nodes for which a scan allocates nothing: those of one plain path, or of two names.
const FEW_NODES: usize = 3;

/// What is known about one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State<'a> {
    /// Nothing yet: more of the body is needed.
    Pending,
    /// The body has no such value, or is broken before the value's end.
    Missing,
    /// The value is `null`.
    Null,
    /// The value is there and not `null`; nobody wanted its text.
    Present,
    /// The value, which is not `null`.
    Found(JsonText<'a>),
}

impl State<'_> {
    /// Whether there is a value other than `null`, with or without its text.
    pub fn is_present(&self) -> bool {
        matches!(self, State::Present | State::Found(_))
    }
}

/// As a trace shows it: the value as it was written, or what is known instead.
impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Pending => f.write_str("pending"),
            State::Missing => f.write_str("missing"),
            State::Null => f.write_str("null"),
            State::Present => f.write_str("present"),
            State::Found(text) => text.fmt(f),
        }
    }
}

/// What the bytes seen so far say about the document as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Not known: all slots were settled, or the body has not ended yet.
    Unknown,
    /// A whole JSON value, as far as it was looked at.
    Json,
    /// Not JSON, which shows at this byte of the body, counted from 0.
    NotJson {
        /// Bytes before the first one that cannot be.
        offset: u64,
    },
    /// It began as JSON and ended too early.
    CutShort,
}

/// What was learnt about one node of the set.
#[derive(Debug)]
pub(super) struct Visit {
    parent: Option<usize>,
    /// Slots here and below that are not settled. None left means that this value has gone by.
    pub pending: usize,
    pub finding: Finding,
    pub level: Level,
}

/// What was learnt about a value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Nothing,
    Null,
    Present,
    /// Being captured, from here in the captured bytes.
    From(usize),
    /// Captured.
    Text(Range<usize>),
}

impl Finding {
    /// Whether it stays as it is.
    fn is_final(&self) -> bool {
        !matches!(self, Finding::From(_))
    }
}

/// What kind of container a value is while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Object,
    /// Items that have begun.
    Array(usize),
}

impl Scan {
    /// A scan for the paths of `set`. Allocates once here, unless the paths are few, then only for long values.
    pub fn new(set: &PathSet) -> Scan {
        let visit = |node: &super::path_set::Node| Visit {
            parent: node.parent,
            pending: node.slots,
            finding: Finding::Nothing,
            level: Level::Object,
        };
        Scan {
            expect: Expect::ByteOrderMark(0),
            visits: set.nodes().iter().map(visit).collect(),
            container: None,
            value: Some(ROOT),
            key: Vec::new(),
            capture: Capture::default(),
            offset: 0,
            document: Document::Unknown,
        }
    }

    /// Reads the next bytes of the body. Does nothing once the scan is settled.
    pub fn feed(&mut self, set: &PathSet, chunk: &[u8]) {
        Pass::new(self, set, chunk).run();
    }

    /// The body has ended: whatever is still pending is missing.
    pub fn finish(&mut self, set: &PathSet) {
        Pass::new(self, set, &[]).finish();
    }

    /// Whether no slot is pending: nothing more can be learnt from the body.
    pub fn settled(&self) -> bool {
        self.gone_by(ROOT)
    }

    /// How many slots are pending. Falls as values go by, so a change says that something new is known.
    pub fn pending(&self) -> usize {
        self.visits.get(ROOT).map_or(0, |root| root.pending)
    }

    /// What is known about a slot.
    pub fn slot(&self, slot: Slot) -> State<'_> {
        match self.visits.get(slot.0).map(|visit| &visit.finding) {
            Some(Finding::Null) => State::Null,
            Some(Finding::Present) => State::Present,
            Some(Finding::Text(range)) => State::Found(JsonText::new(self.capture.bytes(range.clone()))),
            Some(Finding::Nothing | Finding::From(_)) if !self.passed(slot.0) => State::Pending,
            _ => State::Missing,
        }
    }

    /// What is known about the document, for traces.
    pub fn document(&self) -> Document {
        self.document
    }

    /// Whether the first byte of the document's value has come.
    pub(super) fn has_begun(&self) -> bool {
        !matches!(self.expect, Expect::ByteOrderMark(_) | Expect::Value) || self.container.is_some()
    }

    /// Whether nothing will be learnt, save by the document's end, before a key comes that begins a path: the
    /// scan is in the document's object, and in no value or key that anyone asked for.
    pub(super) fn awaits_name(&self) -> bool {
        let in_root = self.container == Some(ROOT) && self.value.is_none();
        in_root
            && !matches!(self.expect, Expect::InKey(_))
            && self.visits.first().is_some_and(|root| root.level == Level::Object && root.finding.is_final())
    }

    /// Nothing that is still pending is in the body.
    pub(super) fn dismiss(&mut self) {
        self.settle(ROOT, self.pending());
    }

    /// `count` slots at or below a node were settled.
    pub(super) fn settle(&mut self, node: usize, count: usize) {
        let mut next = Some(node);
        while let Some(visit) = next.and_then(|node| self.visits.get_mut(node)) {
            visit.pending = visit.pending.saturating_sub(count);
            next = visit.parent;
        }
    }

    /// Whether nothing more can be learnt at or below a node.
    pub(super) fn gone_by(&self, node: usize) -> bool {
        self.visits.get(node).is_none_or(|visit| visit.pending == 0)
    }

    /// Whether a node, or a value it would be in, has gone by.
    fn passed(&self, node: usize) -> bool {
        let parent = |node: &usize| self.visits.get(*node).and_then(|visit| visit.parent);
        std::iter::successors(Some(node), parent).any(|node| self.gone_by(node))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DefinitePath, Path, Want};
    use super::Document::{CutShort, Json, NotJson, Unknown};
    use super::*;

    fn definite(text: &str) -> DefinitePath {
        match Path::parse(text) {
            Ok(Path::Definite(path)) => path,
            other => panic!("`{text}`: {other:?}"),
        }
    }

    fn set(paths: &[(&str, Want)]) -> (PathSet, Vec<Slot>) {
        let mut set = PathSet::new();
        let slots = paths.iter().map(|(path, want)| set.insert(&definite(path), *want)).collect();
        (set, slots)
    }

    /// The states as text, after the body came in chunks of `size` bytes.
    fn read(set: &PathSet, slots: &[Slot], body: &[u8], size: usize) -> (Vec<String>, Document) {
        let mut scan = Scan::new(set);
        for chunk in body.chunks(size) {
            scan.feed(set, chunk);
        }
        scan.finish(set);
        assert!(scan.settled());
        (slots.iter().map(|slot| scan.slot(*slot).to_string()).collect(), scan.document())
    }

    #[track_caller]
    fn check_bytes(body: &[u8], paths: &[(&str, Want)], expected: &[&str], document: Document) {
        let (set, slots) = set(paths);
        for size in 1..=body.len().max(1) {
            let (states, seen) = read(&set, &slots, body, size);
            assert_eq!(states, expected, "in chunks of {size}");
            assert_eq!(seen, document, "in chunks of {size}");
        }
    }

    #[track_caller]
    fn check(body: &str, paths: &[&str], expected: &[&str], document: Document) {
        let paths: Vec<_> = paths.iter().map(|path| (*path, Want::Value)).collect();
        check_bytes(body.as_bytes(), &paths, expected, document);
    }

    #[track_caller]
    fn check_presence(body: &str, paths: &[&str], expected: &[&str], document: Document) {
        let paths: Vec<_> = paths.iter().map(|path| (*path, Want::Presence)).collect();
        check_bytes(body.as_bytes(), &paths, expected, document);
    }

    #[test]
    fn values_are_found_as_they_were_written() {
        check(r#"{"statusCode":404}"#, &["statusCode"], &["404"], Unknown);
        check("{ \"a\" : \"x\\\"y\" \n}", &["a"], &["\"x\\\"y\""], Unknown);
        check(r#"{"a":{"b":[1,{"c":[ 2 ]}]},"d":1}"#, &["a.b[1].c", "d"], &["[ 2 ]", "1"], Unknown);
        check(r#"{"a":[10,20,30]}"#, &["a[1]", "a[0]", "a[3]"], &["20", "10", "missing"], Unknown);
        check(
            r#"{"n":[1.0,1e3,-0.5E-7,12345678901234567890]}"#,
            &["n[0]", "n[1]", "n[2]", "n[3]"],
            &["1.0", "1e3", "-0.5E-7", "12345678901234567890"],
            Unknown,
        );
        check("[true,false,null]", &["[0]", "[1]", "[2]"], &["true", "false", "null"], Unknown);
        check(r#"{"":{"":1}}"#, &["['']['']"], &["1"], Unknown);
    }

    #[test]
    fn what_is_not_there_is_missing() {
        check(r#"{"a":1,"b":{"statusCode":2}}"#, &["statusCode"], &["missing"], Json);
        check("{}", &["a"], &["missing"], Json);
        check("[]", &["[0]"], &["missing"], Json);
        check(r#"{"a":1}"#, &["a.b", "a[0]"], &["missing", "missing"], Unknown);
        check(r#"{"a":"b"}"#, &["a.b"], &["missing"], Unknown);
        check("\"a\"", &["a"], &["missing"], Json);
        check("404", &["a"], &["missing"], Json);
        check("null", &["a"], &["missing"], Json);
    }

    #[test]
    fn a_container_of_the_other_kind_settles_at_once() {
        check("[1,2,", &["statusCode", "error.code"], &["missing", "missing"], Unknown);
        check("{", &["[0]"], &["missing"], Unknown);
        check(r#"{"a":{"b":1},"c":2}"#, &["a[0]", "c"], &["missing", "2"], Unknown);
        check(r#"{"a":[{"b":1}],"c":2}"#, &["a.b", "a[0].b", "c"], &["missing", "1", "2"], Unknown);
    }

    #[test]
    fn presence_is_settled_by_the_first_byte() {
        check_presence(r#"{"error":{"#, &["error"], &["present"], Unknown);
        check_presence(r#"{"error":""#, &["error"], &["present"], Unknown);
        check_presence(r#"{"error":f"#, &["error"], &["present"], Unknown);
        check_presence(r#"{"error":nul"#, &["error"], &["missing"], CutShort);
        check_presence(r#"{"error":null"#, &["error"], &["null"], Unknown);
        check_presence(r#"{"error":nil}"#, &["error"], &["missing"], NotJson { offset: 10 });
        check_presence(r#"{"a":{"b":1}}"#, &["a.b", "a", "a.c"], &["present", "present", "missing"], Unknown);
        check_presence("[", &["$"], &["present"], Unknown);
        check_presence("null", &["$"], &["null"], Json);
    }

    #[test]
    fn one_path_may_be_the_beginning_of_another() {
        let body = r#"{"error": {"code": {"n": 1}, "text": "x"}, "z": 0}"#;
        check(
            body,
            &["error.code.n", "error.code", "error", "$"],
            &["1", r#"{"n": 1}"#, r#"{"code": {"n": 1}, "text": "x"}"#, body],
            Json,
        );
        let mixed = [("error", Want::Presence), ("error.text", Want::Value), ("$", Want::Value)];
        check_bytes(body.as_bytes(), &mixed, &["present", "\"x\"", body], Json);
    }

    #[test]
    fn the_stronger_want_wins() {
        let mixed = [("a", Want::Value), ("$.a", Want::Presence), ("['a']", Want::Value)];
        let (_, slots) = set(&mixed);
        assert!(slots.windows(2).all(|pair| pair[0] == pair[1]));
        check_bytes(br#"{"a":1}"#, &mixed, &["1", "1", "1"], Unknown);
        check_bytes(br#"{"a":1}"#, &[("a", Want::Presence), ("a", Want::Value)], &["1", "1"], Unknown);
    }

    #[test]
    fn the_first_of_equal_keys_counts() {
        check(r#"{"a":1,"a":2,"b":3}"#, &["a", "b"], &["1", "3"], Unknown);
        check(r#"{"a":null,"a":2,"b":3}"#, &["a", "b"], &["null", "3"], Unknown);
        check(r#"{"a":1,"a":{"b":2},"c":3}"#, &["a.b", "c"], &["missing", "3"], Unknown);
        check(r#"{"a":{"c":1},"a":{"b":2},"c":3}"#, &["a.b", "c"], &["missing", "3"], Unknown);
    }

    #[test]
    fn keys_may_be_escaped() {
        check(r#"{"\u0061\u00e9\ud83d\ude00\"":1}"#, &["['aé😀\"']"], &["1"], Unknown);
        check(r#"{"a\\":1,"a":2}"#, &["a"], &["2"], Unknown);
        check(r#"{"\"}":1,"a":2}"#, &["a"], &["2"], Unknown);
        check(r#"{"aa":1,"\u0061\u0061\u0061":2,"b":3}"#, &["aaa", "b"], &["2", "3"], Unknown);
    }

    #[test]
    fn a_key_longer_than_any_name_is_not_kept() {
        let (set, slots) = set(&[("abc", Want::Value)]);
        let mut scan = Scan::new(&set);
        scan.feed(&set, b"{\"");
        for _ in 0..1000 {
            scan.feed(&set, b"abcabcabc");
        }
        assert!(scan.key.len() <= 3 * 6 + 1);
        scan.feed(&set, b"\":1,\"abc\":2}");
        assert_eq!(scan.slot(slots[0]).to_string(), "2");
    }

    #[test]
    fn a_whole_value_counts_whatever_follows() {
        check(r#"{"a":1,"b":oops"#, &["a", "b"], &["1", "missing"], NotJson { offset: 11 });
        check(r#"{"a":{"b":1} <br>"#, &["a", "c"], &[r#"{"b":1}"#, "missing"], NotJson { offset: 13 });
        check("{\"a\":1}\n<!-- 3 ms -->", &["$", "b"], &["{\"a\":1}", "missing"], NotJson { offset: 8 });
        check(
            r#"{"a":{"b":1,}}"#,
            &["a", "a.b", "a.c"],
            &["missing", "1", "missing"],
            NotJson { offset: 12 },
        );
        check("404 Not Found", &["$"], &["404"], NotJson { offset: 4 });
    }

    #[test]
    fn what_is_not_json_is_missing_with_its_place() {
        let not_json = |offset| NotJson { offset };
        check("", &["a"], &["missing"], not_json(0));
        check(" \n", &["a"], &["missing"], not_json(2));
        check("Record not found", &["a", "$"], &["missing", "missing"], not_json(0));
        check("no record", &["a"], &["missing"], not_json(1));
        check("<html>", &["a"], &["missing"], not_json(0));
        check(" 'a'", &["a"], &["missing"], not_json(1));
        check("{a:1}", &["a"], &["missing"], not_json(1));
        check(r#"{"a" 1}"#, &["a"], &["missing"], not_json(5));
        check(r#"{"b":1 "a":1}"#, &["a"], &["missing"], not_json(7));
        check(r#"{"b":1,}"#, &["a"], &["missing"], not_json(7));
        check(r#"{"b":1]"#, &["a"], &["missing"], not_json(6));
        check("[1,]", &["[2]"], &["missing"], not_json(3));
        check("[1}", &["[2]"], &["missing"], not_json(2));
        check("[,", &["[2]"], &["missing"], not_json(1));
        check(r#"{"a":007}"#, &["a"], &["missing"], not_json(6));
        check(r#"{"a":404abc}"#, &["a"], &["missing"], not_json(8));
        check(r#"{"a":+1}"#, &["a"], &["missing"], not_json(5));
        check(r#"{"a":{"b":1,,}}"#, &["a", "a.c"], &["missing", "missing"], not_json(12));
    }

    #[test]
    fn what_ends_too_early_is_cut_short() {
        check("{", &["a"], &["missing"], CutShort);
        check(r#"{"a":40"#, &["a"], &["missing"], CutShort);
        check(r#"{"a":"x"#, &["a"], &["missing"], CutShort);
        check(r#"{"a":[1,2"#, &["a", "a[0]"], &["missing", "1"], CutShort);
        check(r#"{"b":[[["#, &["a"], &["missing"], CutShort);
        check(r#"{"b"#, &["a"], &["missing"], CutShort);
        check("tru", &["$"], &["missing"], CutShort);
        check("-", &["$"], &["missing"], CutShort);
    }

    #[test]
    fn the_root_is_the_whole_document() {
        check(" [1, 2] ", &["$"], &["[1, 2]"], Json);
        check("\"text\"", &["$"], &["\"text\""], Json);
        check("404", &["$"], &["404"], Json);
        check("404\n", &["$"], &["404"], Json);
        check("-1.5e3", &["$"], &["-1.5e3"], Json);
        check("null", &["$"], &["null"], Json);
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        check("\u{feff}{\"a\":1}", &["a"], &["1"], Unknown);
        check("\u{feff}x", &["a"], &["missing"], NotJson { offset: 3 });
        check("\u{feff}", &["a"], &["missing"], NotJson { offset: 3 });
        check(" \u{feff}{}", &["a"], &["missing"], NotJson { offset: 1 });
        check_bytes(b"\xEF\xBBx", &[("a", Want::Value)], &["missing"], NotJson { offset: 2 });
        check_bytes(b"\xEF", &[("a", Want::Value)], &["missing"], CutShort);
    }

    #[test]
    fn what_nobody_asked_for_is_not_checked() {
        check("{\"b\":[oops,}, \"a\":1}", &["a"], &["1"], Unknown);
        check("{\"b\":\"tab\there\",\"a\":1}", &["a"], &["1"], Unknown);
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("{{\"b\":{}{},\"a\":1}}", "[".repeat(100_000), "]".repeat(100_000));
        let (set, slots) = set(&[("a", Want::Value)]);
        assert_eq!(read(&set, &slots, deep.as_bytes(), 1000).0, ["1"]);
    }

    #[test]
    fn a_scan_is_settled_when_nothing_more_can_be_learnt() {
        let (set, slots) = set(&[("a", Want::Value), ("b", Want::Presence)]);
        let mut scan = Scan::new(&set);
        for (chunk, a, b) in [
            ("{\"a\":", "pending", "pending"),
            ("\"x", "pending", "pending"),
            ("\"", "\"x\"", "pending"),
            (",\"b\":", "\"x\"", "pending"),
        ] {
            scan.feed(&set, chunk.as_bytes());
            assert_eq!([scan.slot(slots[0]).to_string(), scan.slot(slots[1]).to_string()], [a, b]);
            assert!(!scan.settled());
        }
        scan.feed(&set, b"[");
        assert_eq!(scan.slot(slots[1]), State::Present);
        assert!(scan.settled());
        assert_eq!(scan.document(), Unknown);
    }

    #[test]
    fn an_empty_set_reads_nothing() {
        let set = PathSet::new();
        assert!(set.is_empty());
        assert!(Scan::new(&set).settled());
    }
}
