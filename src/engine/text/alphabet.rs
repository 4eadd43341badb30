//! The characters that some searches tell apart, a byte for each kind of them. A letter is a letter to `\w` whatever
//! its script, so a handful of kinds stands for all of Unicode beyond ASCII, and a table over them is as small as
//! one for ASCII, where one over UTF-8 would spell out every script. ASCII itself is written as it is.

use std::borrow::Cow;
use std::collections::HashMap;

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, Hir, HirKind, Look, Repetition};

/// Kinds of characters that a byte has room for beyond ASCII.
const KINDS_MAX: usize = 128;

/// The first character beyond ASCII.
const BEYOND: char = '\u{80}';

/// Bytes for characters.
#[derive(Debug)]
pub struct Alphabet {
    /// Where a range of one kind begins, in order from [`BEYOND`], and the kind.
    ranges: Vec<(char, u8)>,
    /// For each kind one of its characters.
    kinds: Vec<char>,
    /// What `\w` matches.
    word: ClassUnicode,
}

impl Alphabet {
    /// The alphabet of these searches; nothing when they tell too many kinds of characters apart.
    pub fn new<'h>(searches: impl IntoIterator<Item = &'h Hir>) -> Option<Alphabet> {
        let word = word()?;
        // What is beside a word boundary has to be known, too.
        let mut classes = vec![word.clone()];
        searches.into_iter().try_for_each(|hir| collect(hir, &mut classes))?;
        let mut alphabet = Alphabet { ranges: Vec::new(), kinds: Vec::new(), word };
        let mut known = HashMap::new();
        for begin in begins(&classes) {
            let within: Vec<bool> = classes.iter().map(|class| contains(class, begin)).collect();
            let kind = *known.entry(within).or_insert_with(|| {
                alphabet.kinds.push(begin);
                alphabet.kinds.len() - 1
            });
            if kind >= KINDS_MAX {
                return None;
            }
            let byte = BEYOND as u8 + kind as u8;
            if alphabet.ranges.last().is_none_or(|(_, last)| *last != byte) {
                alphabet.ranges.push((begin, byte));
            }
        }
        Some(alphabet)
    }

    /// The text in this alphabet: a byte a character.
    pub fn write<'t>(&self, text: &'t str) -> Cow<'t, [u8]> {
        if text.is_ascii() {
            return Cow::Borrowed(text.as_bytes());
        }
        text.chars().map(|character| self.byte(character)).collect()
    }

    /// The search in this alphabet. A Unicode word boundary becomes one of ASCII, which is the same as long as none
    /// of [`Alphabet::words`] comes.
    pub fn spell(&self, search: &Hir) -> Option<Hir> {
        let all = |parts: &[Hir]| parts.iter().map(|part| self.spell(part)).collect::<Option<Vec<Hir>>>();
        Some(match search.kind() {
            HirKind::Empty => Hir::empty(),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                Hir::literal(self.write(text).into_owned())
            }
            HirKind::Class(class) => Hir::class(Class::Bytes(self.class(class))),
            HirKind::Look(look) => Hir::look(in_ascii(*look)),
            HirKind::Repetition(repetition) => {
                let sub = Box::new(self.spell(&repetition.sub)?);
                Hir::repetition(Repetition { sub, ..*repetition })
            }
            HirKind::Capture(capture) => self.spell(&capture.sub)?,
            HirKind::Concat(parts) => Hir::concat(all(parts)?),
            HirKind::Alternation(choices) => Hir::alternation(all(choices)?),
        })
    }

    /// The kinds of characters that `\w` matches, which a boundary of ASCII words does not know.
    pub fn words(&self) -> impl Iterator<Item = u8> {
        self.of_kinds(&self.word)
    }

    fn byte(&self, character: char) -> u8 {
        if character.is_ascii() {
            return character as u8;
        }
        let range = self.ranges.partition_point(|(begin, _)| *begin <= character).saturating_sub(1);
        self.ranges.get(range).map_or(BEYOND as u8, |(_, byte)| *byte)
    }

    fn class(&self, class: &Class) -> ClassBytes {
        let ascii = |begin: u8, end: u8| begin.is_ascii().then(|| ClassBytesRange::new(begin, end.min(0x7f)));
        match class {
            Class::Bytes(class) => {
                ClassBytes::new(class.iter().filter_map(|range| ascii(range.start(), range.end())))
            }
            Class::Unicode(class) => {
                let byte = |character: char| u8::try_from(character).unwrap_or(u8::MAX);
                let ascii = class.iter().filter_map(|range| ascii(byte(range.start()), byte(range.end())));
                let beyond = self.of_kinds(class).map(|kind| ClassBytesRange::new(kind, kind));
                ClassBytes::new(ascii.chain(beyond))
            }
        }
    }

    fn of_kinds(&self, class: &ClassUnicode) -> impl Iterator<Item = u8> {
        let kinds = self.kinds.iter().zip(BEYOND as u8..);
        kinds.filter(|(character, _)| contains(class, **character)).map(|(_, byte)| byte)
    }
}

