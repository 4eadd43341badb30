//! Selection patterns: which answers of a backend an integration response is for.

use super::reader::Reader;
use crate::apigateway::model::Selection;
use crate::diagnostic::{Diagnostic, Place};
use crate::vtl::regex::JavaRegex;

/// The keys that stand for "all others". `-` is what the console showed and many wrote.
const DEFAULTS: [&str; 3] = ["default", "", "-"];

/// Whether the key of an integration response is no pattern.
pub fn is_default(key: &str) -> bool {
    DEFAULTS.contains(&key)
}

impl Reader<'_> {
    /// A pattern.
    pub fn selection(&mut self, text: &str, place: &Place) -> Option<Selection> {
        match JavaRegex::new(text) {
            Ok(pattern) => {
                self.lost_escape(text, place);
                Some(Selection { text: text.into(), pattern })
            }
            Err(error) => {
                self.error(place, format!("`{text}` is not a pattern: {error}"));
                None
            }
        }
    }

    /// `[Error]` is one character of five. Whoever writes it mostly means the word, and had a backslash in a string of a
    /// language that dropped it.
    fn lost_escape(&mut self, pattern: &str, place: &Place) {
        let Some(word) = bracketed_word(pattern) else { return };
        let message = format!("`[{word}]` is a single one of these characters");
        let problem = Diagnostic::warning(message).at(place);
        self.problems.push(problem.help(format!("the text `[{word}]` is written `\\[{word}\\]`")));
    }
}

/// The first character class that reads like a word.
fn bracketed_word(pattern: &str) -> Option<&str> {
    pattern.match_indices('[').find_map(|(start, _)| {
        let escaped = pattern.get(..start)?.ends_with('\\');
        let (word, _) = pattern.get(start + 1..)?.split_once(']')?;
        let is_word = word.len() > 2 && word.chars().all(|c| c.is_ascii_alphabetic() || c == ' ' || c == '_');
        let repeats = (1..word.len()).any(|at| {
            let (before, after) = word.split_at_checked(at).unwrap_or_default();
            after.chars().next().is_some_and(|c| before.contains(c))
        });
        // A class names each character once; a word with capital first is one anyway.
        let is_name = word.starts_with(|c: char| c.is_ascii_uppercase());
        (!escaped && is_word && (is_name || repeats)).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_brackets_are_noticed_and_classes_are_not() {
        let check = |pattern: &str, expected: Option<&str>| {
            assert_eq!(bracketed_word(pattern), expected, "{pattern}")
        };
        check("^[Error].*", Some("Error"));
        check(".*[Bad Request].*", Some("Bad Request"));
        check(".*[UNAUTHORIZED].*", Some("UNAUTHORIZED"));
        check(r"^\[Error\].*", None);
        check(r"[\s\S]*\[404\][\s\S]*", None);
        check("[abc]+[a-z]", None);
    }
}
