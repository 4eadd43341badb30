//! Sets of characters: `\d`, `\p{Alpha}`, and what is said between brackets.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::syntax::Case;

/// The characters from the first to the last of each pair.
pub fn of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(first, last)| ClassUnicodeRange::new(*first, *last)))
}

/// All but these.
pub fn negated(mut class: ClassUnicode) -> ClassUnicode {
    class.negate();
    class
}

/// With the letters that are the same in another case.
pub fn folded(mut class: ClassUnicode, case: Case) -> ClassUnicode {
    match case {
        Case::Exact => {}
        Case::Unicode => {
            // It fails only without the tables, which are built in.
            let _ = class.try_case_fold_simple();
        }
        Case::Ascii => {
            let mut letters = class.clone();
            letters.intersect(&of(&[('A', 'Z'), ('a', 'z')]));
            let other = |letter: char| {
                if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
            };
            let others = letters.ranges().iter();
            let others = others.map(|range| ClassUnicodeRange::new(other(range.start()), other(range.end())));
            // A range of letters may go from `Z` to `a` only in one piece of each case.
            class.union(&ClassUnicode::new(others));
        }
    }
    class
}

/// `\d`, `\w`, `\s`, `\h`, `\v`, and in upper case all others.
pub fn escape(letter: char, unicode: bool) -> Option<ClassUnicode> {
    let class = match (letter.to_ascii_lowercase(), unicode) {
        ('d', false) => of(&[('0', '9')]),
        ('d', true) => property("Nd")?,
        ('w', false) => of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        ('w', true) => union(&["Alphabetic", "M", "Nd", "Pc", "Join_Control"])?,
        ('s', false) => of(&[('\t', '\r'), (' ', ' ')]),
        ('s', true) => property("White_Space")?,
        ('h', _) => of(&[
            ('\t', '\t'),
            (' ', ' '),
            ('\u{a0}', '\u{a0}'),
            ('\u{1680}', '\u{1680}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{2000}', '\u{200a}'),
            ('\u{202f}', '\u{202f}'),
            ('\u{205f}', '\u{205f}'),
            ('\u{3000}', '\u{3000}'),
        ]),
        ('v', _) => line_breaks(),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { negated(class) } else { class })
}

