//! What a backslash introduces in a pattern.

use regex_syntax::hir::ClassUnicode;

use super::class;
use super::parse::{Parser, Result};
use super::syntax::{Mood, Node, Place, Times};

/// What an escape stands for.
pub enum Escaped {
    Character(char),
    Set(ClassUnicode),
    Node(Node),
}

impl Parser {
    /// What a backslash introduces.
    pub fn escape(&mut self, in_set: bool) -> Result<Escaped> {
        self.at += 1;
        let Some(letter) = self.at_offset(0) else {
            return Err(self.error("unexpected end after a backslash"));
        };
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
                let Some(control) = self.at_offset(0) else {
                    return Err(self.error("illegal control escape"));
                };
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
        while let Some(digit) =
            self.at_offset(0).and_then(|character| character.to_digit(16)).filter(|_| count < most)
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
                let marks =
                    Node::Repeat(Box::new(Node::Set(mark())), Times { min: 0, max: None }, Mood::Possessive);
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
}
