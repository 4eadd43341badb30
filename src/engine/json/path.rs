//! A path into a JSON body, as rules write it: RFC 9535 (JSONPath), and plain names without `$`.
//! Parsed when rules are loaded; the problem of a bad one is told with the character it is at.

use std::fmt;
use std::iter::once;

use serde_json::Value;

use super::query::Query;
use super::value::decode;

/// A path to one value or to many.
#[derive(Debug, Clone, PartialEq)]
pub enum Path {
    /// Names and indexes only: names one value at most.
    Definite(DefinitePath),
    /// Anything else that RFC 9535 has.
    Query(Query),
}

/// The steps from the document to one value. No steps: the document itself.
#[derive(Debug, Clone)]
pub struct DefinitePath {
    text: String,
    steps: Vec<Step>,
}

/// One step of a [`DefinitePath`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Step {
    /// Into an object: the field's name, unescaped.
    Name(String),
    /// Into an array: the item's index, from 0.
    Index(usize),
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathError {
    /// Lowercase, no full stop, the user's words in backticks.
    pub message: String,
    /// Characters before the one that is wrong.
    pub offset: usize,
}

/// Steps a path may have: far more than anyone writes, and few enough to follow for every body.
const STEPS_MAX: usize = 64;

/// RFC 9535 section 2.1: the integers that every JSON implementation has.
const INDEX_MAX: usize = (1 << 53) - 1;

impl Path {
    /// `$.a.b[0]`, `a.b[0]`, `a['b c']`, `$..a`, `$.items[?@.id == 1]`, …
    ///
    /// Without `$` a path begins with a name or a bracket. Names after a dot may hold `-`, which RFC 9535
    /// has only in brackets.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let mut parser = Parser { chars: text.chars().collect(), at: 0 };
        let mut steps = Vec::new();
        parser.beginning(&mut steps)?;
        while parser.at < parser.chars.len() {
            let begin = parser.at;
            match parser.segment()? {
                Some(step) => steps.push(step),
                None => return Query::compile(text, &DefinitePath::from(steps), begin).map(Path::Query),
            }
            if steps.len() > STEPS_MAX {
                let message = format!("a path has at most {STEPS_MAX} steps");
                return Err(PathError { message, offset: begin });
            }
        }
        Ok(Path::Definite(DefinitePath { text: text.to_owned(), steps }))
    }

    /// The values that the path names, in document order.
    pub fn nodes<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        match self {
            Path::Definite(path) => path.node(root).into_iter().collect(),
            Path::Query(query) => query.nodes(root),
        }
    }
}

impl DefinitePath {
    /// From the document inwards.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The value that the path names.
    pub fn node<'v>(&self, root: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(root, |value, step| match (step, value) {
            (Step::Name(name), Value::Object(fields)) => fields.get(name),
            (Step::Index(index), Value::Array(items)) => items.get(*index),
            _ => None,
        })
    }

    /// The path as RFC 9535 writes it, whatever its author wrote.
    pub(super) fn canonical(&self) -> String {
        once("$".to_owned()).chain(self.steps.iter().map(Step::to_string)).collect()
    }
}

/// A path that was not written: prints as RFC 9535 has it.
impl From<Vec<Step>> for DefinitePath {
    fn from(steps: Vec<Step>) -> DefinitePath {
        let mut path = DefinitePath { text: String::new(), steps };
        path.text = path.canonical();
        path
    }
}

/// The same steps are the same path, however written.
impl PartialEq for DefinitePath {
    fn eq(&self, other: &DefinitePath) -> bool {
        self.steps == other.steps
    }
}

impl Eq for DefinitePath {}

/// The path as its author wrote it.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Definite(path) => path.fmt(f),
            Path::Query(query) => query.fmt(f),
        }
    }
}

/// The path as its author wrote it.
impl fmt::Display for DefinitePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `.name`, `['other name']` or `[0]`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) if is_plain(name) => write!(f, ".{name}"),
            Step::Name(name) => {
                f.write_str("['")?;
                for char in name.chars() {
                    match char {
                        '\'' | '\\' => write!(f, "\\{char}")?,
                        '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(char))?,
                        _ => write!(f, "{char}")?,
                    }
                }
                f.write_str("']")
            }
        }
    }
}

