//! JSON paths in Jayway's dialect, version 2.0.0: what `$input.path` and `$input.json` understand. RFC 9535 differs in
//! most of it: here a definite path gives the value itself and any other path an array.
//!
//! A [`Path`] is parsed once and then evaluated over the values of a [`Heap`]. Where Jayway 2.0.0 gives a result, so
//! does [`Path::find`]; where it throws, `find` goes on as later versions do (see COMPATIBILITY.md).

mod compare;
mod filter;
mod function;
mod parse;
mod walk;

use std::fmt;

use super::fault::Fault;
use super::heap::{Heap, ListKind};
use super::value::Value;
use filter::Filter;
use function::Function;
use walk::{Mode, Walk};

/// A parsed path: `$.lines[?(@.n > 5)].sku`.
#[derive(Debug)]
pub struct Path {
    steps: Vec<Step>,
    /// The last step that may lead to several values.
    last_open: Option<usize>,
    /// The last step, if it is named like a function: `.length()`.
    function: Option<Function>,
}

#[derive(Debug)]
enum Step {
    /// `.name`, `['name']`.
    Name(Box<str>),
    /// `['a', 'b']`: an object with these of the keys that are there.
    Names(Vec<Box<str>>),
    /// `*`, `[*]`.
    Every,
    /// `[2]`.
    Index(i32),
    /// `[(@.length-1)]`, as -1.
    FromEnd(i32),
    /// `[0,2]`.
    Indexes(Vec<i32>),
    /// `[1:]`, `[:2]`, `[1:2]`.
    Slice(Slice),
    /// `[?(…)]`.
    Filter(Filter),
    /// `..`, which takes the step after it to every depth.
    Scan,
}

#[derive(Debug, Clone, Copy)]
enum Slice {
    From(i32),
    To(i32),
    Between(i32, i32),
}

impl Step {
    fn is_definite(&self) -> bool {
        matches!(self, Step::Name(_) | Step::Names(_) | Step::Index(_) | Step::FromEnd(_))
    }
}

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Lowercase, no full stop, the author's words in backticks.
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for PathError {}

impl From<PathError> for Fault {
    fn from(error: PathError) -> Fault {
        Fault::thrown(error.message)
    }
}

/// The names of a path that is written in the plainest way, `$.error.code` or `$`: there is nothing to parse.
pub fn plain_names(path: &str) -> Option<PlainNames<'_>> {
    if path == "$" {
        return Some(PlainNames(None));
    }
    let names = path.strip_prefix("$.")?;
    let mut before = b'.';
    for byte in names.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !is_plain && (byte != b'.' || before == b'.') {
            return None;
        }
        before = byte;
    }
    (before != b'.').then_some(PlainNames(Some(names)))
}

/// Names with a point between them.
#[derive(Debug, Clone)]
pub struct PlainNames<'p>(Option<&'p str>);

impl<'p> Iterator for PlainNames<'p> {
    type Item = &'p str;

    // Names are too short for what `str::split` does to be fast.
    fn next(&mut self) -> Option<&'p str> {
        let names = self.0.take()?;
        let Some(point) = names.bytes().position(|byte| byte == b'.') else { return Some(names) };
        self.0 = names.get(point + 1..);
        names.get(..point)
    }
}

/// Why a path has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// There is nothing at that place: Jayway's `PathNotFoundException`.
    NotFound,
    /// What is there does not fit the path, as an index does not fit an object: Jayway's `InvalidPathException` and
    /// what else it throws.
    Unfit(&'static str),
    /// A bound is reached.
    Limit(Fault),
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Miss {
        Miss::Limit(fault)
    }
}

impl Path {
    /// Reads a path; without `$` at its start it is read as if `$.` stood there.
    ///
    /// # Errors
    /// Where Jayway 2.0.0 throws an `InvalidPathException`: a space outside of brackets, a bracket or filter that
    /// stays open, double quotes around names, a filter that uses an indefinite path.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        parse::path(text, 0).map(|(path, _)| path)
    }

    /// Whether the path leads to one place. Otherwise its result is an array of all it finds.
    pub fn definite(&self) -> bool {
        self.last_open.is_none()
    }

    /// The names that the path begins with: a body can be searched for them without reading all of it, and everything
    /// the path finds lies behind them.
    pub fn leading_names(&self) -> impl Iterator<Item = &str> {
        // A function at the end is a step, too.
        let steps = self.steps.len() - usize::from(self.function.is_some());
        self.steps.iter().take(steps).map_while(|step| match step {
            Step::Name(name) => Some(&**name),
            _ => None,
        })
    }

    /// What a template sees: the value, or `null` if there is none; of an indefinite path an array, maybe empty.
    ///
    /// Beyond Jayway 2.0.0, `[-1]` counts from the end, `.length()`, `.size()`, `.min()`, `.max()`, `.avg()`,
    /// `.sum()`, `.stddev()`, `.keys()`, `.first()` and `.last()` may end a definite path, and an indefinite one passes over
    /// what it does not fit.
    ///
    /// # Errors
    /// Bounds only.
    pub fn find<'a>(&self, root: &Value<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        match (self.walk(root, root, Mode::Lenient, heap), &self.function) {
            (Ok(value), _) => Ok(value),
            (Err(Miss::Limit(fault)), _) => Err(fault),
            (Err(_), Some(function)) if self.definite() => self.call(*function, root, heap),
            (Err(_), _) if self.definite() => Ok(Value::Null),
            (Err(_), _) => heap.make_list(ListKind::Json, Vec::new()),
        }
    }

    /// What Jayway 2.0.0 answers, or why it throws.
    ///
    /// # Errors
    /// See [`Miss`].
    pub fn evaluate<'a>(&self, root: &Value<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Miss> {
        self.walk(root, root, Mode::Strict, heap)
    }

    fn walk<'a>(
        &self,
        start: &Value<'a>,
        root: &Value<'a>,
        mode: Mode,
        heap: &mut Heap<'a>,
    ) -> Result<Value<'a>, Miss> {
        Walk::new(&self.steps, self.last_open, root, mode, heap).result(start)
    }

    fn call<'a>(
        &self,
        function: Function,
        root: &Value<'a>,
        heap: &mut Heap<'a>,
    ) -> Result<Value<'a>, Fault> {
        let (_, before) = self.steps.split_last().unwrap_or((&Step::Scan, &[]));
        match Walk::new(before, None, root, Mode::Lenient, heap).result(root) {
            Ok(value) => function.call(&value, heap),
            Err(Miss::Limit(fault)) => Err(fault),
            Err(_) => Ok(Value::Null),
        }
    }
}

#[cfg(test)]
mod tests;
