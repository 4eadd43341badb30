//! Templates and bodies that want to run for ever, or to take all the memory there is. Tests hold their bounds, and
//! `cargo bench --bench templates` their time.

/// A template and the body it is rendered with.
pub struct Case {
    pub name: String,
    pub template: String,
    pub body: String,
}

fn case(name: impl Into<String>, template: impl Into<String>) -> Case {
    with_body(name, template, "")
}

fn with_body(name: impl Into<String>, template: impl Into<String>, body: impl Into<String>) -> Case {
    Case { name: name.into(), template: template.into(), body: body.into() }
}

/// A template that is refused: too deep, not closed, or too long.
pub fn malformed() -> Vec<Case> {
    let filled = |piece: &str| piece.repeat(300 * 1024 / piece.len());
    let opened = |begin: &str, piece: &str| {
        let mut text = [begin, &filled(piece)].concat();
        text.truncate(300 * 1024);
        text
    };
    vec![
        case("parentheses", opened("#if(", "(")),
        case("brackets", opened("#set($x = ", "[")),
        case("braces", opened("#set($x = ", "{")),
        case("map-in-map", opened("#set($x = ", "{'a':")),
        case("indexes", filled("$a[")),
        case("calls", filled("$a.b(")),
        case("conditions", filled("#if(true)")),
        case("loops", filled("#foreach($x in $y)")),
        case("else-ifs", opened("#if($x)", "#elseif($x)")),
        case("definitions", filled("#define($x)")),
        case("macros", filled("#macro(a)")),
        case("quotes", opened("#set($x = ", "\"")),
        case("strings-in-strings", opened("#set($x = \"", "#if(\"\"$x\"\"")),
        case("raw", filled("#[[")),
        case("block-comments", filled("#*")),
        case("sums", opened("#set($x = 1", " + (1")),
        case("ranges", opened("#set($x = ", "[1..")),
        case("ends", filled("#end")),
        case("long-number", format!("#set($x = {})$x ", "9".repeat(300_000))),
    ]
}

/// A template that parses and renders in time that is proportional to its length.
pub fn long() -> Vec<Case> {
    let filled = |piece: &str| piece.repeat(300 * 1024 / piece.len());
    vec![
        case("properties", format!("$a{} ", ".b".repeat(150_000))),
        case("dollars", format!("{} ", "$".repeat(300_000))),
        case("hashes", format!("{} ", "#".repeat(300_000))),
        case("backslashes", format!("{} ", "\\".repeat(300_000))),
        case("backslashes-before-a-name", format!("{}$x ", "\\".repeat(300_000))),
        case("backslashed-names", filled("\\$x\\#if ")),
        case("line-comments", filled("##\n")),
        case("newlines", filled("\n")),
        case("bare-names", filled("$x ")),
        case("many-names", (0..35_000).fold(String::new(), |text, number| text + &format!("$x{number} "))),
        case("unknown-directives", filled("#foo() ")),
        case("not-not", format!("#if({}true)yes#end ", "!".repeat(300_000))),
        case("alternatives", format!("#if(false{})yes#end ", " || false".repeat(30_000))),
        case("long-sum", format!("#set($x = 1{})$x ", "+ 1".repeat(100_000))),
        case("long-list", format!("#set($x = [1{}])$x ", ",1".repeat(150_000))),
        case("long-string", format!("#set($x = '{}')$x ", "x".repeat(300_000))),
        case("long-interpolation", format!("#set($x = \"{}\")$x ", "$y".repeat(150_000))),
        case("unicode", filled("é$é €😀")),
        case("brace-references", filled("${")),
    ]
}