/// Whether every reader of JSONPath takes the name after a dot.
fn is_plain(name: &str) -> bool {
    let rest = name.trim_start_matches(|char: char| char.is_ascii_alphabetic() || char == '_');
    rest.len() < name.len() && rest.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {})", self.message, self.offset + 1)
    }
}

impl std::error::Error for PathError {}

/// Reads definite steps; hands over to [`Query`] at the first thing that is none.
struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    /// `$`, or the first name of a path without it.
    fn beginning(&mut self, steps: &mut Vec<Step>) -> Result<(), PathError> {
        match self.peek() {
            Some('$') => self.at += 1,
            Some('[') => {}
            Some(char) if is_name_char(char) => steps.push(self.name()?),
            _ => return Err(self.expected("a path that begins with `$` or a name")),
        }
        Ok(())
    }

    /// The next step; `None` if it is not a definite one.
    fn segment(&mut self) -> Result<Option<Step>, PathError> {
        self.skip_blanks();
        match (self.peek(), self.peek_after(1)) {
            (Some('.'), Some('.' | '*')) => Ok(None),
            (Some('.'), _) => {
                self.at += 1;
                self.name().map(Some)
            }
            (Some('['), _) => self.bracket(),
            _ => Err(self.expected("`.` or `[`")),
        }
    }

    fn name(&mut self) -> Result<Step, PathError> {
        let begin = self.at;
        match self.peek() {
            Some('0'..='9') => {
                return Err(self.error("a name after `.` cannot begin with a digit: write `[0]` for an item, `['0']` for a field"));
            }
            Some(char) if !is_name_char(char) => {
                return Err(self.error(format!(
                    "expected a name, found `{char}`: write `['…']` for a name with other characters"
                )));
            }
            None => return Err(self.expected("a name")),
            _ => {}
        }
        while self.peek().is_some_and(is_name_char) {
            self.at += 1;
        }
        Ok(Step::Name(self.since(begin)))
    }

    /// `[0]` or `['name']`; anything that a query may hold there is left to it.
    fn bracket(&mut self) -> Result<Option<Step>, PathError> {
        let begin = self.at;
        self.at += 1;
        self.skip_blanks();
        let step = match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            Some('0'..='9') => self.index()?,
            Some('*' | '?' | ':' | '-') => return Ok(None),
            None => return Err(not_closed('[', begin)),
            Some(_) => return Err(self.expected("an index or a name in quotes")),
        };
        self.skip_blanks();
        match self.peek() {
            Some(']') => {
                self.at += 1;
                Ok(Some(step))
            }
            Some(',' | ':') => Ok(None),
            None => Err(not_closed('[', begin)),
            Some(_) => Err(self.expected("`]`")),
        }
    }

    fn index(&mut self) -> Result<Step, PathError> {
        let begin = self.at;
        while self.peek().is_some_and(|char| char.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = self.since(begin);
        let problem = |message: &str| PathError { message: message.to_owned(), offset: begin };
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(problem("an index has no leading zeros"));
        }
        match digits.parse() {
            Ok(index) if index <= INDEX_MAX => Ok(Step::Index(index)),
            _ => Err(problem("the index is too large")),
        }
    }

    /// A name in quotes, with JSON's escapes and that of its own quote (RFC 9535 section 2.3.1.1).
    fn quoted(&mut self, quote: char) -> Result<Step, PathError> {
        let begin = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some('\\') => self.escape(quote)?,
                Some(char) if char == quote => break,
                Some('\0'..='\u{1f}') => return Err(self.error("a control character is written `\\u00XX`")),
                Some(_) => self.at += 1,
                None => return Err(not_closed(quote, begin)),
            }
        }
        let inside = self.since(begin + 1);
        self.at += 1;
        Ok(Step::Name(decode(inside.as_bytes()).into_owned()))
    }

    fn escape(&mut self, quote: char) -> Result<(), PathError> {
        let length = match self.peek_after(1) {
            Some('b' | 'f' | 'n' | 'r' | 't' | '/' | '\\') => 2,
            Some(char) if char == quote => 2,
            Some('u') if (2..6).all(|n| self.peek_after(n).is_some_and(|char| char.is_ascii_hexdigit())) => 6,
            Some(char) => return Err(self.error(format!("unknown escape `\\{char}`"))),
            // The quote is reported as not closed.
            None => 1,
        };
        self.at += length;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.peek_after(0)
    }

    fn peek_after(&self, count: usize) -> Option<char> {
        self.chars.get(self.at + count).copied()
    }

    fn since(&self, begin: usize) -> String {
        self.chars.get(begin..self.at).unwrap_or_default().iter().collect()
    }

    fn expected(&self, what: &str) -> PathError {
        match self.peek() {
            Some(char) => self.error(format!("expected {what}, found `{char}`")),
            None => self.error(format!("expected {what}, found the end")),
        }
    }

    fn error(&self, message: impl Into<String>) -> PathError {
        PathError { message: message.into(), offset: self.at }
    }
}

