//! Which word stands at a place of the template: of all that the mode knows, the longest, and of several that are
//! equally long the one asked for first. The order here is that of Velocity's grammar.

use super::scanner::Mode;
use super::token::Kind;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole word.
    Word(Kind),
    /// `$` or `$!` with backslashes before it: a reference may follow.
    Dollar,
    /// `#`: the name of a directive may follow.
    Hash,
    /// `#[[`.
    RawStart,
    /// `#**` and the character after it.
    FormalCommentStart,
    /// `#*`.
    CommentStart,
    /// A character within `#[[ ]]#`.
    Within,
    /// A character of a comment.
    Skipped,
    /// A character that ends a reference or the name of a directive and is read again.
    Terminator,
}

/// A run of backslashes that has been measured, so that a long one is not measured again from each of its characters.
#[derive(Debug, Default)]
pub(super) struct Run {
    start: usize,
    end: usize,
}

/// Finds the longest word at `at`.
pub(super) fn longest(bytes: &[u8], at: usize, mode: Mode, run: &mut Run) -> Option<(Found, usize)> {
    let mut search = Search { bytes, at, run, best: None };
    match mode {
        Mode::Text => search.text(),
        Mode::Reference => search.reference(),
        Mode::Step => search.step(),
        Mode::Index => search.index(),
        Mode::Directive => search.directive(),
        Mode::Arguments => search.arguments(),
        Mode::Name => search.name(),
        Mode::LineComment => {
            search.anywhere();
            let newline = search.newline(0);
            search.offer(Found::Word(Kind::LineCommentEnd), newline);
            search.offer(Found::Skipped, 1);
        }
        Mode::FormalComment | Mode::Comment => {
            let kind = if mode == Mode::Comment { Kind::Comment } else { Kind::FormalComment };
            search.anywhere();
            search.exact("*#", kind);
            search.offer(Found::Skipped, 1);
        }
        Mode::Raw => {
            search.anywhere();
            search.exact("]]#", Kind::Raw);
            search.offer(Found::Within, 1);
        }
    }
    search.best
}

struct Search<'s> {
    bytes: &'s [u8],
    at: usize,
    run: &'s mut Run,
    best: Option<(Found, usize)>,
}

