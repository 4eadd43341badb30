use super::*;
use crate::vtl::{FaultKind, Limits};

// What follows was found by `java.util.regex` of Java 17.

/// Every match with its groups: `ab(a,b)`, `-` for a group that took no part.
#[track_caller]
fn check(pattern: &str, text: &str, expected: &[&str]) {
    let (regex, mut heap) = (JavaRegex::new(pattern).unwrap(), Heap::new(Limits::default()));
    let mut found = Vec::new();
    let shown =
        |place: &Option<(usize, usize)>| place.map_or("-", |(begin, end)| text.get(begin..end).unwrap());
    let each = regex.each_match(text, &mut heap, |_, groups, _| {
        let inner: Vec<_> = groups[1..].iter().map(shown).collect();
        let inner = if inner.is_empty() { String::new() } else { format!("({})", inner.join(",")) };
        found.push(shown(&groups[0]).to_owned() + &inner);
        Ok(More::Yes)
    });
    assert_eq!(each, Ok(()));
    assert_eq!(found, expected, "{pattern} in {text:?}");
}

#[test]
fn classes_have_javas_operators() {
    check("[a-z&&[^b]]+", "abcabb", &["a", "ca"]);
    check("[]a]+", "a]", &["a]"]);
    check("[^]a]", "a]b", &["b"]);
    check("[a-]+", "a-b", &["a-"]);
    check("[a-[b-c]]+", "a-bc", &["a-bc"]);
    check("[a&b]+", "a&b", &["a&b"]);
    check("[a&&]", "a&", &["a"]);
    check(r"[\w&&[^\d]]+", "a1_", &["a", "_"]);
    check("[^a&&b]+", "abc", &["abc"]);
    check("[a-d&&b-e&&c]", "abcde", &["c"]);
    check(r"[^\W_]+", "a_b", &["a", "b"]);
    check(r"[\Qab-\E]+", "a-", &["a-"]);
    check("[[:alpha:]]+", "a:l", &["a:l"]);
}

#[test]
fn escapes_are_of_ascii_unless_told() {
    check(r"\w+", "éa", &["a"]);
    check(r"(?U)\w+", "éa", &["éa"]);
    check(r"\d", "٣3", &["3"]);
    check(r"(?U)\d", "٣", &["٣"]);
    check(r"\h+\v", "a \u{a0}\n", &[" \u{a0}\n"]);
    check(r"\p{Alpha}+", "aé1", &["a"]);
    check(r"\p{L}+", "aé1", &["aé"]);
    check(r"\p{IsLatin}+", "éя", &["é"]);
    check(r"\p{InGreek}", "aα", &["α"]);
    check(r"\p{javaLowerCase}+", "aAß", &["a", "ß"]);
    check(r"\P{Lu}", "Aa", &["a"]);
    check(r"\pN", "a1", &["1"]);
    check(r"\p{Punct}+", "a!?", &["!?"]);
    check(r"\x41\u0042\x{43}\0104", "ABCD", &["ABCD"]);
    check(r"\uD83D\uDE00+", "😀😀", &["😀😀"]);
}

#[test]
fn case_is_ignored_in_ascii_unless_told() {
    check("(?i)ä|b", "ÄB", &["B"]);
    check("(?iu)ä", "Ä", &["Ä"]);
    check("(?i)[a-c]+", "ABCd", &["ABC"]);
    check("(?i)[^a]", "Aab", &["b"]);
    check("(?i:a)b", "Ab AB", &["Ab"]);
    check("a(?i)b|c", "aB C", &["aB", "C"]);
    check("(a(?i)b)c", "aBc aBC", &["aBc(aB)"]);
    check(r"(?i)(a)\1", "aA", &["aA(a)"]);
}

