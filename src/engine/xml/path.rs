//! The path of an XML element or attribute, as users write it: `Envelope/Body/Fault/faultcode`.
//! Deliberately far less than XPath: local names and `*`, no namespaces, no predicates, no functions.

use std::fmt;

/// Element steps of one path: a step is a bit of a `u64`, and one more bit says "before the first step".
pub(super) const STEPS_MAX: usize = 63;

/// A path to one element or attribute: `Envelope/Body/Fault`, `/Envelope/*/Fault`, `//Fault/@code`.
///
/// | written | means |
/// |---|---|
/// | `a/b`, `/a/b` | the element `b` in the root element `a` |
/// | `//a/b` | the element `b` in an `a` at any depth |
/// | `*` | one element of any name |
/// | `a/@b` | the attribute `b` of `a`; only as the last step |
///
/// Names are local names: a prefix, in the path or in the document, is ignored, because which prefix a
/// SOAP stack picks (`soap:`, `SOAP-ENV:`, `s:`) says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementPath {
    text: String,
    /// Begins with `//`.
    pub(super) anywhere: bool,
    /// 1 to [`STEPS_MAX`] elements, outermost first.
    pub(super) steps: Vec<Step>,
    /// The local name after `@`.
    pub(super) attribute: Option<String>,
}

/// One element on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `*`
    Any,
    /// A local name.
    Name(String),
}

/// Why a text is not an [`ElementPath`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlPathError {
    /// Lowercase, no full stop, the user's words in backticks.
    pub message: String,
    /// Where in the text the problem begins, in characters from 0.
    pub offset: usize,
}

impl ElementPath {
    /// Reads a path as users write it.
    ///
    /// # Errors
    /// A step that is not a name, an attribute that is not last, no element at all, more than 63 steps.
    pub fn parse(text: &str) -> Result<ElementPath, XmlPathError> {
        let (anywhere, relative) = match text.strip_prefix("//") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('/').unwrap_or(text)),
        };
        let (elements, attribute) = match relative.rsplit_once("/@") {
            Some((elements, attribute)) => (elements, Some(attribute)),
            None => (relative, None),
        };
        let mut offset = text.chars().count() - relative.chars().count();
        let mut steps = Vec::new();
        for part in elements.split('/') {
            steps.push(Step::parse(part).map_err(|message| XmlPathError { message, offset })?);
            if steps.len() > STEPS_MAX {
                return Err(XmlPathError { message: format!("more than {STEPS_MAX} steps"), offset });
            }
            offset += part.chars().count() + 1;
        }
        let attribute = attribute.map(|name| match local_name(name) {
            Some(local) => Ok(local.to_owned()),
            None => Err(XmlPathError { message: format!("`@{name}` is not an attribute name"), offset }),
        });
        let attribute = attribute.transpose()?;
        Ok(ElementPath { text: text.to_owned(), anywhere, steps, attribute })
    }
}

/// As it was written.
impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for XmlPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for XmlPathError {}

impl Step {
    fn parse(part: &str) -> Result<Step, String> {
        match part {
            "" => Err("a step without a name; `//` can only begin a path".to_owned()),
            "*" => Ok(Step::Any),
            _ if part.starts_with('@') => Err(format!("`{part}` must be the last step, after an element")),
            _ => match local_name(part) {
                Some(local) => Ok(Step::Name(local.to_owned())),
                None => Err(format!("`{part}` is not an element name")),
            },
        }
    }

    /// Whether an element of this local name is meant.
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Step::Any => true,
            Step::Name(wanted) => wanted == name,
        }
    }
}

/// `soap:Fault` -> `Fault`; nothing when either part is not a name.
pub(super) fn local_name(name: &str) -> Option<&str> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    };
    (is_name(local) && prefix.is_none_or(is_name)).then_some(local)
}

/// `NCName` of Namespaces in XML 1.0, except that every character beyond ASCII is taken for a letter.
fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii();
    text.bytes().next().is_some_and(is_letter)
        && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_refused(path: &str, offset: usize, message: &str) {
        let expected = XmlPathError { message: message.to_owned(), offset };
        assert_eq!(ElementPath::parse(path), Err(expected), "{path}");
    }

    #[test]
    fn paths_print_as_written() {
        for text in ["Envelope/Body", "/soap:Envelope/*/Fault", "//Fault/@code", "//*", "a-b.c/_d"] {
            assert_eq!(ElementPath::parse(text).unwrap().to_string(), text);
        }
        assert!(ElementPath::parse(&["a"; STEPS_MAX].join("/")).is_ok());
    }

    #[test]
    fn bad_paths_are_refused_with_their_place() {
        check_refused("", 0, "a step without a name; `//` can only begin a path");
        check_refused("/", 1, "a step without a name; `//` can only begin a path");
        check_refused("a//b", 2, "a step without a name; `//` can only begin a path");
        check_refused("a/", 2, "a step without a name; `//` can only begin a path");
        check_refused("///a", 2, "a step without a name; `//` can only begin a path");
        check_refused("//a/b[1]", 4, "`b[1]` is not an element name");
        check_refused("\u{e9}/text()", 2, "`text()` is not an element name");
        check_refused("a/..", 2, "`..` is not an element name");
        check_refused("*:a", 0, "`*:a` is not an element name");
        check_refused("a b", 0, "`a b` is not an element name");
        check_refused("@a", 0, "`@a` must be the last step, after an element");
        check_refused("//@a", 2, "`@a` must be the last step, after an element");
        check_refused("a/@b/c", 2, "`@b/c` is not an attribute name");
        check_refused("a/@b/@c", 2, "`@b` must be the last step, after an element");
        check_refused("a/@", 2, "`@` is not an attribute name");
        check_refused(&["a"; 64].join("/"), 126, "more than 63 steps");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_in_place(text in "[a/@*: é\\[]{0,12}") {
            match ElementPath::parse(&text) {
                Ok(path) => prop_assert_eq!(path.to_string(), text),
                Err(error) => prop_assert!(error.offset <= text.chars().count()),
            }
        }
    }
}
