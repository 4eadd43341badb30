//! Makes secrets unreadable before anything is written down: values of headers, and in bodies and queries what
//! stands behind a name that promises a secret.
//!
//! Bodies are gone through as text, not parsed: what is recorded may be cut off, be JSON within JSON, XML, a form or
//! a page, and a secret must not survive because its surroundings are broken. Rather too much is taken out than too
//! little.

use std::borrow::Cow;
use std::collections::HashSet;

use http::HeaderName;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// The names of secrets.
#[derive(Debug, Clone)]
pub struct Redaction {
    headers: HashSet<HeaderName>,
    /// Lower case, without `-` and `_`.
    fields: Vec<String>,
}

impl Redaction {
    /// Secrets by these names.
    pub fn new(headers: &[HeaderName], fields: &[String]) -> Redaction {
        Redaction { headers: headers.iter().cloned().collect(), fields: fields.to_vec() }
    }

    /// Whether the value of this header is one.
    pub fn covers(&self, header: &HeaderName) -> bool {
        self.headers.contains(header)
    }

    /// Whether a field of this name holds one: `password`, `userPassword`, `NEW_PASSWORD`.
    fn promises(&self, name: &str) -> bool {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        self.fields.iter().any(|field| name.ends_with(field))
    }

    /// The text without its secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (mut clean, mut copied) = (String::new(), 0);
        let mut word_end = 0;
        while let Some((before, word, after)) = next_word(text, word_end.max(copied)) {
            word_end = before.len() + word.len();
            let value = if word.eq_ignore_ascii_case("bearer") {
                bearer(after)
            } else if self.promises(word) {
                value(before, after)
            } else {
                None
            };
            let Some(Value { at, length, needs_quotes }) = value else { continue };
            clean.push_str(text.get(copied..word_end + at).unwrap_or_default());
            let quote = if needs_quotes { "\"" } else { "" };
            clean.extend([quote, REDACTED, quote]);
            copied = word_end + at + length;
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        clean.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(clean)
    }
}

/// Where a secret is behind its name.
struct Value {
    /// Bytes behind the name.
    at: usize,
    length: usize,
    /// Whether what replaces it must bring quotes of its own.
    needs_quotes: bool,
}

/// What names and words are made of.
fn is_of_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || character == '-'
}

/// The first word from there on, and all that is before and after it.
fn next_word(text: &str, from: usize) -> Option<(&str, &str, &str)> {
    let begin = from + text.get(from..)?.find(is_of_word)?;
    let (before, text) = text.split_at_checked(begin)?;
    let end = text.find(|character| !is_of_word(character)).unwrap_or(text.len());
    let (word, after) = text.split_at_checked(end)?;
    Some((before, word, after))
}

/// `Bearer x` anywhere.
fn bearer(after: &str) -> Option<Value> {
    let secret = after.strip_prefix(' ')?;
    let is_of_token = |character: char| character.is_ascii_alphanumeric() || "-._~+/=".contains(character);
    let length = secret.find(|character| !is_of_token(character)).unwrap_or(secret.len());
    (length >= 8).then_some(Value { at: 1, length, needs_quotes: false })
}

/// The value of a member, a parameter, an attribute or an element of this name.
fn value(before: &str, after: &str) -> Option<Value> {
    let prefixed = before.strip_suffix(':').map(|before| before.trim_end_matches(is_of_word));
    if before.ends_with('<') || prefixed.is_some_and(|before| before.ends_with('<')) {
        return element(after);
    }
    let quote = opening(after);
    let unquoted = after.get(quote.map_or(0, str::len)..)?;
    let spaced = unquoted.trim_start();
    let sign = spaced.chars().next().filter(|sign| *sign == ':' || (*sign == '=' && quote.is_none()))?;
    let behind = spaced.get(1..)?;
    let found = behind.trim_start();
    let at = after.len() - found.len();
    if let Some(quote) = opening(found) {
        let inside = found.get(quote.len()..)?;
        let length = closing(inside, quote);
        return Some(Value { at: at + quote.len(), length, needs_quotes: false });
    }
    let is_json = quote.is_some();
    let length = match (sign, found.chars().next()?) {
        (_, '{' | '[') if is_json => nested(found),
        (':', _) => found.find([',', '}', ']', '\n', '\r', '"', '\\', '<']).unwrap_or(found.len()),
        _ => found.find(['&', '#', ' ', '\n', '\r', '"', '\'', '<', ';', '\\']).unwrap_or(found.len()),
    };
    let literal = found.get(..length)?.trim_end();
    if literal.is_empty() || ["null", "true", "false"].contains(&literal) {
        return None;
    }
    Some(Value { at, length: literal.len(), needs_quotes: is_json })
}

/// The quote that a text begins with, and the backslashes before it when it is quoted itself.
fn opening(text: &str) -> Option<&str> {
    let unescaped = text.trim_start_matches('\\');
    let length = text.len() - unescaped.len() + 1;
    matches!(unescaped.chars().next(), Some('"' | '\'')).then(|| text.get(..length)).flatten()
}

