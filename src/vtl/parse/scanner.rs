//! Reads a template word by word. Velocity's scanner is a stack of modes, and its corner cases (`$`s that begin
//! nothing, a `#` that runs into a reference, blanks that a `#set` eats) follow from how the stack moves, so this one
//! moves it the same way.

use super::pattern::{self, Found, Run};
use super::token::{Kind, Token};

/// What the scanner is in the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Text between references and directives.
    Text,
    /// After a `$`, until the reference ends or a dot comes.
    Reference,
    /// After a dot in a reference.
    Step,
    /// Between the parentheses of a method.
    Arguments,
    /// Between the brackets of an index.
    Index,
    /// After a `#`.
    Name,
    /// From the name of a directive to the end of its parentheses.
    Directive,
    LineComment,
    FormalComment,
    Comment,
    /// Within `#[[ ]]#`.
    Raw,
}

#[derive(Debug, Clone, Copy)]
struct Saved {
    mode: Mode,
    opened: u32,
    closed: u32,
}

/// Nothing in the mode begins with the character here; or the template ended in the middle of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unreadable {
    /// Where the word begins.
    pub start: usize,
    /// Where the character stands.
    pub at: usize,
}

/// A place in a template, and the modes it is in.
#[derive(Debug)]
pub(super) struct Scanner<'s> {
    pub text: &'s str,
    at: usize,
    mode: Mode,
    stack: Vec<Saved>,
    /// Parentheses opened and closed in this mode.
    opened: u32,
    closed: u32,
    in_comment: bool,
    in_set: bool,
    run: Run,
}

impl<'s> Scanner<'s> {
    pub fn new(text: &'s str) -> Scanner<'s> {
        Scanner {
            text,
            at: 0,
            mode: Mode::Text,
            stack: Vec::new(),
            opened: 0,
            closed: 0,
            in_comment: false,
            in_set: false,
            run: Run::default(),
        }
    }

    /// The next word.
    pub fn next(&mut self) -> Result<Token, Unreadable> {
        let mut strays = Strays::default();
        'word: loop {
            let start = self.at;
            if start >= self.text.len() {
                return Ok(Token { kind: Kind::EndOfTemplate, start, end: start, stray: strays.into_text() });
            }
            loop {
                let found = pattern::longest(self.text.as_bytes(), self.at, self.mode, &mut self.run);
                let Some((found, length)) = found else { return Err(Unreadable { start, at: self.at }) };
                self.at += length;
                match found {
                    Found::Word(kind) => {
                        let end = self.accept(kind, start);
                        // A dot forgets what ran into it.
                        let start = if kind == Kind::Dot { end - 1 } else { start };
                        return Ok(Token { kind, start, end, stray: strays.into_text() });
                    }
                    Found::Skipped => continue 'word,
                    Found::Terminator => {
                        self.at -= length;
                        strays.push(self.text.get(start..self.at).unwrap_or_default());
                        self.pop();
                        continue 'word;
                    }
                    Found::Dollar => self.dollar(),
                    Found::Hash => self.hash(),
                    Found::RawStart => self.begin_comment(Mode::Raw),
                    Found::CommentStart => self.begin_comment(Mode::Comment),
                    Found::FormalCommentStart => {
                        if !self.in_comment {
                            self.at -= 1;
                        }
                        self.begin_comment(Mode::FormalComment);
                    }
                    Found::Within => {}
                }
                // The word goes on, so the template must.
                if self.at >= self.text.len() {
                    return Err(Unreadable { start, at: self.at });
                }
            }
        }
    }