fn word() -> Option<ClassUnicode> {
    match regex_syntax::parse(r"\w").ok()?.into_kind() {
        HirKind::Class(Class::Unicode(word)) => Some(word),
        _ => None,
    }
}

/// Adds the classes of characters in a search. `None` where it is not one of characters.
fn collect(hir: &Hir, classes: &mut Vec<ClassUnicode>) -> Option<()> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let beyond = text.chars().filter(|character| !character.is_ascii());
            beyond.for_each(|character| add(super::wanted::only(character), classes));
        }
        HirKind::Class(Class::Unicode(class)) => add(class.clone(), classes),
        kind => kind.subs().iter().try_for_each(|sub| collect(sub, classes))?,
    }
    Some(())
}

fn add(class: ClassUnicode, classes: &mut Vec<ClassUnicode>) {
    if !class.is_ascii() && !classes.contains(&class) {
        classes.push(class);
    }
}

/// Characters beyond ASCII at which a range of some class begins or has ended, in order.
fn begins(classes: &[ClassUnicode]) -> Vec<char> {
    let ranges = classes.iter().flat_map(|class| class.iter());
    let mut begins: Vec<char> =
        ranges.flat_map(|range| [Some(range.start()), next(range.end())]).flatten().collect();
    begins.retain(|begin| *begin > BEYOND);
    begins.push(BEYOND);
    begins.sort_unstable();
    begins.dedup();
    begins
}

fn next(character: char) -> Option<char> {
    (character..=char::MAX).nth(1)
}

fn contains(class: &ClassUnicode, character: char) -> bool {
    let ranges = class.ranges();
    let after = ranges.partition_point(|range| range.start() <= character);
    after.checked_sub(1).and_then(|last| ranges.get(last)).is_some_and(|range| character <= range.end())
}

fn in_ascii(look: Look) -> Look {
    match look {
        Look::WordUnicode => Look::WordAscii,
        Look::WordUnicodeNegate => Look::WordAsciiNegate,
        Look::WordStartUnicode => Look::WordStartAscii,
        Look::WordEndUnicode => Look::WordEndAscii,
        Look::WordStartHalfUnicode => Look::WordStartHalfAscii,
        Look::WordEndHalfUnicode => Look::WordEndHalfAscii,
        look => look,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn alphabet(patterns: &[&str]) -> Alphabet {
        let hirs: Vec<Hir> = patterns.iter().map(|pattern| regex_syntax::parse(pattern).unwrap()).collect();
        Alphabet::new(&hirs).unwrap()
    }

    #[track_caller]
    fn check(patterns: &[&str], text: &str, expected: &[u8]) {
        assert_eq!(*alphabet(patterns).write(text), *expected, "{patterns:?} {text}");
    }

    #[test]
    fn what_is_not_told_apart_is_one_kind() {
        check(&[], "a\u{7f}", b"a\x7f");
        check(&[], "«é»ж中", b"\x80\x81\x80\x81\x81");
        check(&[r"\w+.*[^<]"], "«é»ж中", b"\x80\x81\x80\x81\x81");
        check(&["é"], "éèé»", b"\x82\x81\x82\x80");
        check(&["(?i)k"], "k\u{212a}é", b"k\x82\x81");
        check(&["[а-я]", "[а-п]"], "джяё", b"\x82\x82\x83\x81");
    }

    #[test]
    fn a_search_is_spelled_in_kinds() {
        let check = |pattern: &str, expected: &str| {
            let expected = regex_syntax::ParserBuilder::new().utf8(false).build().parse(expected).unwrap();
            assert_eq!(
                alphabet(&[pattern]).spell(&regex_syntax::parse(pattern).unwrap()),
                Some(expected),
                "{pattern}"
            );
        };
        check("not found", "(?-u)not found");
        check("(?s).+é{2}", r"(?-u)[\x00-\x82]+\x82{2}");
        check(r"\bno\B", r"(?-u)\bno\B");
        check(r"[^\w]", r"(?-u)[^\w\x81-\xff]");
        check("(a|é)*", r"(?-u)(?:a|\x82)*");
    }

    #[test]
    fn word_characters_are_known() {
        assert_eq!(alphabet(&[]).words().collect::<Vec<_>>(), [0x81]);
        assert_eq!(alphabet(&["é"]).words().collect::<Vec<_>>(), [0x81, 0x82]);
    }

    #[test]
    fn a_byte_has_room_for_so_many_kinds() {
        let text = |count: u32| ('一'..).take(count as usize).collect::<String>();
        let kinds = |count| Alphabet::new([&Hir::literal(text(count).into_bytes())]).is_some();
        assert!(kinds(KINDS_MAX as u32 - 2));
        assert!(!kinds(KINDS_MAX as u32 - 1));
    }
}
