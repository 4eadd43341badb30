//! Turns the text of a template into what is rendered. Follows Velocity's grammar production by production and looks
//! ahead as far as that does, because the scanner's modes move as words are read.

mod directive;
mod expression;
mod literal;
mod pattern;
mod reference;
mod scanner;
mod statement;
mod token;

use std::collections::{HashMap, HashSet};

use super::ast::{Body, Span};
use super::error::ParseError;
use super::limits::Limits;
use super::template::Note;
use scanner::{Scanner, Unreadable};
use token::{Kind, Token};

/// A parsed template.
#[derive(Debug)]
pub(super) struct Parsed {
    pub body: Body,
    /// The names of its variables.
    pub variables: Vec<Box<str>>,
    /// What does something else than its author may think.
    pub notes: Vec<Note>,
}

/// Parses a template and the templates within its strings.
pub(super) fn parse(text: &str, limits: &Limits) -> Result<Parsed, ParseError> {
    if text.len() > limits.template_bytes {
        let end = Span { start: 0, end: 0 };
        let message =
            format!("the template has {} bytes, the limit is {}", text.len(), limits.template_bytes);
        return Err(ParseError::new(end, message));
    }
    let mut names = Names { depth_limit: limits.depth, ..Names::default() };
    let body = Parser::new(text, Origin::Shifted(0), 0, &mut names).whole()?;
    Ok(Parsed { body, variables: names.variables, notes: names.notes })
}

/// What all templates within a template share.
#[derive(Debug, Default)]
struct Names {
    variables: Vec<Box<str>>,
    numbers: HashMap<Box<str>, usize>,
    /// Names of the `#macro`s so far: they are not defined, but a backslash before one counts as an escape.
    macros: HashSet<Box<str>>,
    notes: Vec<Note>,
    depth_limit: u32,
}

impl Names {
    fn variable(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.variables.len();
        self.variables.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

/// Where the text being parsed stands in the template.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// From this byte on, as it is.
    Shifted(usize),
    /// In a string whose text is not as it is written: all of it is the place.
    Within(Span),
}

struct Parser<'p, 's> {
    scanner: Scanner<'s>,
    /// All words read so far.
    tokens: Vec<Token>,
    /// How many of them have been taken.
    taken: usize,
    origin: Origin,
    depth: u32,
    /// The text of a string, not of the template itself.
    within_string: bool,
    names: &'p mut Names,
}

impl<'p, 's> Parser<'p, 's> {
    fn new(text: &'s str, origin: Origin, depth: u32, names: &'p mut Names) -> Parser<'p, 's> {
        let scanner = Scanner::new(text);
        Parser { scanner, tokens: Vec::new(), taken: 0, origin, depth, within_string: depth > 0, names }
    }

    fn whole(mut self) -> Result<Body, ParseError> {
        let body = self.statements()?;
        match self.kind()? {
            Kind::EndOfTemplate => Ok(body),
            kind @ (Kind::End | Kind::Else | Kind::ElseIf) => {
                let message = match kind {
                    Kind::End => "`#end` ends nothing",
                    Kind::Else => "`#else` belongs to no `#if`",
                    _ => "`#elseif` belongs to no `#if`",
                };
                Err(ParseError::new(self.span_of(self.taken), message))
            }
            _ => Err(self.unexpected("")),
        }
    }

    /// What the next word is.
    fn kind(&mut self) -> Result<Kind, ParseError> {
        self.kind_at(0)
    }

    /// What the word after `ahead` others is.
    fn kind_at(&mut self, ahead: usize) -> Result<Kind, ParseError> {
        loop {
            if let Some(token) = self.tokens.get(self.taken + ahead) {
                return Ok(token.kind);
            }
            match self.scanner.next() {
                Ok(token) => self.tokens.push(token),
                Err(unreadable) => return Err(self.unreadable(unreadable)),
            }
        }
    }

    /// Takes the next word; gives its number.
    fn take(&mut self) -> Result<usize, ParseError> {
        self.kind()?;
        self.taken += 1;
        Ok(self.taken - 1)
    }

    /// Takes the next word if it is of a kind.
    fn take_if(&mut self, kind: Kind) -> Result<bool, ParseError> {
        let found = self.kind()? == kind;
        if found {
            self.taken += 1;
        }
        Ok(found)
    }

    /// Takes a word that must come now.
    fn expect(&mut self, kind: Kind, expected: &str) -> Result<usize, ParseError> {
        if self.take_if(kind)? { Ok(self.taken - 1) } else { Err(self.unexpected(expected)) }
    }

    fn skip_blank(&mut self) -> Result<(), ParseError> {
        self.take_if(Kind::Blank).map(drop)
    }

    /// Runs a parser of something nested.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth >= self.names.depth_limit {
            let message = format!("nested deeper than {}", self.names.depth_limit);
            return Err(ParseError::new(self.span_of(self.taken), message));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// A word as it is written, without what has been taken off its front.
    fn image(&self, token: usize) -> &'s str {
        self.tokens.get(token).and_then(|token| self.scanner.text.get(token.start..token.end)).unwrap_or("")
    }

    /// The source of some words as Velocity puts it together again: comments are gone.
    fn literal(&self, first: usize, last: usize) -> Box<str> {
        let mut literal = String::new();
        for number in first..=last {
            self.push_literal(number, &mut literal);
        }
        literal.into()
    }

