//! A pattern, parsed.

use std::fmt;

use regex_syntax::hir::ClassUnicode;

/// What a pattern is made of.
#[derive(Debug, Clone)]
pub enum Node {
    /// Nothing.
    Empty,
    /// This character.
    Character(char),
    /// One of these characters.
    Set(ClassUnicode),
    /// One after the other.
    Sequence(Vec<Node>),
    /// The first that fits.
    Alternation(Vec<Node>),
    /// `(…)`, counted from 1.
    Group(usize, Box<Node>),
    /// `*`, `+?`, `{2,3}+`.
    Repeat(Box<Node>, Times, Mood),
    /// `(?=…)`, `(?!…)`.
    Ahead(Box<Node>, Polarity),
    /// `(?<=…)`, `(?<!…)` and how many characters it can be long.
    Behind(Box<Node>, Polarity, Width),
    /// `(?>…)`.
    Atomic(Box<Node>),
    /// `\1`.
    Back(usize, Case),
    /// A condition on the place.
    At(Place),
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// At least.
    pub min: u32,
    /// At most; none is for ever.
    pub max: Option<u32>,
}

/// Which number of repetitions is tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// The most.
    Greedy,
    /// The fewest.
    Lazy,
    /// The most, and no other.
    Possessive,
}

/// Whether what is looked for must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarity {
    /// It must.
    Positive,
    /// It must not.
    Negative,
}

/// How many characters something can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: u32,
}

/// Which letters are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Only equal ones.
    Exact,
    /// Those of ASCII, whatever their case.
    Ascii,
    /// All, whatever their case.
    Unicode,
}

/// A condition on a place in the text.
#[derive(Debug, Clone)]
pub enum Place {
    /// `\A`, and `^` without `(?m)`.
    Begin,
    /// `\z`.
    End,
    /// `\Z`, and `$` without `(?m)`: the end, or before the line terminator there.
    BeforeLastTerminator(Lines),
    /// `^` with `(?m)`.
    LineBegin(Lines),
    /// `$` with `(?m)`.
    LineEnd(Lines),
    /// `\b` between these characters and others.
    WordBoundary(ClassUnicode),
    /// `\B`.
    NoWordBoundary(ClassUnicode),
    /// `\G`: where the last match ended.
    LastMatch,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Any of Java's line terminators.
    Any,
    /// `\n` alone: `(?d)`.
    Unix,
}

impl Node {
    /// How many characters it can match; no most where there is none or it depends on another group.
    pub fn width(&self) -> (u32, Option<u32>) {
        match self {
            Node::Empty | Node::At(_) | Node::Ahead(..) | Node::Behind(..) => (0, Some(0)),
            Node::Character(_) | Node::Set(_) => (1, Some(1)),
            Node::Sequence(nodes) => nodes.iter().map(Node::width).fold((0, Some(0)), |sum, width| {
                let max = sum.1.zip(width.1).and_then(|(left, right)| left.checked_add(right));
                (sum.0.saturating_add(width.0), max)
            }),
            Node::Alternation(nodes) => {
                let widths = || nodes.iter().map(Node::width);
                let max = widths().try_fold(0, |most, (_, max)| max.map(|max| most.max(max)));
                (widths().map(|(min, _)| min).min().unwrap_or(0), max)
            }
            Node::Group(_, node) | Node::Atomic(node) => node.width(),
            Node::Repeat(node, times, _) => {
                let (min, max) = node.width();
                let max = max.zip(times.max).and_then(|(max, times)| max.checked_mul(times));
                (min.saturating_mul(times.min), max)
            }
            Node::Back(..) => (0, None),
        }
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Lowercase, no full stop.
    pub message: String,
    /// The character where it was noticed, from 0.
    pub index: usize,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} near index {}", self.message, self.index)
    }
}

impl std::error::Error for PatternError {}
