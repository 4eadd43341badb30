//! The same pattern for an engine that never goes back, where it has no part that needs going back.

use std::sync::OnceLock;

use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{self, Capture, Class, Hir, Look};

use super::super::fault::Fault;
use super::super::limits::Meter;
use super::Groups;
use super::syntax::{Lines, Mood, Node, Place};

/// What it takes to build it. Counted for each text that needs it, though it is built once.
pub const STEPS_TO_BUILD: u64 = 5_000;

/// A pattern that may be built for the linear engine, should it be needed.
#[derive(Debug)]
pub struct Linear {
    node: Node,
    is_possible: bool,
    built: OnceLock<Option<(Regex, Regex)>>,
}

impl Linear {
    pub fn new(node: Node) -> Linear {
        let is_possible = is_regular(&node);
        Linear { node, is_possible, built: OnceLock::new() }
    }

    /// Whether the pattern has no look-around, back-reference or possessive part.
    pub fn is_possible(&self) -> bool {
        self.is_possible
    }

    pub fn is_full_match(&self, text: &str, meter: &mut Meter) -> Result<bool, Fault> {
        let (_, whole) = self.engines(text)?;
        meter.work(20 + text.len() as u64 / 16)?;
        Ok(whole.is_match(Input::new(text).anchored(Anchored::Yes)))
    }

    pub fn find_at(
        &self,
        text: &str,
        from: usize,
        groups: usize,
        meter: &mut Meter,
    ) -> Result<Option<Groups>, Fault> {
        let (part, _) = self.engines(text)?;
        // It may read all that is left, and does not tell.
        meter.work(20 + text.len().saturating_sub(from) as u64 / 16)?;
        let mut captures = part.create_captures();
        part.search_captures(&Input::new(text).range(from..), &mut captures);
        let place = |group| captures.get_group(group).map(|span| (span.start, span.end));
        Ok(captures.is_match().then(|| (0..=groups).map(place).collect()))
    }

    /// Builds them the first time. `$` is taken for the end of the text, so a text that ends with a line is not for
    /// them.
    fn engines(&self, text: &str) -> Result<&(Regex, Regex), Fault> {
        let exhausted = || Fault::limit("a regular expression takes too many steps");
        if text.ends_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            return Err(exhausted());
        }
        self.built.get_or_init(|| self.build()).as_ref().ok_or_else(exhausted)
    }

    fn build(&self) -> Option<(Regex, Regex)> {
        let part = hir(&self.node)?;
        let whole = Hir::concat(vec![part.clone(), Hir::look(Look::End)]);
        let config = meta::Config::new().nfa_size_limit(Some(1 << 20)).hybrid_cache_capacity(1 << 20);
        let build = |hir: &Hir| {
            Regex::builder().configure(config.clone()).syntax(syntax::Config::new()).build_from_hir(hir).ok()
        };
        Some((build(&part)?, build(&whole)?))
    }
}

fn is_regular(node: &Node) -> bool {
    match node {
        Node::Sequence(nodes) | Node::Alternation(nodes) => nodes.iter().all(is_regular),
        Node::Group(_, node) => is_regular(node),
        Node::Repeat(node, _, mood) => *mood != Mood::Possessive && is_regular(node),
        Node::At(place) => {
            matches!(place, Place::Begin | Place::End | Place::BeforeLastTerminator(Lines::Any))
        }
        Node::Empty | Node::Character(_) | Node::Set(_) => true,
        Node::Ahead(..) | Node::Behind(..) | Node::Atomic(_) | Node::Back(..) => false,
    }
}

/// The pattern in the terms of regex-syntax; nothing where it has parts that it does not know.
fn hir(node: &Node) -> Option<Hir> {
    Some(match node {
        Node::Empty => Hir::empty(),
        Node::Character(character) => {
            let mut buffer = [0; 4];
            Hir::literal(character.encode_utf8(&mut buffer).as_bytes())
        }
        Node::Set(class) => Hir::class(Class::Unicode(class.clone())),
        Node::Sequence(nodes) => Hir::concat(nodes.iter().map(hir).collect::<Option<_>>()?),
        Node::Alternation(nodes) => Hir::alternation(nodes.iter().map(hir).collect::<Option<_>>()?),
        Node::Group(group, node) => {
            let index = u32::try_from(*group).ok()?;
            Hir::capture(Capture { index, name: None, sub: Box::new(hir(node)?) })
        }
        Node::Repeat(node, times, mood) if *mood != Mood::Possessive => {
            let greedy = *mood == Mood::Greedy;
            let sub = Box::new(hir(node)?);
            Hir::repetition(hir::Repetition { min: times.min, max: times.max, greedy, sub })
        }
        Node::At(Place::Begin) => Hir::look(Look::Start),
        Node::At(Place::End | Place::BeforeLastTerminator(Lines::Any)) => Hir::look(Look::End),
        _ => return None,
    })
}