/// Bytes before the quote that closes, or to the end of what was cut off.
///
/// A quote of a text in a text is written with as many backslashes as the one that opened; a backslash in there takes
/// twice as many and two more. One with fewer closes the text around it.
fn closing(inside: &str, quote: &str) -> usize {
    let mark = if quote.ends_with('"') { '"' } else { '\'' };
    let escapes = quote.len() - 1;
    let closes = |backslashes: usize| match backslashes.checked_sub(escapes) {
        Some(more) => more.is_multiple_of(2 * (escapes + 1)),
        None => true,
    };
    let mut quotes = inside.match_indices(mark).map(|(at, _)| {
        let before = inside.get(..at).unwrap_or_default();
        (at, at - before.trim_end_matches('\\').len())
    });
    let found = quotes.find(|(_, backslashes)| closes(*backslashes));
    found.map_or(inside.len(), |(at, backslashes)| at - backslashes.min(escapes))
}

/// The length of an object or a list, to its end or that of what was cut off.
fn nested(text: &str) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' | '[' if !in_text => depth += 1,
            '}' | ']' if !in_text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The text of an element whose name has just ended.
fn element(after: &str) -> Option<Value> {
    let tag_end = after.find('>')?;
    if after.get(..tag_end)?.ends_with('/') {
        return None;
    }
    let inside = after.get(tag_end + 1..)?;
    let length = inside.find("</").unwrap_or(inside.len());
    (length > 0).then_some(Value { at: tag_end + 1, length, needs_quotes: false })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redaction() -> Redaction {
        Redaction::new(&[], &["password".to_owned(), "token".to_owned(), "apikey".to_owned()])
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redaction().text(text), expected);
    }

    #[test]
    fn members_of_json_are_redacted_whatever_they_are() {
        check(r#"{"a":1,"password":"x","b":2}"#, r#"{"a":1,"password":"[redacted]","b":2}"#);
        check(r#"{"User_Password" : "x\"y\\"}"#, r#"{"User_Password" : "[redacted]"}"#);
        check(r#"{"token":{"a":["}"]},"b":1}"#, r#"{"token":"[redacted]","b":1}"#);
        check(r#"{"token":[1,2],"api-key":42}"#, r#"{"token":"[redacted]","api-key":"[redacted]"}"#);
        check(r#"{"token":null,"password":true}"#, r#"{"token":null,"password":true}"#);
        check(r#"{"token":""}"#, r#"{"token":"[redacted]"}"#);
        check(r#"{"tokens":1,"password_hint":"x"}"#, r#"{"tokens":1,"password_hint":"x"}"#);
    }

    #[test]
    fn json_in_a_text_of_json_is_redacted() {
        check(
            r#"{"body":"{\"password\":\"x\\\"y\",\"a\":1}"}"#,
            r#"{"body":"{\"password\":\"[redacted]\",\"a\":1}"}"#,
        );
        check(
            r#""{\"a\":\"{\\\"token\\\":\\\"x\\\"}\"}""#,
            r#""{\"a\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}""#,
        );
    }

    #[test]
    fn what_was_cut_off_is_redacted_to_its_end() {
        check(r#"{"password":"hunt"#, r#"{"password":"[redacted]"#);
        check(r#"{"token":{"a":"hunt"#, r#"{"token":"[redacted]""#);
        check(r#"<password>hunt"#, r#"<password>[redacted]"#);
        check(r#"{"password""#, r#"{"password""#);
    }

    #[test]
    fn forms_queries_markup_and_prose_are_redacted() {
        check("/a?x=1&access_token=abc&y=2", "/a?x=1&access_token=[redacted]&y=2");
        check("password=hunter2", "password=[redacted]");
        check("<s:Password type='x'>a b</s:Password>", "<s:Password type='x'>[redacted]</s:Password>");
        check("<user password=\"a b\" id=\"1\"/>", "<user password=\"[redacted]\" id=\"1\"/>");
        check("<Token/><a>1</a>", "<Token/><a>1</a>");
        check("Authorization: Bearer abc.def-ghi=\n", "Authorization: Bearer [redacted]\n");
        check("password: hunter2\nuser: x", "password: [redacted]\nuser: x");
        check("the password is wrong", "the password is wrong");
        check("ünïcode \"password\":\"ü\" end", "ünïcode \"password\":\"[redacted]\" end");
    }

    proptest! {
        #[test]
        fn no_secret_survives_in_json(secret in "[ -~]{1,20}", before in "[a-z \"{}:,\\\\]{0,10}", cut in 0_usize..60) {
            let marked = format!("ZQZ{secret}ZQZ");
            let text = serde_json::json!({ "before": before, "password": marked, "after": 1 }).to_string();
            let cut: String = text.chars().take(text.chars().count() - cut.min(20)).collect();
            prop_assert!(!redaction().text(&cut).contains("ZQZ"), "{}", redaction().text(&cut));
            let nested = serde_json::json!({ "body": text }).to_string();
            prop_assert!(!redaction().text(&nested).contains("ZQZ"), "{}", redaction().text(&nested));
        }

        #[test]
        fn json_stays_json(secret in "\\PC{0,10}", before in "\\PC{0,10}") {
            let text = serde_json::json!({ "x": before, "password": secret, "token": [secret], "y": 1 }).to_string();
            let clean = redaction().text(&text).into_owned();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{clean}");
        }
    }
}
