//! What templates and bodies are made of.

/// What means something to the scanner.
#[rustfmt::skip]
pub const PIECES: &[&str] = &[
    "$", "$!", "${", "$x", "$x.y", "$x.y(", "$x[", "}", ")", "]", "(", "[", "{", "#", "##", "#*", "*#", "#[[", "]]#", "#set(", "#set($x = ", "#if(", "#elseif(", "#else", "#{else}", "#end", "#foreach($e in ", "#define($d)", "$d", "#literal()", "#macro(m)", "#stop", "#break", "#foo(", "#parse(", "\\", "\"", "'", "\"$x\"", "1", "-1", "..", ".", ",", ":", "=", "==", "&&", "+", "!", "true", "in", " ", "\n", "\r\n", "é", "€", "[1..3]", "\\u00e9"
];

/// Values as a template writes them.
#[rustfmt::skip]
pub const LITERALS: &[&str] = &[
    "1", "0", "-1", "7", "2147483647", "9223372036854775807", "99999999999999999999", "1.5", "-0.0", "1e300",
    "true", "false", "''", "'a'", "\"b$a\"", "'é😀'", "'a,b,c'", "'(a+)+b'", "'%5d|%s'", "'%1000000d'", "'aaaaaaaa'",
    "[]", "{}", "[1, 2, 3]", "[1..5]", "[3..-3]", "{'a': 1, 'b': [1, {'c': 2}]}", "['b', 'a', 1.5, true]",
    "\"#if($a)x#end\"", "\"#foreach($e in [1..3])$e#end\"",
];

/// Paths into a body.
#[rustfmt::skip]
pub const PATHS: &[&str] = &[
    "$", "$.a", "$.b", "$.a.b", "$.list", "$.list[0]", "$.list[*].a", "$..a", "$..*", "$.list[?(@.a > 1)]", "$['a']",
    "$.list.length()", "$.missing.a", "$.list[-1]", "$.a.", "$[", "list[1:2]", "$..list[?(@.a =~ /(a+)+b/)]",
];

/// Words of a body, odd ones too.
#[rustfmt::skip]
pub const JSON: &[&str] = &[
    "1", "-0", "12.50", "0.0001", "1e5", "12345678", "12345678.5", "2147483648", "123456789012345678901234567890",
    "1.00000000000000000001", "true", "false", "null", r#""a""#, r#""""#, r#""é😀""#, r#""\u00e9\ud83d\ude00\n""#,
    r#""a/b\/c""#, r#""x\\\"y""#, "[]", "{}", "word", "'single'", "01", "-", "1 2", r#""\u20""#, "\u{1a}", r#""\x41\q""#,
    "\"a\tb\"", "\"a\\\tb\"", "\"\u{2028}\u{85}\u{7f}\"", "\"\\n\u{7f}\"",
];

/// Keys of objects.
pub const KEYS: &[&str] = &["a", "b", "list", "A", "é", r"\u0061", "", "a b", r#"\"a"#];