fn is_name_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-') || !char.is_ascii()
}

fn not_closed(bracket: char, offset: usize) -> PathError {
    PathError { message: format!("`{bracket}` is not closed"), offset }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(name: &str) -> Step {
        Step::Name(name.to_owned())
    }

    #[test]
    fn names_and_indexes_are_a_definite_path() {
        #[track_caller]
        fn check(text: &str, expected: &[Step]) {
            let path = Path::parse(text).unwrap();
            assert_eq!(path.to_string(), text);
            let Path::Definite(path) = path else { panic!("`{text}` is a query") };
            assert_eq!(path.steps(), expected);
        }
        check("$", &[]);
        check("statusCode", &[name("statusCode")]);
        check("$.statusCode", &[name("statusCode")]);
        check("error.code", &[name("error"), name("code")]);
        check("$.error-code", &[name("error-code")]);
        check("Größe.größer", &[name("Größe"), name("größer")]);
        check("items[0].id", &[name("items"), Step::Index(0), name("id")]);
        check("[3]", &[Step::Index(3)]);
        check("$ [ 0 ] .a", &[Step::Index(0), name("a")]);
        check("a['b c']", &[name("a"), name("b c")]);
        check("$[\"a\"]['b']", &[name("a"), name("b")]);
        check("$['']", &[name("")]);
        check("$['@type']", &[name("@type")]);
        check(r"$['it\'s']", &[name("it's")]);
        check(r#"$["\"\\\/\n"]"#, &[name("\"\\/\n")]);
        check(r"$['\u00e9\ud83d\ude00']", &[name("é😀")]);
        check("$[9007199254740991]", &[Step::Index(INDEX_MAX)]);
    }

    #[test]
    fn everything_else_is_a_query() {
        #[track_caller]
        fn check(text: &str) {
            let path = Path::parse(text).unwrap();
            assert!(matches!(path, Path::Query(_)), "`{text}` is definite");
            assert_eq!(path.to_string(), text);
        }
        check("$.*");
        check("a.*");
        check("$[*]");
        check("$..code");
        check("items[-1]");
        check("items[1:3]");
        check("items[:3]");
        check("items[0,1]");
        check("$['a', 'b']");
        check("$.items[?@.code == 'a]b'].id");
        check("$[?(@.a && (@.b || @.c))]");
        check("error-list[*].code");
        check(&format!("${}@.a{}", "[?@".repeat(11), "]".repeat(11)).replace("@@", "@"));
    }

    #[test]
    fn a_problem_says_what_was_expected_and_where() {
        #[track_caller]
        fn check(text: &str, message: &str, offset: usize) {
            let error = Path::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.offset), (message, offset), "{text}");
        }
        check("", "expected a path that begins with `$` or a name, found the end", 0);
        check(" $.a", "expected a path that begins with `$` or a name, found ` `", 0);
        check(".a", "expected a path that begins with `$` or a name, found `.`", 0);
        check("$a", "expected `.` or `[`, found `a`", 1);
        check("$.a ", "expected `.` or `[`, found the end", 4);
        check("$.é b", "expected `.` or `[`, found `b`", 4);
        check("a@b", "expected `.` or `[`, found `@`", 1);
        check("$.", "expected a name, found the end", 2);
        check("$.@type", "expected a name, found `@`: write `['…']` for a name with other characters", 2);
        check(
            "a.0",
            "a name after `.` cannot begin with a digit: write `[0]` for an item, `['0']` for a field",
            2,
        );
        check("$.a[", "`[` is not closed", 3);
        check("$.a[0", "`[` is not closed", 3);
        check("$.a['b]", "`'` is not closed", 4);
        check(r"$['a\", "`'` is not closed", 2);
        check("$.a[b]", "expected an index or a name in quotes, found `b`", 4);
        check("$.a[]", "expected an index or a name in quotes, found `]`", 4);
        check("$.a[1 2]", "expected `]`, found `2`", 6);
        check("$.a[01]", "an index has no leading zeros", 4);
        check("$.a[9007199254740992]", "the index is too large", 4);
        check("$.a[99999999999999999999]", "the index is too large", 4);
        check(r"$['\x']", "unknown escape `\\x`", 3);
        check(r"$['\u12']", "unknown escape `\\u`", 3);
        check("$['\n']", "a control character is written `\\u00XX`", 3);
        check(&format!("${}", ".a".repeat(65)), "a path has at most 64 steps", 129);
    }

    #[test]
    fn a_query_is_checked_too() {
        #[track_caller]
        fn check(text: &str, message: &str, offset: usize) {
            let error = Path::parse(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.offset), (message, offset), "{text}");
        }
        check("$.items[?@.code = 1]", "expected `]`, found `=`", 16);
        check("é.items[*", "expected `]`, found the end", 9);
        check("items[*].error-code", "not JSONPath (RFC 9535) from here on, found `-`", 14);
        check("$..", "expected a name, found the end", 3);
        check("$[-0]", "not JSONPath (RFC 9535) from here on, found `[`", 1);
        check("$[?foo(@.a)]", "function name `foo` is not defined", 3);
        check("$[?", "not JSONPath (RFC 9535) from here on, found the end", 3);
        check(&format!("$[?{}", "(".repeat(100)), "brackets are nested more than 12 deep", 14);
    }

    #[test]
    fn the_same_steps_are_the_same_path() {
        assert_eq!(Path::parse("a.b").unwrap(), Path::parse("$['a']['b']").unwrap());
        assert_ne!(Path::parse("a.b").unwrap(), Path::parse("a.c").unwrap());
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![any::<String>().prop_map(Step::Name), (0..=INDEX_MAX).prop_map(Step::Index)]
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_a_problem_within_it(text in "[$.a0'\"\\\\\\[\\]*?@:,()=é u-]{0,20}") {
            if let Err(error) = Path::parse(&text) {
                prop_assert!(error.offset <= text.chars().count(), "{error}");
                prop_assert!(!error.message.is_empty());
            }
        }

        #[test]
        fn what_a_path_prints_is_the_same_path(steps in prop::collection::vec(step(), 0..6)) {
            let path = DefinitePath::from(steps);
            prop_assert_eq!(Path::parse(&path.to_string()), Ok(Path::Definite(path)));
        }

        #[test]
        fn a_query_begins_as_its_definite_path(names in prop::collection::vec(any::<String>(), 0..4)) {
            let path = DefinitePath::from(names.into_iter().map(Step::Name).collect::<Vec<_>>());
            let wrap = |value, step: &Step| match step {
                Step::Name(name) => Value::Object([(name.clone(), value)].into_iter().collect()),
                Step::Index(_) => value,
            };
            let document = path.steps().iter().rev().fold(serde_json::json!([7]), wrap);
            let query = Path::parse(&format!("{path}[*]")).unwrap();
            prop_assert_eq!(query.nodes(&document), [&serde_json::json!(7)]);
        }
    }
}