#[test]
fn lines_end_as_in_java() {
    check(".+", "a\rb\u{85}c\u{2028}d", &["a", "b", "c", "d"]);
    check("(?s).+", "a\nb", &["a\nb"]);
    check("(?d).+", "a\rb\nc", &["a\rb", "c"]);
    check("a$", "a\r\n", &["a"]);
    check("a$", "a\n\n", &[]);
    check("^a", "b\na", &[]);
    check("(?m)^.*$", "a\nb\r\nc\n", &["a", "b", "c"]);
    check(r"\R", "a\r\nb\nc", &["\r\n", "\n"]);
    check(r"a\Z", "a\n", &["a"]);
    check(r"a\z", "a\n", &[]);
    check("(?m)^", "", &[]);
}

#[test]
fn what_stands_around_is_looked_at() {
    check("(?<=a|bc)d", "ad bcd xd", &["d", "d"]);
    check("(?<!a{1,3})b", "ab b", &["b"]);
    check("(?<=a+)b", "aab", &["b"]);
    check("a(?=b(?!c))", "abc abe", &["a"]);
    check("(?!a).", "aba", &["b"]);
    check(r"\bhi\b", "hi hip é-hi", &["hi", "hi"]);
    check(r"\Bb", "ab b", &["b"]);
    check(r"\G\d", "12a3", &["1", "2"]);
    check("(?=(b))b", "ab", &["b(b)"]);
}

#[test]
fn quantifiers_are_greedy_lazy_or_possessive() {
    check("a{2,3}", "aaaaa", &["aaa", "aa"]);
    check("a{2,3}?", "aaaaa", &["aa", "aa"]);
    check("a++b", "aab", &["aab"]);
    check("a*+a", "aaa", &[]);
    check("(?:ab)*+a", "ababa", &["ababa"]);
    check("(?>a|ab)c", "abc", &[]);
    check("a{2}{3}", "aaaaaa", &["aa", "aa", "aa"]);
    check("(a*)*", "aab", &["aa()", "()", "()"]);
    check("(a|)+", "aa", &["aa()", "()"]);
    check("(?:a?)*?b", "aab", &["aab"]);
    check("(a(b)?)+", "aba", &["aba(a,b)"]);
    check("x*", "axb", &["", "x", "", ""]);
}

#[test]
fn groups_are_numbered_and_named() {
    check("(a)|(b)", "ab", &["a(a,-)", "b(-,b)"]);
    check(r"(?<n>a)\k<n>", "aa", &["aa(a)"]);
    check(r"(\w+)\s\1", "the the", &["the the(the)"]);
    check(r"(a)\2", "aa", &[]);
    check(r"\1", "a", &[]);
    check(r"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)\10", "abcdefghijj", &["abcdefghijj(a,b,c,d,e,f,g,h,i,j)"]);
    check(r"(a)\10", "aa0", &["aa0(a)"]);
}

#[test]
fn quotes_and_comments_are_left_out() {
    check(r"\Qa.b\E+", "a.bbb", &["a.bbb"]);
    check(r"\Q(", "(", &["("]);
    check("(?x) a b # c\n c", "abc", &["abc"]);
    check(r"(?x)a\ b[ c]", "a bc", &["a bc"]);
}
#[test]
fn a_full_match_takes_the_branch_that_reaches_the_end() {
    let check = |pattern: &str, text: &str, expected: bool| {
        let meter = &mut Meter::new(Limits::default());
        let matches = JavaRegex::new(pattern).unwrap().is_full_match(text, meter);
        assert_eq!(matches, Ok(expected), "{pattern} {text:?}");
    };
    check("4|404", "404", true);
    check("a*?", "aaa", true);
    check("a|ab|abc", "abcd", false);
    check("(?x)a # b", "a", true);
    check("a$", "a\n", false);
    check(".*", "a\nb", false);
    check("", "", true);
}