    fn push_literal(&self, number: usize, literal: &mut String) {
        let Some(token) = self.tokens.get(number) else { return };
        if token.kind != Kind::Comment {
            literal.push_str(token.stray.as_deref().unwrap_or_default());
            literal.push_str(self.image(number));
        }
    }

    /// The place of a word; behind the last that has been read if it has not been.
    fn span_of(&self, token: usize) -> Span {
        self.span(token, token)
    }

    /// The place of some words.
    fn span(&self, first: usize, last: usize) -> Span {
        let start = self.tokens.get(first).or(self.tokens.last()).map_or(0, |token| token.start);
        let end = self.tokens.get(last).or(self.tokens.last()).map_or(0, |token| token.end);
        self.place(start, end)
    }

    fn place(&self, start: usize, end: usize) -> Span {
        match self.origin {
            Origin::Shifted(by) => Span { start: start + by, end: end.max(start) + by },
            Origin::Within(span) => span,
        }
    }

    /// The next word cannot stand here.
    fn unexpected(&mut self, expected: &str) -> ParseError {
        let kind = match self.kind() {
            Ok(kind) => kind,
            Err(unreadable) => return unreadable,
        };
        let image = self.image(self.taken).trim();
        let expects = if expected.is_empty() { String::new() } else { format!(", {expected} was expected") };
        if kind == Kind::EndOfTemplate {
            let what = if self.within_string { "string" } else { "template" };
            let last = self.span_of(self.taken.saturating_sub(1));
            return ParseError::new(last, format!("the {what} ends here{expects}"));
        }
        let what = if image.is_empty() { "a blank".to_owned() } else { format!("`{image}`") };
        let error = ParseError::new(self.span_of(self.taken), format!("{what} cannot stand here{expects}"));
        match self.advice(kind, image, expected) {
            Some(advice) => error.help(advice),
            None => error,
        }
    }

    /// What an author probably meant with a word where none can stand.
    fn advice(&self, kind: Kind, image: &str, expected: &str) -> Option<&'static str> {
        let before = self.tokens.get(..self.taken)?.iter().rposition(|token| token.kind != Kind::Blank)?;
        let after = self.tokens.get(before)?.kind;
        match kind {
            _ if after == Kind::String && self.image(before).ends_with("\\\"") => {
                Some("a backslash escapes no quote: write `\"\"`, or put the text in single quotes")
            }
            Kind::ListClose | Kind::MapClose if after == Kind::Comma => {
                Some("no comma stands after the last element")
            }
            Kind::Integer | Kind::Float if image.starts_with('-') => {
                Some("a minus before a digit belongs to the number: to subtract, put a blank after it")
            }
            Kind::Minus if expected == "a value" => Some("only numbers can have a sign: write `0 - $x`"),
            Kind::Minus | Kind::Plus | Kind::Times | Kind::Divide | Kind::Remainder => {
                Some("elements and arguments are plain values: calculate with `#set` first")
            }
            Kind::Assign => Some("`=` is for `#set`; to compare, write `==`"),
            Kind::True | Kind::False if after == Kind::Dot => {
                Some("`true` and `false` are no names: write `.get(\"true\")`")
            }
            Kind::Word if image == "null" => Some("there is no `null`; a missing value equals `\"\"`"),
            Kind::Word if !image.starts_with('#') => Some("text stands in quotes, a variable after `$`"),
            _ => None,
        }
    }

    fn unreadable(&self, unreadable: Unreadable) -> ParseError {
        let text = self.scanner.text;
        // The character may have been met in its middle.
        let start = (0..=unreadable.at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let Some(character) = text.get(start..).and_then(|rest| rest.chars().next()) else {
            return self.cut_off(unreadable.start);
        };
        let place = self.place(start, start + character.len_utf8());
        match character {
            '"' | '\'' => {
                ParseError::new(place, format!("the string that `{character}` begins does not end"))
                    .help("within a string, its quote is written twice; a backslash escapes nothing")
            }
            _ => {
                let error = ParseError::new(place, format!("`{character}` cannot stand here"));
                match character {
                    '&' => error.help("both conditions: `&&`"),
                    '|' => {
                        error.help("one of two conditions: `||`; there are no default values as `${x|'y'}`")
                    }
                    '(' | '+' | '*' | '/' | '%' | '=' => {
                        error.help("arguments are plain values: calculate with `#set` first")
                    }
                    _ => error,
                }
            }
        }
    }

    /// The template ended within a word.
    fn cut_off(&self, start: usize) -> ParseError {
        let rest = self.scanner.text.get(start..).unwrap_or_default();
        let place = self.place(start, start + rest.chars().next().map_or(0, char::len_utf8));
        match rest {
            _ if rest.starts_with("#[[") => {
                ParseError::new(place, "`#[[` is not closed").help("close it with `]]#`")
            }
            _ if rest.starts_with("#*") => ParseError::new(place, "`#*` cannot be the end of the template"),
            _ => ParseError::new(place, format!("`{rest}` cannot be the end of the template"))
                .help("Velocity reads on after `$` and `#`: let anything follow, a newline will do"),
        }
    }
}