/// A template that reaches a bound when it is rendered.
pub fn endless() -> Vec<Case> {
    let blocks = (0..100).fold(String::new(), |text, block| {
        text + &format!("#define($b{block})$b{next}$b{next}#end", next = block + 1)
    });
    let again = |set: &str| format!("#foreach($i in [1..1000])#foreach($j in [1..1000]){set}#end#end ");
    let list = "#set($l = [1..1000])";
    vec![
        case("define-itself", again("#define($d)$d$d x#end$d$d")),
        case("define-doubling", format!("{blocks}$b0 ")),
        case(
            "loop-of-loops",
            format!("{list}#foreach($a in $l)#foreach($b in $l)#foreach($c in $l)#end#end#end "),
        ),
        case(
            "loop-of-loops-printing",
            format!("{list}#foreach($a in $l)#foreach($b in $l)#foreach($c in $l)xxxxxxxx#end#end#end "),
        ),
        case(
            "doubled-string",
            format!("#set($s = '{}'){}", "x".repeat(100_000), again("#set($s = $s + $s)")),
        ),
        case("doubled-interpolation", format!("#set($s = 'x'){}", again("#set($s = \"$s$s\")"))),
        case("printed-again", format!("#set($s = '{}'){}", "x".repeat(200_000), again("$s"))),
        case("long-range", "#set($l = [1..2000000000])"),
        case("range-again", again("#set($l = [1..100000])")),
        case("range-backwards", again("#set($l = [100000..-100000])")),
        case("list-of-itself", format!("#set($l = [1]){}$l ", again("#set($x = $l.add($l))"))),
        case("list-added-to-itself", format!("#set($l = [1]){}", again("#set($x = $l.addAll($l))"))),
        case("lists-in-lists", "#set($l = [])#foreach($i in [1..900])#set($l = [$l, $l])#end$l "),
        case(
            "hash-of-lists-in-lists",
            "#set($l = [])#foreach($i in [1..90])#set($l = [$l, $l])#end$l.hashCode() ",
        ),
        case(
            "equal-lists-in-lists",
            "#set($l = [])#set($m = [])#foreach($i in [1..90])#set($l = [$l, $l])#set($m = [$m, $m])#end$l.equals($m) ",
        ),
        case("map-of-itself", format!("#set($m = {{}})#set($l = [$m, $m])#set($m.l = $l){}", again("$m"))),
        case("growing-map", format!("#set($m = {{}}){}", again("#set($x = $m.put(\"$i-$j\", $m))"))),
        case(
            "growing-map-of-numbers",
            format!("#set($m = {{}}){}", again("#set($k = $i * 1000 + $j)#set($x = $m.put($k, 1))")),
        ),
        with_body(
            "gets-after-removes",
            format!(
                "#set($m = $input.path('$')){}",
                again("#set($x = $m.remove(\"a$j\"))#set($x = $m.get('b'))")
            ),
            format!(
                "{{{}\"b\":1}}",
                (0..20_000).fold(String::new(), |text, n| text + &format!("\"a{n}\":1,"))
            ),
        ),
        case(
            "big-integer",
            again("#set($n = $n * $n)").replacen("#foreach", "#set($n = 99999999999999999999)#foreach", 1),
        ),
        case(
            "big-integer-printed",
            again("#set($n = $n * 99999999999999999999)$n").replacen(
                "#foreach",
                "#set($n = 99999999999999999999)#foreach",
                1,
            ),
        ),
        case(
            "character-arrays",
            format!("#set($s = '{}'){}", "x".repeat(100_000), again("#set($a = $s.toCharArray())")),
        ),
        case(
            "substrings",
            format!("#set($s = '{}'){}", "é".repeat(100_000), again("#set($a = $s.substring(1, 70000))")),
        ),
        case("replace-growing", format!("#set($s = 'aaaa'){}", again("#set($s = $s.replace('a', 'aa'))"))),
        case(
            "replace-all-growing",
            format!("#set($s = 'aaaa'){}", again("#set($s = $s.replaceAll('a', '$0$0'))")),
        ),
        case(
            "replace-nothing-growing",
            format!("#set($s = 'ab'){}", again("#set($s = $s.replaceAll('', $s))")),
        ),
        case(
            "split-again",
            format!("#set($s = '{}'){}", "x,".repeat(50_000), again("#set($a = $s.split(','))")),
        ),
        case(
            "index-of-again",
            format!("#set($s = '{}'){}", "ab".repeat(50_000), again("#set($a = $s.indexOf('abb'))")),
        ),
        case(
            "hash-again",
            format!("#set($s = '{}'){}", "ab".repeat(50_000), again("#set($a = $s.hashCode())")),
        ),
        case(
            "upper-again",
            format!("#set($s = '{}'){}", "aé".repeat(50_000), again("#set($a = $s.toUpperCase())")),
        ),
        case(
            "equals-again",
            format!("#set($s = '{0}')#set($t = '{0}'){1}", "ab".repeat(50_000), again("#if($s == $t)#end")),
        ),
        case("escape-growing", format!("#set($s = '\"'){}", again("#set($s = $util.escapeJavaScript($s))"))),
        case("url-encode-growing", format!("#set($s = '%'){}", again("#set($s = $util.urlEncode($s))"))),
        case("base64-growing", format!("#set($s = '%'){}", again("#set($s = $util.base64Encode($s))"))),
        case(
            "format-again",
            again("#set($s = $f.format('%09999d', 1))").replacen("#foreach", "#set($f = '')#foreach", 1),
        ),
        with_body(
            "parse-again",
            again("#set($x = $util.parseJson($input.body))"),
            format!("[{}]", "[],".repeat(20_000) + "1"),
        ),
        with_body(
            "parse-odd-again",
            again("#set($x = $util.parseJson($input.body))"),
            format!("[{}]", "x,".repeat(20_000)),
        ),
        with_body(
            "json-again",
            again("$input.json('$')"),
            format!("[{}]", "\"\\u00e9\",".repeat(10_000) + "1"),
        ),
        with_body(
            "deep-path",
            "$input.path('$..*..*..*..*') ",
            format!("[{}1]", "[[[[[[1,2],[3]]]]]],".repeat(2_000)),
        ),
        with_body("path-again", again("$input.path('$..a')"), format!("[{}1]", r#"{"a":1},"#.repeat(5_000))),
        with_body(
            "filter-in-path",
            again("$input.path('$..[?(@.a == @.a)]')"),
            format!("[{}1]", r#"{"a":1},"#.repeat(5_000)),
        ),
    ]
}

/// Patterns that backtrack without end, called in every way.
pub fn regexes() -> Vec<Case> {
    let text = "a".repeat(5_000);
    let mut cases = Vec::new();
    for (name, pattern) in [
        ("nested-plus", "(a+)+b"),
        ("twice-plus", "(a+a+)+y"),
        ("nested-star", "((a*)*)*b"),
        ("alternatives", "(a|a)*b"),
        ("back-reference", r"(a*)*\1b"),
        ("nested-back-reference", r"((a+)\2)+c"),
        ("look-ahead", "(?=(a+)+b)a"),
        ("look-behind", "a*(?<=(a{1,50}){1,50}b)"),
        ("negative-look-ahead", "(?!(a+)+b)a{6000}"),
        ("counted", "(a{1,1000}){1,1000}b"),
        ("many-groups", "(a*)(a*)(a*)(a*)(a*)(a*)b"),
        ("lazy", "(a+?)+?b"),
        ("any-case", "(?i)(A+)+B"),
    ] {
        let again =
            |call: &str| format!("#set($s = '{text}')#foreach($i in [1..1000])#set($x = $s.{call})#end ");
        cases.push(case(format!("{name}-matches"), again(&format!("matches('{pattern}')"))));
        cases.push(case(format!("{name}-replaceAll"), again(&format!("replaceAll('{pattern}', 'x')"))));
        cases.push(case(format!("{name}-replaceFirst"), again(&format!("replaceFirst('{pattern}', 'x')"))));
        cases.push(case(format!("{name}-split"), again(&format!("split('{pattern}')"))));
    }
    cases
}

/// Nests far deeper than any bound, or is far wider than a template has a use for.
pub fn bodies() -> Vec<Case> {
    let nested = |begin: &str, end: &str| format!("{}1{}", begin.repeat(100_000), end.repeat(100_000));
    let all = "$input.path('$')$input.json('$') ";
    vec![
        with_body("arrays-in-arrays", all, nested("[", "]")),
        with_body("objects-in-objects", all, nested(r#"{"a":"#, "}")),
        with_body("odd-objects-in-objects", all, nested("{a:", "}")),
        with_body("opened-only", all, "[".repeat(1_000_000)),
        with_body("parsed-by-the-template", "$util.parseJson($input.body) ", nested("[", "]")),
        with_body("many-arrays", all, format!("[{}1]", "[],".repeat(3_000_000))),
        with_body("many-numbers", all, format!("[{}1]", "0,".repeat(5_000_000))),
        with_body(
            "many-members",
            "$input.path('$').b ",
            format!(
                "{{{}}}",
                (0..500_000).fold(String::new(), |text, n| text + &format!("\"a{n}\":1,")) + "\"b\":1"
            ),
        ),
        with_body("long-number", all, format!("[{}]", "9".repeat(1_000_000))),
        with_body("long-fraction", all, format!("[0.{}]", "9".repeat(1_000_000))),
    ]
}

/// Odd, but all of it can be printed.
pub fn odd_bodies() -> Vec<Case> {
    let all = "$input.path('$')$input.json('$') ";
    vec![
        with_body("equal-keys", all, format!("{{{}\"a\":1}}", "\"a\":1,".repeat(5_000))),
        with_body("great-exponent", all, "[1.000000000000000000000e999999999]"),
        with_body("backslashes", all, format!("[\"{}\"]", "\\\\".repeat(50_000))),
        with_body("units", all, format!("[\"{}\"]", "\\ud83d\\ude00".repeat(10_000))),
        with_body("slashes", all, format!("[\"{}\"]", "/".repeat(50_000))),
        with_body("blanks", all, format!("[{0}1{0}]", " ".repeat(200_000))),
        with_body("odd-in-many", all, format!("[{}1.50]", "{\"a\":[1.50]},".repeat(2_000))),
    ]
}
