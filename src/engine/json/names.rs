//! The names that a body must hold before a path of a set can lead anywhere: the first step of each path.
//! To search for them costs a fortieth of a [`Scan`](super::Scan), which is why a [`Skim`](super::Skim) does
//! that first (107 kB with one name: 1.7 µs in place of 42 µs).

use memchr::memchr_iter;
use memchr::memmem::Finder;

/// With more names than this, reading the body costs less than searching it once for each of them.
const NAMES_MAX: usize = 12;

/// Names with the ways in which a body can spell them.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    /// One search a name, its quotes included. Faster than one search for all: what names share (the quote)
    /// makes an automaton stop at every key.
    quoted: Vec<Finder<'static>>,
    /// The ASCII characters that names have: each may be written as an escape.
    ascii: u128,
    /// Whether a name has other characters.
    beyond_ascii: bool,
}

impl Names {
    /// Adds a name that is not among them.
    pub fn add(&mut self, name: &str) {
        self.quoted.push(Finder::new(&format!("\"{name}\"")).into_owned());
        self.beyond_ascii |= !name.is_ascii();
        self.ascii |= name.bytes().filter(u8::is_ascii).fold(0, |set, byte| set | 1 << byte);
    }

    /// Bytes of the longest name with its quotes.
    pub fn bytes_max(&self) -> usize {
        self.quoted.iter().map(|name| name.needle().len()).max().unwrap_or(0)
    }

    /// Whether a key that begins in `bytes` may be one of the names. May say yes where none is; never says no
    /// where one is, unless `bytes` end in the midst of it.
    pub fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.quoted.len() > NAMES_MAX
            || self.quoted.iter().any(|name| name.find(bytes).is_some())
            || self.may_be_escaped_in(bytes)
    }

    /// Whether an escape stands for a character that a name has.
    fn may_be_escaped_in(&self, bytes: &[u8]) -> bool {
        // A backslash that is itself escaped begins nothing. Where `bytes` begin with such a one, pairs are
        // taken wrongly up to the next other byte, and so not in a key: that begins with a quote.
        let mut next = 0;
        memchr_iter(b'\\', bytes).any(|at| {
            if at < next {
                return false;
            }
            next = at + 2;
            self.may_be_spelt(bytes.get(at + 1..).unwrap_or_default())
        })
    }

    /// Whether the escape of which this is what follows the backslash stands for a character of a name.
    fn may_be_spelt(&self, escape: &[u8]) -> bool {
        let char = match escape {
            [] => return true,
            [b'b', ..] => 0x8,
            [b'f', ..] => 0xC,
            [b'n', ..] => b'\n',
            [b'r', ..] => b'\r',
            [b't', ..] => b'\t',
            [b'u', b'0', b'0', high, low, ..] => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return true,
            },
            [b'u', _, _, _, _, ..] => return self.beyond_ascii,
            [b'u', ..] => return true,
            // Any other character stands for itself, as `decode` has it.
            [other, ..] => *other,
        };
        if char.is_ascii() { self.ascii & 1 << char != 0 } else { self.beyond_ascii }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], bytes: &str, expected: bool) {
        let mut set = Names::default();
        names.iter().for_each(|name| set.add(name));
        assert_eq!(set.may_be_in(bytes.as_bytes()), expected, "{names:?} in {bytes}");
    }

    #[test]
    fn a_name_is_found_with_its_quotes() {
        check(&["code"], r#"{"code":1}"#, true);
        check(&["code"], r#"{"id":"code"}"#, true);
        check(&["code"], r#"{"codes":1,"a":"no code"}"#, false);
        check(&["error", "code"], r#"{"a":1,"code":1}"#, true);
        check(&["é"], r#"{"é":1}"#, true);
        check(&[], r#"{"a":1}"#, false);
    }

    #[test]
    fn a_name_may_be_escaped() {
        check(&["code"], r#"{"\u0063ode":1}"#, true);
        check(&["code"], r#"{"c\u006Fde":1}"#, true);
        check(&["code"], r#"{"c\ode":1}"#, true);
        check(&["a/b"], r#"{"a\/b":1}"#, true);
        check(&["a\nb"], r#"{"a\nb":1}"#, true);
        check(&["a\\"], r#"{"a\\":1}"#, true);
        check(&["é"], r#"{"\u00e9":1}"#, true);
        check(&["😀"], r#"{"\ud83d\ude00":1}"#, true);
    }

    #[test]
    fn an_escape_of_another_character_is_no_name() {
        check(&["code"], r#"{"a":"caf\u00e9, na\u00efve, \ud83d\ude00, a \u0026 b"}"#, false);
        check(&["code"], r#"{"a":"line\n\"line\"\tline\/"}"#, false);
        check(&["code"], r#"{"a":"C:\\data\\ode"}"#, false);
    }

    #[test]
    fn an_escape_that_is_cut_off_may_be_any() {
        check(&["code"], r#"{"a":"\"#, true);
        check(&["code"], r#"{"a":"\u00e"#, true);
    }

    #[test]
    fn more_names_than_are_searched_for_may_be_anywhere() {
        let names: Vec<String> = (0..=NAMES_MAX).map(|name| format!("n{name}")).collect();
        check(&names.iter().map(String::as_str).collect::<Vec<_>>(), "{}", true);
    }
}