#[test]
fn mistakes_are_told_with_their_place() {
    let check = |pattern: &str, message: &str| {
        assert_eq!(JavaRegex::new(pattern).unwrap_err().to_string(), message, "{pattern}");
    };
    check("(", "unclosed group near index 1");
    check(")", "unmatched closing `)` near index 0");
    check("[a", "unclosed character class near index 2");
    check("*a", "dangling meta character `*` near index 0");
    check("a**", "dangling meta character `*` near index 2");
    check("{", "illegal repetition near index 1");
    check("a{3,2}", "illegal repetition range near index 5");
    check("a{1", "unclosed counted closure near index 3");
    check("a{99999999999}", "illegal repetition range near index 11");
    check("[b-a]", "illegal character range near index 4");
    check("\\", "unexpected end after a backslash near index 1");
    check(r"\y", "illegal or unsupported escape sequence near index 2");
    check(r"[\b]", "illegal escape `\\b` in a character class near index 3");
    check(r"\p{Foo}", "unknown character property `Foo` near index 7");
    check(r"\k<x>", "no group is named `x` near index 5");
    check("(?<a>b)(?<a>c)", "group `a` is defined twice near index 12");
    check("(?z)", "unknown inline modifier near index 2");
    check("(?<=(ab)*)c", "look-behind group does not have an obvious maximum length near index 9");
    check(&"(".repeat(200), "groups nested deeper than 100 near index 100");
    check(&"[".repeat(200), "classes nested deeper than 100 near index 101");
    check(&"a".repeat(30_000), "pattern too long near index 0");
}

fn text<'a>(value: Result<Value<'a>, Fault>, heap: &mut Heap<'a>) -> String {
    let mut out = String::new();
    match value {
        Ok(value) if matches!(value, Value::List(_)) => {
            let parts = heap.items(&value).unwrap();
            parts.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join("|")
        }
        Ok(value) => {
            heap.print(&value, &mut out).unwrap();
            out
        }
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn matches_are_replaced_as_in_java() {
    let check = |subject: &str, pattern: &str, replacement: &str, all: &str, first: &str| {
        let heap = &mut Heap::new(Limits::default());
        let subject = Text::Shared(subject.into());
        let replaced = replace_all(&subject, pattern, replacement, heap);
        assert_eq!(text(replaced, heap), all);
        let replaced = replace_first(&subject, pattern, replacement, heap);
        assert_eq!(text(replaced, heap), first);
    };
    check("aXbX", "X", "-", "a-b-", "a-bX");
    check("abc", "", "-", "-a-b-c-", "-abc");
    check("baac", "x*", "-", "-b-a-a-c-", "-baac");
    check("abc", "b*", "-", "-a--c-", "-abc");
    check("ab", "(a)|(b)", "<$1$2>", "<a><b>", "<a>b");
    check("it\\'s", "\\\\'", "'", "it's", "it's");
    check("2020-01", r"(?<y>\d+)-(\d+)", "$2/${y}", "01/2020", "01/2020");
    check("a.b", r"\.", "\\$", "a$b", "a$b");
    check("abc", "z", "$9", "abc", "abc");
    check("abc", "b", "$9", "replacement `$9`: there is no group 9", "replacement `$9`: there is no group 9");
}

#[test]
fn texts_are_split_as_in_java() {
    let check = |subject: &str, pattern: &str, limit: i32, expected: &str| {
        let heap = &mut Heap::new(Limits::default());
        let parts = split(&Text::Shared(subject.into()), pattern, limit, heap);
        assert_eq!(text(parts, heap), expected, "{subject} {pattern} {limit}");
    };
    check("a,b,,c,,", ",", 0, "a|b||c");
    check("a,b,,c,,", ",", -1, "a|b||c||");
    check("a,b,,c,,", ",", 2, "a|b,,c,,");
    check("a,b,,c,,", ",", 1, "a,b,,c,,");
    check("a,b", ",", 9, "a|b");
    check(",a", ",", 0, "|a");
    check("abc", "", 0, "a|b|c");
    check("abc", "(?=b)", 0, "a|bc");
    check("abc", "(?=a)", 0, "abc");
    check("", ",", 0, "");
    check("a1b22c", r"\d+", 0, "a|b|c");
    check("boo:and:foo", "o", 0, "b||:and:f");
    check("boo:and:foo", "o", 5, "b||:and:f||");
    let heap = &mut Heap::new(Limits::default());
    let parts = split(&Text::Borrowed(",,,"), ",", 0, heap).unwrap();
    assert_eq!(heap.items(&parts).unwrap().len(), 0);
}

/// Patterns that take a backtracking engine longer than anyone waits.
#[test]
fn patterns_that_backtrack_without_end_are_found_out() {
    let (long, digits) = ("a".repeat(40), "1".repeat(5_000));
    let answered = |pattern: &str, subject: &str| {
        let meter = &mut Meter::new(Limits::default());
        let regex = JavaRegex::new(pattern).unwrap();
        let found = regex.find_at(subject, 0, 0, meter);
        let full = regex.is_full_match(subject, meter);
        (found.map(|found| found.is_some()).map_err(|fault| fault.kind()), full.map_err(|fault| fault.kind()))
    };
    // The linear engine answers for those that it can take.
    for pattern in ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){20}b", "([a-z]+)*!", "(?:a?){40}a{40}b"] {
        assert_eq!(answered(pattern, &long), (Ok(false), Ok(false)), "{pattern}");
    }
    assert_eq!(answered("(x+x+)+y|1*2", &digits), (Ok(false), Ok(false)));
    // The others end at the bound.
    for pattern in [r"(a+)+\1b", "(?=(a|aa)+$b)c|(a|a)*+(a|aa)*(?<=b)", r"((a|aa)+)+(?!a)b"] {
        let (found, full) = answered(pattern, &long);
        assert!([found, full].contains(&Err(FaultKind::Limit)), "{pattern}");
    }
}

