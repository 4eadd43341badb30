//! Reads Java's pattern syntax, as `java.util.regex.Pattern` of Java 17 does.

use regex_syntax::hir::ClassUnicode;

use super::class;
use super::escape::Escaped;
use super::syntax::{Case, Lines, Mood, Node, PatternError, Place, Polarity, Times, Width};

/// Deeper nested groups are refused, so that nothing here runs out of stack.
const DEPTH_MAX: u32 = 100;
/// The longest pattern, characters.
const LENGTH_MAX: usize = 20_000;

/// What a pattern says.
pub struct Parsed {
    pub node: Node,
    /// How many groups it has, without the whole match.
    pub groups: usize,
    /// The names that some have.
    pub names: Vec<(String, usize)>,
}

pub type Result<T> = std::result::Result<T, PatternError>;

/// Parses a pattern.
pub fn parse(pattern: &str) -> Result<Parsed> {
    let text = unquoted(pattern);
    let mut parser = Parser { text, at: 0, flags: Flags::default(), groups: 0, names: Vec::new(), depth: 0 };
    if parser.text.len() > LENGTH_MAX {
        return Err(parser.error("pattern too long"));
    }
    let node = parser.alternation()?;
    match parser.peek() {
        None => Ok(Parsed { node, groups: parser.groups, names: parser.names }),
        Some(_) => Err(parser.error("unmatched closing `)`")),
    }
}

/// The text without `\Q…\E`: what stands between is escaped, one character at a time.
fn unquoted(pattern: &str) -> Vec<char> {
    let (mut out, mut rest) = (Vec::new(), pattern);
    while let Some(at) = find_quote(rest) {
        let (before, quoted) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.extend(before.chars());
        let quoted = quoted.strip_prefix("\\Q").unwrap_or(quoted);
        let (quoted, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
        for character in quoted.chars() {
            if character.is_ascii() && !character.is_ascii_alphanumeric() {
                out.push('\\');
            }
            out.push(character);
        }
        rest = after;
    }
    out.extend(rest.chars());
    out
}

/// Where a `\Q` is whose backslash is not itself escaped.
fn find_quote(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && characters.next()?.1 == 'Q' {
            return Some(at);
        }
    }
    None
}

/// The flags that hold at a place.
#[derive(Clone, Copy, Default)]
pub struct Flags {
    ignore_case: bool,
    unix_lines: bool,
    multiline: bool,
    dot_all: bool,
    unicode_case: bool,
    comments: bool,
    pub unicode_classes: bool,
}

impl Flags {
    pub fn case(self) -> Case {
        match (self.ignore_case, self.unicode_case) {
            (false, _) => Case::Exact,
            (true, false) => Case::Ascii,
            (true, true) => Case::Unicode,
        }
    }

    pub fn lines(self) -> Lines {
        if self.unix_lines { Lines::Unix } else { Lines::Any }
    }
}

pub struct Parser {
    text: Vec<char>,
    pub at: usize,
    pub flags: Flags,
    pub groups: usize,
    pub names: Vec<(String, usize)>,
    depth: u32,
}