    /// Whether parentheses follow a directive's name; if they do, its arguments come next, else text.
    pub fn begin_directive(&mut self) -> bool {
        self.mode = Mode::Directive;
        let rest = self.text.get(self.at..).unwrap_or_default();
        let follows = rest.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(');
        if !follows {
            self.pop();
        }
        follows
    }

    /// A `#set` is over.
    pub fn end_set(&mut self) {
        self.in_set = false;
    }

    /// Moves the modes past a word; gives where the word ends.
    fn accept(&mut self, kind: Kind, start: usize) -> usize {
        match kind {
            Kind::IndexOpen => {
                self.push(Mode::Index);
            }
            Kind::IndexClose | Kind::BraceClose | Kind::End | Kind::Else => {
                self.pop();
            }
            Kind::Open => {
                self.opened += 1;
                if self.mode == Mode::Step {
                    self.mode = Mode::Arguments;
                }
            }
            Kind::Close => self.close(),
            Kind::ArgumentsClose => self.mode = Mode::Reference,
            Kind::Set => {
                self.push(Mode::Directive);
                self.in_set = true;
                self.opened += 1;
            }
            Kind::LineComment => {
                if self.mode == Mode::Reference {
                    self.pop();
                }
                self.begin_comment(Mode::LineComment);
            }
            Kind::LineCommentEnd | Kind::FormalComment | Kind::Comment | Kind::Raw => {
                self.in_comment = false;
                self.pop();
            }
            Kind::If | Kind::ElseIf => self.mode = Mode::Directive,
            Kind::Dot => {
                self.at -= 1;
                self.mode = Mode::Step;
            }
            Kind::Integer => {
                if self.text.get(start..self.at).is_some_and(|number| number.ends_with("..")) {
                    self.at -= 2;
                }
                if !matches!(self.mode, Mode::Arguments | Mode::Index) {
                    self.end_bare_directive();
                }
            }
            Kind::Float if self.mode != Mode::Arguments => self.end_bare_directive(),
            Kind::String if self.mode == Mode::Directive => self.end_bare_directive(),
            _ => {}
        }
        self.at
    }

    /// A value outside any parentheses ends what the `#` began.
    fn end_bare_directive(&mut self) {
        if self.opened == 0 && !self.in_set {
            self.pop();
        }
    }

    fn dollar(&mut self) {
        if !self.in_comment {
            if self.mode == Mode::Reference {
                self.pop();
            }
            self.push(Mode::Reference);
        }
    }

    fn hash(&mut self) {
        if !self.in_comment {
            if matches!(self.mode, Mode::Reference | Mode::Step) {
                self.pop();
            }
            self.push(Mode::Name);
        }
    }

    fn begin_comment(&mut self, mode: Mode) {
        if !self.in_comment {
            self.in_comment = true;
            self.push(mode);
        }
    }

    /// A `)` of a directive closes the innermost mode that has an open parenthesis.
    fn close(&mut self) {
        while self.opened == 0 {
            if !self.pop() {
                return;
            }
        }
        if self.opened == self.closed + 1 {
            self.pop();
        } else {
            self.closed += 1;
        }
    }

    fn push(&mut self, mode: Mode) {
        self.stack.push(Saved { mode: self.mode, opened: self.opened, closed: self.closed });
        self.opened = 0;
        self.mode = mode;
    }

    fn pop(&mut self) -> bool {
        match self.stack.pop() {
            Some(saved) => {
                self.mode = saved.mode;
                self.opened = saved.opened;
                self.closed = saved.closed;
                true
            }
            None => {
                self.opened = 0;
                self.mode = Mode::Text;
                false
            }
        }
    }
}

/// The beginnings that came to nothing before a word.
#[derive(Debug, Default)]
struct Strays {
    text: String,
    /// The last one began with `##`, and none is printed.
    hidden: bool,
}

impl Strays {
    /// Of a beginning only `$`, `#` and the backslashes before a `$` are printed: the character after them is read
    /// again, and a `!` is lost.
    fn push(&mut self, beginning: &str) {
        self.hidden = beginning.starts_with("##");
        let mut rest = beginning.chars().peekable();
        let mut backslashes = 0;
        while let Some(character) = rest.next() {
            match character {
                '\\' => backslashes += 1,
                '$' | '#' => {
                    if character == '$' && backslashes > 0 {
                        self.text.extend(std::iter::repeat_n('\\', backslashes));
                        // Velocity loses sight of what comes after such a `$`.
                        rest.next();
                    }
                    backslashes = 0;
                    self.text.push(character);
                }
                _ => backslashes = 0,
            }
        }
    }

    fn into_text(self) -> Option<Box<str>> {
        (!self.hidden && !self.text.is_empty()).then(|| self.text.into_boxed_str())
    }
}