/// `\v`: what `\R` takes beside `\r\n`.
pub fn line_breaks() -> ClassUnicode {
    of(&[('\n', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
}

/// What a dot does not match.
pub fn line_terminators() -> ClassUnicode {
    of(&[('\n', '\n'), ('\r', '\r'), ('\u{85}', '\u{85}'), ('\u{2028}', '\u{2029}')])
}

/// What `\b` stands beside: letters, digits, `_`.
pub fn word() -> ClassUnicode {
    let mut class = of(&[('_', '_')]);
    class.union(&union(&["L", "Nd"]).unwrap_or_else(ClassUnicode::empty));
    class
}

/// `\p{name}`. Java's names: POSIX classes of ASCII, `java…`, `Is…`, `In…`, `key=value`, and Unicode's categories.
pub fn named(name: &str, unicode: bool) -> Option<ClassUnicode> {
    if let Some((key, value)) = name.split_once('=') {
        return match key.to_ascii_lowercase().as_str() {
            "sc" | "script" => property(&format!("sc={value}")),
            "gc" | "general_category" => property(&format!("gc={value}")),
            "blk" | "block" => block(value),
            _ => None,
        };
    }
    if let Some(block_name) = name.strip_prefix("In") {
        return block(block_name);
    }
    if let Some(name) = name.strip_prefix("Is") {
        return binary(name)
            .or_else(|| category(name))
            .or_else(|| property(&format!("sc={name}")));
    }
    if let Some(question) = name.strip_prefix("java") {
        return java(question);
    }
    if unicode && let Some(class) = binary(name) {
        return Some(class);
    }
    posix(name).or_else(|| category(name))
}

fn posix(name: &str) -> Option<ClassUnicode> {
    Some(match name {
        "Lower" => of(&[('a', 'z')]),
        "Upper" => of(&[('A', 'Z')]),
        "ASCII" => of(&[('\0', '\u{7f}')]),
        "Alpha" => of(&[('A', 'Z'), ('a', 'z')]),
        "Digit" => of(&[('0', '9')]),
        "Alnum" => of(&[('0', '9'), ('A', 'Z'), ('a', 'z')]),
        "Punct" => of(&[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
        "Graph" => of(&[('!', '~')]),
        "Print" => of(&[(' ', '~')]),
        "Blank" => of(&[('\t', '\t'), (' ', ' ')]),
        "Cntrl" => of(&[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')]),
        "XDigit" => of(&[('0', '9'), ('A', 'F'), ('a', 'f')]),
        "Space" => of(&[('\t', '\r'), (' ', ' ')]),
        "all" => of(&[('\0', char::MAX)]),
        "L1" => of(&[('\0', '\u{ff}')]),
        "LD" => union(&["L", "Nd"])?,
        "LC" => union(&["Lu", "Ll", "Lt"])?,
        _ => return None,
    })
}

/// Properties that are there or not; also what `(?U)` makes of the POSIX classes.
fn binary(name: &str) -> Option<ClassUnicode> {
    match name.to_ascii_uppercase().replace('_', "").as_str() {
        "ALPHABETIC" | "ALPHA" => property("Alphabetic"),
        "LETTER" => property("L"),
        "IDEOGRAPHIC" => property("Ideographic"),
        "LOWERCASE" | "LOWER" => property("Lowercase"),
        "UPPERCASE" | "UPPER" => property("Uppercase"),
        "TITLECASE" => property("Lt"),
        "WHITESPACE" | "SPACE" => property("White_Space"),
        "CONTROL" | "CNTRL" => property("Cc"),
        "PUNCTUATION" | "PUNCT" => property("P"),
        "HEXDIGIT" | "XDIGIT" => union(&["Nd", "Hex_Digit"]),
        "ASSIGNED" => property("Cn").map(negated),
        "NONCHARACTERCODEPOINT" => property("Noncharacter_Code_Point"),
        "DIGIT" => property("Nd"),
        "ALNUM" => union(&["Alphabetic", "Nd"]),
        "BLANK" => union(&["Zs"]).map(|mut class| {
            class.union(&of(&[('\t', '\t')]));
            class
        }),
        "WORD" => escape('w', true),
        "JOINCONTROL" => property("Join_Control"),
        "EMOJI" => property("Emoji"),
        "GRAPH" => union(&["White_Space", "Cc", "Cn"]).map(negated),
        "PRINT" => {
            let mut class = union(&["White_Space", "Cc", "Cn"]).map(negated)?;
            class.union(&property("Zs")?);
            Some(class)
        }
        _ => None,
    }
}

/// Categories have one letter or two; longer names are not Java's.
fn category(name: &str) -> Option<ClassUnicode> {
    if name.len() <= 2 { property(&format!("gc={name}")) } else { None }
}

fn java(question: &str) -> Option<ClassUnicode> {
    match question {
        "LowerCase" => property("Lowercase"),
        "UpperCase" => property("Uppercase"),
        "TitleCase" => property("Lt"),
        "Alphabetic" => property("Alphabetic"),
        "Ideographic" => property("Ideographic"),
        "Digit" => property("Nd"),
        "Letter" => property("L"),
        "LetterOrDigit" => union(&["L", "Nd"]),
        "SpaceChar" => property("Z"),
        "Whitespace" => {
            let mut class = property("Z")?;
            class.difference(&of(&[('\u{a0}', '\u{a0}'), ('\u{2007}', '\u{2007}'), ('\u{202f}', '\u{202f}')]));
            class.union(&of(&[('\t', '\r'), ('\u{1c}', '\u{1f}')]));
            Some(class)
        }
        "ISOControl" => Some(of(&[('\0', '\u{1f}'), ('\u{7f}', '\u{9f}')])),
        "Defined" => property("Cn").map(negated),
        _ => None,
    }
}

/// The blocks that patterns name; Unicode has some three hundred.
fn block(name: &str) -> Option<ClassUnicode> {
    let name: String = name.chars().filter(|letter| !matches!(letter, ' ' | '_' | '-')).collect();
    Some(match name.to_ascii_lowercase().as_str() {
        "basiclatin" => of(&[('\0', '\u{7f}')]),
        "latin1supplement" => of(&[('\u{80}', '\u{ff}')]),
        "latinextendeda" => of(&[('\u{100}', '\u{17f}')]),
        "latinextendedb" => of(&[('\u{180}', '\u{24f}')]),
        "combiningdiacriticalmarks" => of(&[('\u{300}', '\u{36f}')]),
        "greek" | "greekandcoptic" => of(&[('\u{370}', '\u{3ff}')]),
        "cyrillic" => of(&[('\u{400}', '\u{4ff}')]),
        "hebrew" => of(&[('\u{590}', '\u{5ff}')]),
        "arabic" => of(&[('\u{600}', '\u{6ff}')]),
        "thai" => of(&[('\u{e00}', '\u{e7f}')]),
        "generalpunctuation" => of(&[('\u{2000}', '\u{206f}')]),
        "currencysymbols" => of(&[('\u{20a0}', '\u{20cf}')]),
        "hiragana" => of(&[('\u{3040}', '\u{309f}')]),
        "katakana" => of(&[('\u{30a0}', '\u{30ff}')]),
        "cjkunifiedideographs" => of(&[('\u{4e00}', '\u{9fff}')]),
        "hangulsyllables" => of(&[('\u{ac00}', '\u{d7af}')]),
        _ => return None,
    })
}

fn union(names: &[&str]) -> Option<ClassUnicode> {
    let mut class = ClassUnicode::empty();
    for name in names {
        class.union(&property(name)?);
    }
    Some(class)
}

/// A property as the tables of regex-syntax have it.
fn property(name: &str) -> Option<ClassUnicode> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '=');
    if !name.chars().all(is_name) {
        return None;
    }
    match regex_syntax::parse(&format!(r"\p{{{name}}}")).ok()?.kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class.clone()),
        _ => None,
    }
}