impl Parser {
    pub fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError { message: message.into(), index: self.at }
    }

    pub fn at_offset(&self, offset: usize) -> Option<char> {
        self.text.get(self.at + offset).copied()
    }

    /// The next character; with `(?x)` after white space and comments.
    fn peek(&mut self) -> Option<char> {
        while self.flags.comments {
            match self.at_offset(0) {
                Some(' ' | '\t'..='\r') => self.at += 1,
                Some('#') => {
                    while self.at_offset(0).is_some_and(|character| !self.ends_line(character)) {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
        self.at_offset(0)
    }

    fn ends_line(&self, character: char) -> bool {
        let others = matches!(character, '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        character == '\n' || others && !self.flags.unix_lines
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    /// Takes a text whose characters stand together.
    pub fn take_all(&mut self, expected: &str) -> bool {
        let found =
            expected.chars().enumerate().all(|(offset, expected)| self.at_offset(offset) == Some(expected));
        if found {
            self.at += expected.len();
        }
        found
    }

    fn alternation(&mut self) -> Result<Node> {
        let first = self.sequence()?;
        if self.peek() != Some('|') {
            return Ok(first);
        }
        let mut branches = vec![first];
        while self.take('|') {
            branches.push(self.sequence()?);
        }
        Ok(Node::Alternation(branches))
    }

    fn sequence(&mut self) -> Result<Node> {
        let mut nodes = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let Some(atom) = self.atom(next)? else { continue };
            let node = self.repeated(atom)?;
            nodes.push(node);
        }
        Ok(match nodes.len() {
            0 => Node::Empty,
            1 => nodes.remove(0),
            _ => Node::Sequence(nodes),
        })
    }

    /// One part of a sequence; nothing for flags.
    fn atom(&mut self, next: char) -> Result<Option<Node>> {
        let flags = self.flags;
        Ok(Some(match next {
            '(' => return self.group(),
            '[' => {
                self.at += 1;
                Node::Set(self.set()?)
            }
            '*' | '+' | '?' => return Err(self.error(format!("dangling meta character `{next}`"))),
            // Java takes the nothing before it for what is repeated.
            '{' => Node::Empty,
            '.' => {
                self.at += 1;
                Node::Set(class::negated(match (flags.dot_all, flags.unix_lines) {
                    (true, _) => ClassUnicode::empty(),
                    (false, true) => class::of(&[('\n', '\n')]),
                    (false, false) => class::line_terminators(),
                }))
            }
            '^' => {
                self.at += 1;
                Node::At(if flags.multiline { Place::LineBegin(flags.lines()) } else { Place::Begin })
            }
            '$' => {
                self.at += 1;
                Node::At(match flags.multiline {
                    true => Place::LineEnd(flags.lines()),
                    false => Place::BeforeLastTerminator(flags.lines()),
                })
            }
            '\\' => match self.escape(false)? {
                Escaped::Character(character) => self.character(character),
                Escaped::Set(set) => Node::Set(set),
                Escaped::Node(node) => node,
            },
            character => {
                self.at += 1;
                self.character(character)
            }
        }))
    }

    fn character(&self, character: char) -> Node {
        let set = class::folded(class::of(&[(character, character)]), self.flags.case());
        match set.ranges() {
            [range] if range.start() == range.end() => Node::Character(character),
            _ => Node::Set(set),
        }
    }

    fn repeated(&mut self, node: Node) -> Result<Node> {
        let times = match self.peek() {
            Some('?') => Times { min: 0, max: Some(1) },
            Some('*') => Times { min: 0, max: None },
            Some('+') => Times { min: 1, max: None },
            Some('{') => self.counted()?,
            _ => return Ok(node),
        };
        self.at += 1;
        let mood = match self.peek() {
            Some('?') => Mood::Lazy,
            Some('+') => Mood::Possessive,
            _ => Mood::Greedy,
        };
        self.at += usize::from(mood != Mood::Greedy);
        Ok(Node::Repeat(Box::new(node), times, mood))
    }

    /// `{2,3}`, up to its last character.
    fn counted(&mut self) -> Result<Times> {
        self.at += 1;
        let Some(min) = self.number()? else { return Err(self.error("illegal repetition")) };
        let mut max = Some(min);
        if self.at_offset(0) == Some(',') {
            self.at += 1;
            max = self.number()?;
        }
        if self.at_offset(0) != Some('}') {
            return Err(self.error("unclosed counted closure"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.error("illegal repetition range"));
        }
        Ok(Times { min, max })
    }

    fn number(&mut self) -> Result<Option<u32>> {
        let mut number = None;
        while let Some(digit) = self.at_offset(0).and_then(|character| character.to_digit(10)) {
            let next =
                number.unwrap_or(0i32).checked_mul(10).and_then(|tens| tens.checked_add(digit.cast_signed()));
            number = Some(next.ok_or_else(|| self.error("illegal repetition range"))?);
            self.at += 1;
        }
        Ok(number.map(i32::cast_unsigned))
    }

    /// What stands in parentheses; nothing for flags that hold from here on.
    fn group(&mut self) -> Result<Option<Node>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("groups nested deeper than {DEPTH_MAX}")));
        }
        self.at += 1;
        let outside = self.flags;
        let node = if !self.take_all("?") {
            self.groups += 1;
            self.capture(self.groups)?
        } else if self.take_all(":") {
            self.alternation()?
        } else if self.take_all(">") {
            Node::Atomic(Box::new(self.alternation()?))
        } else if self.take_all("=") {
            Node::Ahead(Box::new(self.alternation()?), Polarity::Positive)
        } else if self.take_all("!") {
            Node::Ahead(Box::new(self.alternation()?), Polarity::Negative)
        } else if self.take_all("<=") {
            self.behind(Polarity::Positive)?
        } else if self.take_all("<!") {
            self.behind(Polarity::Negative)?
        } else if self.take_all("<") {
            let name = self.group_name()?;
            if self.names.iter().any(|(other, _)| *other == name) {
                return Err(self.error(format!("group `{name}` is defined twice")));
            }
            self.groups += 1;
            self.names.push((name, self.groups));
            self.capture(self.groups)?
        } else {
            self.inline_flags()?;
            if self.take_all(")") {
                self.depth -= 1;
                return Ok(None);
            }
            if !self.take_all(":") {
                return Err(self.error("unknown inline modifier"));
            }
            self.alternation()?
        };
        if !self.take(')') {
            return Err(self.error("unclosed group"));
        }
        self.flags = outside;
        self.depth -= 1;
        Ok(Some(node))
    }

    fn capture(&mut self, index: usize) -> Result<Node> {
        Ok(Node::Group(index, Box::new(self.alternation()?)))
    }

    fn behind(&mut self, polarity: Polarity) -> Result<Node> {
        let node = self.alternation()?;
        match node.width() {
            (min, Some(max)) => Ok(Node::Behind(Box::new(node), polarity, Width { min, max })),
            _ => Err(self.error("look-behind group does not have an obvious maximum length")),
        }
    }

    /// A name and the `>` after it.
    pub fn group_name(&mut self) -> Result<String> {
        let mut name = String::new();
        while let Some(character) = self.at_offset(0).filter(char::is_ascii_alphanumeric) {
            name.push(character);
            self.at += 1;
        }
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(self.error("capturing group name does not start with a Latin letter"));
        }
        if !self.take_all(">") {
            return Err(self.error("named capturing group is missing trailing `>`"));
        }
        Ok(name)
    }

    fn inline_flags(&mut self) -> Result<()> {
        let mut on = true;
        while let Some(letter) = self.at_offset(0) {
            match letter {
                'i' => self.flags.ignore_case = on,
                'm' => self.flags.multiline = on,
                's' => self.flags.dot_all = on,
                'd' => self.flags.unix_lines = on,
                'u' => self.flags.unicode_case = on,
                'x' => self.flags.comments = on,
                'U' => (self.flags.unicode_classes, self.flags.unicode_case) = (on, on),
                '-' if on => on = false,
                _ => break,
            }
            self.at += 1;
        }
        Ok(())
    }

    /// What stands in brackets, after the opening one, with the closing one.
    fn set(&mut self) -> Result<ClassUnicode> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("classes nested deeper than {DEPTH_MAX}")));
        }
        let negate = self.at_offset(0) == Some('^');
        self.at += usize::from(negate);
        let mut whole: Option<ClassUnicode> = None;
        let mut part: Option<ClassUnicode> = None;
        loop {
            let Some(next) = self.peek() else { return Err(self.error("unclosed character class")) };
            // The first one is itself.
            if next == ']' && (part.is_some() || whole.is_some()) {
                self.at += 1;
                break;
            }
            if next == '&' && self.at_offset(1) == Some('&') {
                self.at += 2;
                intersect(&mut whole, part.take());
                continue;
            }
            let item = self.set_item(next)?;
            match &mut part {
                Some(part) => part.union(&item),
                None => part = Some(item),
            }
        }
        intersect(&mut whole, part);
        self.depth -= 1;
        let class = whole.unwrap_or_else(ClassUnicode::empty);
        Ok(if negate { class::negated(class) } else { class })
    }

    /// A character, a range, an escape or another class.
    fn set_item(&mut self, next: char) -> Result<ClassUnicode> {
        if next == '[' {
            self.at += 1;
            return self.set();
        }
        let first = match self.set_character(next)? {
            Ok(character) => character,
            Err(set) => return Ok(set),
        };
        let mut last = first;
        if self.peek() == Some('-') && !matches!(self.at_offset(1), None | Some(']' | '[')) {
            self.at += 1;
            let Some(end) = self.peek() else { return Err(self.error("unclosed character class")) };
            last = match self.set_character(end)? {
                Ok(character) if character >= first => character,
                _ => return Err(self.error("illegal character range")),
            };
        }
        Ok(class::folded(class::of(&[(first, last)]), self.flags.case()))
    }

    fn set_character(&mut self, next: char) -> Result<std::result::Result<char, ClassUnicode>> {
        if next != '\\' {
            self.at += 1;
            return Ok(Ok(next));
        }
        match self.escape(true)? {
            Escaped::Character(character) => Ok(Ok(character)),
            Escaped::Set(set) => Ok(Err(set)),
            Escaped::Node(_) => Err(self.error("illegal escape in a character class")),
        }
    }
}

/// `&&`; an empty side does not count.
fn intersect(whole: &mut Option<ClassUnicode>, part: Option<ClassUnicode>) {
    match (whole.as_mut(), part) {
        (Some(whole), Some(part)) => whole.intersect(&part),
        (None, part) => *whole = part,
        (Some(_), None) => {}
    }
}