impl Search<'_> {
    fn text(&mut self) {
        match self.byte(0) {
            Some(b'\\') => {
                self.escaped_directive();
                self.anywhere();
                self.exact("\\\\", Kind::DoubleBackslash);
                self.exact("\\", Kind::Backslash);
            }
            Some(b'$' | b'#') => {
                self.set();
                self.anywhere();
                self.exact("##", Kind::LineComment);
                self.empty_index();
            }
            _ => {
                self.set();
                let length = self.count(0, |byte| !matches!(byte, b'$' | b'#' | b'\\'));
                self.word(Kind::Text, length);
            }
        }
    }

    fn reference(&mut self) {
        self.exact("[", Kind::IndexOpen);
        self.set();
        self.anywhere();
        self.exact("##", Kind::LineComment);
        self.identifier();
        self.exact("{", Kind::BraceOpen);
        self.exact("}", Kind::BraceClose);
        self.offer(Found::Terminator, 1);
        self.empty_index();
    }

    fn step(&mut self) {
        self.exact("[", Kind::IndexOpen);
        self.exact("(", Kind::Open);
        self.set();
        self.anywhere();
        self.identifier();
        self.exact("{", Kind::BraceOpen);
        self.exact("}", Kind::BraceClose);
        self.offer(Found::Terminator, 1);
    }

    fn index(&mut self) {
        self.exact("]", Kind::IndexClose);
        self.anywhere();
        self.blank();
        self.string();
        self.booleans();
        self.number();
    }

    fn directive(&mut self) {
        self.brackets();
        self.exact("(", Kind::Open);
        if self.byte(0) == Some(b')') {
            let eaten = self.line_end(1);
            self.word(Kind::Close, 1 + eaten);
        }
        self.anywhere();
        self.exact("##", Kind::LineComment);
        self.blank();
        self.string();
        self.booleans();
        for (spelling, kind) in OPERATORS {
            self.exact(spelling, *kind);
        }
        self.number();
        self.words();
    }

    fn arguments(&mut self) {
        self.brackets();
        self.exact(")", Kind::ArgumentsClose);
        self.set();
        self.anywhere();
        self.blank();
        self.string();
        self.booleans();
        self.number();
        self.identifier();
    }

    fn name(&mut self) {
        self.anywhere();
        self.exact("##", Kind::LineComment);
        for (spelling, kind) in [
            ("end", Kind::End),
            ("{end}", Kind::End),
            ("if", Kind::If),
            ("{if}", Kind::If),
            ("elseif", Kind::ElseIf),
            ("{elseif}", Kind::ElseIf),
            ("else", Kind::Else),
            ("{else}", Kind::Else),
        ] {
            if self.starts_with(0, spelling) {
                let eaten = match kind {
                    Kind::End | Kind::Else => self.line_end(spelling.len()),
                    _ => 0,
                };
                self.word(kind, spelling.len() + eaten);
            }
        }
        self.number();
        self.words();
        self.offer(Found::Terminator, 1);
    }

    /// What every mode knows.
    fn anywhere(&mut self) {
        match self.byte(0) {
            Some(b'$' | b'\\') => {
                let before = self.backslashes(0);
                if self.byte(before) == Some(b'$') {
                    self.offer(Found::Dollar, before + 1);
                    let within = self.backslashes(before + 1);
                    if self.byte(before + 1 + within) == Some(b'!') {
                        self.offer(Found::Dollar, before + within + 2);
                    }
                }
            }
            Some(b'#') => {
                if self.starts_with(0, "#[[") {
                    self.offer(Found::RawStart, 3);
                }
                if self.starts_with(0, "#**") && self.byte(3).is_some_and(|byte| byte != b'#') {
                    self.offer(Found::FormalCommentStart, 4);
                }
                if self.starts_with(0, "#*") {
                    self.offer(Found::CommentStart, 2);
                }
                self.offer(Found::Hash, 1);
            }
            _ => {}
        }
    }

    fn brackets(&mut self) {
        for (spelling, kind) in [
            ("[", Kind::ListOpen),
            ("]", Kind::ListClose),
            (",", Kind::Comma),
            ("..", Kind::Dots),
            (":", Kind::Colon),
            ("{", Kind::MapOpen),
            ("}", Kind::MapClose),
        ] {
            self.exact(spelling, kind);
        }
    }

    /// An odd number of backslashes and a directive.
    fn escaped_directive(&mut self) {
        let backslashes = self.backslashes(0);
        if backslashes % 2 == 1 && self.byte(backslashes) == Some(b'#') {
            let plain = self.directive_word(backslashes + 1);
            let length = if plain > 0 { plain } else { self.bracketed_word(backslashes + 1) };
            if length > 0 {
                self.word(Kind::EscapedDirective, backslashes + 1 + length);
            }
        }
    }

    fn set(&mut self) {
        if !matches!(self.byte(0), Some(b' ' | b'\t' | b'#')) {
            return;
        }
        let before = self.count(0, is_blank);
        for spelling in ["#set", "#{set}"] {
            if self.starts_with(before, spelling) {
                let name_end = before + spelling.len();
                let open = name_end + self.count(name_end, |byte| byte == b' ');
                if self.byte(open) == Some(b'(') {
                    self.word(Kind::Set, open + 1);
                }
            }
        }
    }

    fn empty_index(&mut self) {
        for spelling in ["$[", "$![", "$\\![", "$."] {
            self.exact(spelling, Kind::EmptyIndex);
        }
    }

    /// `true`, `false`, a name, and a dot that a letter follows.
    fn identifier(&mut self) {
        self.booleans();
        if self.byte(0).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            let length = self.count(0, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            self.word(Kind::Identifier, length);
        }
        if self.byte(0) == Some(b'.') && self.byte(1).is_some_and(|byte| byte.is_ascii_alphabetic()) {
            self.word(Kind::Dot, 2);
        }
    }

    fn booleans(&mut self) {
        self.exact("true", Kind::True);
        self.exact("false", Kind::False);
    }

    fn blank(&mut self) {
        let length = self.count(0, |byte| is_blank(byte) || matches!(byte, b'\n' | b'\r'));
        self.word(Kind::Blank, length);
    }

    /// A quote within quotes is doubled. Where a pair is followed by no other quote, the string ended before it.
    fn string(&mut self) {
        let Some(quote @ (b'"' | b'\'')) = self.byte(0) else { return };
        let mut end = None;
        let mut next = 1;
        while let Some(distance) = self.rest(next).and_then(|rest| memchr::memchr(quote, rest)) {
            let close = next + distance + 1;
            end = Some(close);
            if self.byte(close) != Some(quote) {
                break;
            }
            next = close + 1;
        }
        if let Some(end) = end {
            self.word(Kind::String, end);
        }
    }

    /// A minus is part of a number.
    fn number(&mut self) {
        let sign = usize::from(self.byte(0) == Some(b'-'));
        let whole = self.count(sign, |byte| byte.is_ascii_digit());
        let end = sign + whole;
        if whole > 0 {
            // Two dots belong to a range, and the scanner gives them back.
            let dots = if self.starts_with(end, "..") { 2 } else { 0 };
            self.word(Kind::Integer, end + dots);
        }
        if self.byte(end) == Some(b'.') {
            let fraction = self.count(end + 1, |byte| byte.is_ascii_digit());
            if whole + fraction > 0 {
                let length = end + 1 + fraction;
                self.word(Kind::Float, length + self.exponent(length));
            }
        } else if whole > 0 && self.exponent(end) > 0 {
            self.word(Kind::Float, end + self.exponent(end));
        }
    }

    fn exponent(&self, at: usize) -> usize {
        if !matches!(self.byte(at), Some(b'e' | b'E')) {
            return 0;
        }
        let sign = usize::from(matches!(self.byte(at + 1), Some(b'+' | b'-')));
        match self.count(at + 1 + sign, |byte| byte.is_ascii_digit()) {
            0 => 0,
            digits => 1 + sign + digits,
        }
    }

    fn words(&mut self) {
        let length = self.directive_word(0);
        self.word(Kind::Word, length);
        let length = self.bracketed_word(0);
        self.word(Kind::BracketedWord, length);
    }

    fn directive_word(&self, at: usize) -> usize {
        match self.byte(at) {
            Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'@') => {
                self.count(at, is_word_part)
            }
            _ => 0,
        }
    }

    fn bracketed_word(&self, at: usize) -> usize {
        if self.byte(at) != Some(b'{') || self.byte(at + 1) == Some(b'@') {
            return 0;
        }
        match self.directive_word(at + 1) {
            0 => 0,
            length if self.byte(at + 1 + length) == Some(b'}') => length + 2,
            _ => 0,
        }
    }

    /// The blanks and the newline after a directive, if the newline is there.
    fn line_end(&self, at: usize) -> usize {
        let blanks = self.count(at, is_blank);
        match self.newline(at + blanks) {
            0 => 0,
            newline => blanks + newline,
        }
    }

    fn newline(&self, at: usize) -> usize {
        match self.byte(at) {
            Some(b'\r') if self.byte(at + 1) == Some(b'\n') => 2,
            Some(b'\r' | b'\n') => 1,
            _ => 0,
        }
    }

    fn backslashes(&mut self, at: usize) -> usize {
        let start = self.at + at;
        if !(self.run.start..self.run.end).contains(&start) {
            *self.run = Run { start, end: start + self.count(at, |byte| byte == b'\\') };
        }
        self.run.end - start
    }

    fn exact(&mut self, spelling: &str, kind: Kind) {
        if self.starts_with(0, spelling) {
            self.word(kind, spelling.len());
        }
    }

    fn word(&mut self, kind: Kind, length: usize) {
        self.offer(Found::Word(kind), length);
    }

    fn offer(&mut self, found: Found, length: usize) {
        if length > self.best.map_or(0, |(_, best)| best) {
            self.best = Some((found, length));
        }
    }

    fn rest(&self, at: usize) -> Option<&[u8]> {
        self.bytes.get(self.at + at..)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(self.at + at).copied()
    }

    fn starts_with(&self, at: usize, spelling: &str) -> bool {
        self.rest(at).is_some_and(|rest| rest.starts_with(spelling.as_bytes()))
    }

    fn count(&self, at: usize, belongs: impl Fn(u8) -> bool) -> usize {
        self.rest(at).map_or(0, |rest| rest.iter().take_while(|byte| belongs(**byte)).count())
    }
}

const OPERATORS: &[(&str, Kind)] = &[
    ("-", Kind::Minus),
    ("+", Kind::Plus),
    ("*", Kind::Times),
    ("/", Kind::Divide),
    ("%", Kind::Remainder),
    ("&&", Kind::And),
    ("and", Kind::And),
    ("||", Kind::Or),
    ("or", Kind::Or),
    ("<", Kind::Less),
    ("lt", Kind::Less),
    ("<=", Kind::LessOrEqual),
    ("le", Kind::LessOrEqual),
    (">", Kind::Greater),
    ("gt", Kind::Greater),
    (">=", Kind::GreaterOrEqual),
    ("ge", Kind::GreaterOrEqual),
    ("==", Kind::Equal),
    ("eq", Kind::Equal),
    ("!=", Kind::NotEqual),
    ("ne", Kind::NotEqual),
    ("!", Kind::Not),
    ("not", Kind::Not),
    ("=", Kind::Assign),
];

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_word_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@')
}