#[test]
fn a_search_that_starts_again_at_every_place_ends_at_the_bound() {
    let heap = &mut Heap::new(Limits::default());
    let subject = Text::Shared("a".repeat(1_000_000).into());
    for pattern in [".*[^a-z]|[a-z]", "(?=.*b)a", "(a*)*b", ".*.*=.*", r"(.)(?=.*\1b)"] {
        match replace_all(&subject, pattern, "-", heap) {
            Err(fault) => assert_eq!(fault.kind(), FaultKind::Limit),
            Ok(value) => assert_eq!(value.as_str().map(str::len), Some(1_000_000), "{pattern}"),
        }
    }
}

#[test]
fn both_engines_find_the_same() {
    let patterns =
        ["a|ab", "(a+)(b?)", "x*", "(a|b)*c", "[^a]+?", "a{2,3}", "^a|b$", "(?i)AB", "(a(b)?)+", "é|."];
    for pattern in patterns {
        let regex = JavaRegex::new(pattern).unwrap();
        for subject in ["", "abcabb", "aaab", "xxé😀", "bca", "ABab"] {
            let meter = &mut Meter::new(Limits::default());
            let java = regex.find_at(subject, 0, 0, meter).unwrap();
            let linear = regex.linear.find_at(subject, 0, regex.groups, meter).unwrap();
            assert_eq!(java, linear, "{pattern} {subject}");
            let full = regex.linear.is_full_match(subject, meter);
            assert_eq!(regex.is_full_match(subject, meter), full, "{pattern} {subject}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_pattern_panics(pattern in r"[ab.*+?{}()|\[\]\\^$&\-0-9,<>=!:kpQEiRX\n]{0,24}", subject in r"[ab\né😀]{0,12}") {
        if let Ok(regex) = JavaRegex::new(&pattern) {
            let mut heap = Heap::new(Limits::default());
            let _ = regex.is_full_match(&subject, &mut heap.meter);
            let _ = split(&Text::Borrowed(&subject), &pattern, 0, &mut heap);
            let _ = replace_all(&Text::Borrowed(&subject), &pattern, "$0", &mut heap);
        }
    }
}
