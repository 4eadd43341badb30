//! Reads Java's pattern syntax, as `java.util.regex.Pattern` of Java 17 does.

use regex_syntax::hir::ClassUnicode;

use super::class;
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

type Result<T> = std::result::Result<T, PatternError>;

/// Parses a pattern.
pub fn parse(pattern: &str) -> Result<Parsed> {
    let text = unquoted(pattern);
    let mut parser =
        Parser { text, at: 0, flags: Flags::default(), groups: 0, names: Vec::new(), depth: 0 };
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

#[derive(Clone, Copy, Default)]
struct Flags {
    ignore_case: bool,
    unix_lines: bool,
    multiline: bool,
    dot_all: bool,
    unicode_case: bool,
    comments: bool,
    unicode_classes: bool,
}

impl Flags {
    fn case(self) -> Case {
        match (self.ignore_case, self.unicode_case) {
            (false, _) => Case::Exact,
            (true, false) => Case::Ascii,
            (true, true) => Case::Unicode,
        }
    }

    fn lines(self) -> Lines {
        if self.unix_lines { Lines::Unix } else { Lines::Any }
    }
}

struct Parser {
    text: Vec<char>,
    at: usize,
    flags: Flags,
    groups: usize,
    names: Vec<(String, usize)>,
    depth: u32,
}

/// What an escape stands for.
enum Escaped {
    Character(char),
    Set(ClassUnicode),
    Node(Node),
}

impl Parser {
    fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError { message: message.into(), index: self.at }
    }

    fn at_offset(&self, offset: usize) -> Option<char> {
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
    fn take_all(&mut self, expected: &str) -> bool {
        let found = expected.chars().enumerate().all(|(offset, expected)| self.at_offset(offset) == Some(expected));
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
            let next = number.unwrap_or(0i32).checked_mul(10).and_then(|tens| tens.checked_add(digit.cast_signed()));
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
    fn group_name(&mut self) -> Result<String> {
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

    /// What a backslash introduces.
    fn escape(&mut self, in_set: bool) -> Result<Escaped> {
        self.at += 1;
        let Some(letter) = self.at_offset(0) else { return Err(self.error("unexpected end after a backslash")) };
        self.at += 1;
        if let Some(character) = self.character_escape(letter)? {
            return Ok(Escaped::Character(character));
        }
        if let Some(set) = class::escape(letter, self.flags.unicode_classes) {
            return Ok(Escaped::Set(set));
        }
        match letter {
            'p' | 'P' => {
                let set = class::folded(self.property()?, self.flags.case());
                Ok(Escaped::Set(if letter == 'P' { class::negated(set) } else { set }))
            }
            _ if in_set => Err(self.error(format!("illegal escape `\\{letter}` in a character class"))),
            _ => self.node_escape(letter).map(Escaped::Node),
        }
    }

    /// Escapes that stand for one character.
    fn character_escape(&mut self, letter: char) -> Result<Option<char>> {
        Ok(Some(match letter {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'f' => '\u{c}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            '0' => self.octal()?,
            'x' if self.take_all("{") => self.hexadecimal(1, 6, true)?,
            'x' => self.hexadecimal(2, 2, false)?,
            'u' => self.utf16()?,
            'c' => {
                let Some(control) = self.at_offset(0) else { return Err(self.error("illegal control escape")) };
                self.at += 1;
                char::from_u32(u32::from(control) ^ 64).unwrap_or(control)
            }
            letter if !letter.is_ascii_alphanumeric() => letter,
            _ => return Ok(None),
        }))
    }

    fn octal(&mut self) -> Result<char> {
        let mut value = None;
        while let Some(digit) = self.at_offset(0).and_then(|character| character.to_digit(8)) {
            let next = value.unwrap_or(0) * 8 + digit;
            if next > 0o377 {
                break;
            }
            value = Some(next);
            self.at += 1;
        }
        value.and_then(char::from_u32).ok_or_else(|| self.error("illegal octal escape sequence"))
    }

    fn hexadecimal(&mut self, least: usize, most: usize, closed: bool) -> Result<char> {
        let (mut value, mut count) = (0, 0);
        while let Some(digit) = self.at_offset(0).and_then(|character| character.to_digit(16)).filter(|_| count < most)
        {
            value = value * 16 + digit;
            count += 1;
            self.at += 1;
        }
        let ends = !closed || self.take_all("}");
        let value = char::from_u32(value).filter(|_| count >= least && ends);
        value.ok_or_else(|| self.error("illegal hexadecimal escape sequence"))
    }

    /// `\uD83D\uDE00` is one character.
    fn utf16(&mut self) -> Result<char> {
        let first = self.unit()?;
        let mut units = vec![first];
        let after_first = self.at;
        if (0xd800..0xdc00).contains(&first) && self.take_all("\\u") {
            units.push(self.unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(character)) => Ok(character),
            // Half of a character stands in no text.
            _ => {
                self.at = after_first;
                Ok(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn unit(&mut self) -> Result<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.at_offset(0).and_then(|character| character.to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.error("illegal Unicode escape sequence"))? as u16;
            self.at += 1;
        }
        Ok(unit)
    }

    /// The name after `\p`.
    fn property(&mut self) -> Result<ClassUnicode> {
        let mut name = String::new();
        if self.take_all("{") {
            while let Some(character) = self.at_offset(0).filter(|character| *character != '}') {
                name.push(character);
                self.at += 1;
            }
            if !self.take_all("}") || name.is_empty() {
                return Err(self.error("unclosed character family"));
            }
        } else {
            name.extend(self.at_offset(0));
            self.at += 1;
        }
        let class = class::named(&name, self.flags.unicode_classes);
        class.ok_or_else(|| self.error(format!("unknown character property `{name}`")))
    }

    fn node_escape(&mut self, letter: char) -> Result<Node> {
        let lines = self.flags.lines();
        Ok(match letter {
            'A' => Node::At(Place::Begin),
            'z' => Node::At(Place::End),
            'Z' => Node::At(Place::BeforeLastTerminator(lines)),
            'G' => Node::At(Place::LastMatch),
            'b' => Node::At(Place::WordBoundary(self.word())),
            'B' => Node::At(Place::NoWordBoundary(self.word())),
            'R' => Node::Alternation(vec![
                Node::Sequence(vec![Node::Character('\r'), Node::Character('\n')]),
                Node::Set(class::line_breaks()),
            ]),
            'X' => {
                let mark = || class::named("M", true).unwrap_or_else(ClassUnicode::empty);
                let marks = Node::Repeat(
                    Box::new(Node::Set(mark())),
                    Times { min: 0, max: None },
                    Mood::Possessive,
                );
                Node::Sequence(vec![Node::Set(class::negated(ClassUnicode::empty())), marks])
            }
            'k' => {
                if !self.take_all("<") {
                    return Err(self.error("`\\k` is not followed by `<` for a named capturing group"));
                }
                let name = self.group_name()?;
                let group = self.names.iter().find(|(other, _)| *other == name).map(|(_, group)| *group);
                let group = group.ok_or_else(|| self.error(format!("no group is named `{name}`")))?;
                Node::Back(group, self.flags.case())
            }
            '1'..='9' => self.back(letter),
            _ => return Err(self.error("illegal or unsupported escape sequence")),
        })
    }

    fn word(&self) -> ClassUnicode {
        let unicode = self.flags.unicode_classes.then(|| class::escape('w', true)).flatten();
        unicode.unwrap_or_else(class::word)
    }

    /// As many digits as make a group that there is so far; one at least.
    fn back(&mut self, first: char) -> Node {
        let mut group = first.to_digit(10).unwrap_or(0) as usize;
        while let Some(digit) = self.at_offset(0).and_then(|character| character.to_digit(10)) {
            let longer = group * 10 + digit as usize;
            if longer > self.groups {
                break;
            }
            group = longer;
            self.at += 1;
        }
        Node::Back(group, self.flags.case())
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
