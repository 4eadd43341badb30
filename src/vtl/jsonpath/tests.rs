//! Paths as Jayway 2.0.0 answers them, and as templates see them.

use proptest::prelude::*;
use serde_json::Value as Json;

use super::super::{Limits, json};
use super::*;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpora/jsonpath_jayway.jsonl");

const ORDER: &str = r#"{"id":"A","tags":["new","fragile"],"none":null,"ship":{"city":"Oslo","geo":{"lat":59.91}},
    "lines":[{"sku":"bolt","n":2,"price":1.25,"ok":true},{"sku":"nut","n":10,"price":0.5,"ok":false},{"n":"7"}]}"#;

/// As `$input.json` writes it; a missing value is `null`.
fn find(path: &str, document: &str) -> Result<String, String> {
    let mut heap = Heap::new(Limits::default());
    let root = json::parse(document, &mut heap).map_err(Fault::message)?;
    let path = Path::parse(path).map_err(|error| error.message)?;
    let value = path.find(&root, &mut heap).map_err(Fault::message)?;
    Ok(as_json(&value, &mut heap))
}

fn as_json<'a>(value: &Value<'a>, heap: &mut Heap<'a>) -> String {
    let mut out = String::new();
    heap.print_json(value, &mut out).unwrap();
    out
}

#[track_caller]
fn check(path: &str, expected: &str) {
    assert_eq!(find(path, ORDER).as_deref(), Ok(expected), "{path}");
}

#[track_caller]
fn refused(path: &str) {
    assert!(Path::parse(path).is_err(), "{path}");
}

/// What Jayway answers, in a form that two answers can be compared in.
#[derive(Debug, PartialEq)]
enum Answer {
    Result { value: Json, printed: String, definite: bool },
    NotFound,
    InvalidPath,
    Other,
}

fn answer_of_line(line: &Json) -> Answer {
    let answer = &line["jayway_2_0_0"];
    match answer["exception"].as_str() {
        None => Answer::Result {
            value: answer["result"].clone(),
            printed: answer["to_string"].as_str().unwrap_or("null").to_owned(),
            definite: answer["definite"].as_bool().unwrap(),
        },
        Some("PathNotFoundException") => Answer::NotFound,
        Some("InvalidPathException") => Answer::InvalidPath,
        Some(_) => Answer::Other,
    }
}

fn our_answer(path: &str, document: &str) -> Answer {
    let mut heap = Heap::new(Limits::default());
    let root = json::parse(document, &mut heap).unwrap();
    let Ok(path) = Path::parse(path) else { return Answer::InvalidPath };
    match path.evaluate(&root, &mut heap) {
        Ok(value) => {
            let mut printed = String::new();
            heap.print(&value, &mut printed).unwrap();
            let value = as_json(&value, &mut heap);
            Answer::Result { value: value.parse().unwrap(), printed, definite: path.definite() }
        }
        Err(Miss::NotFound) => Answer::NotFound,
        Err(Miss::Unfit(message)) if message.contains("[?]") => Answer::Other,
        Err(Miss::Unfit(_)) => Answer::InvalidPath,
        Err(Miss::Limit(fault)) => panic!("{fault}"),
    }
}

/// Numbers are compared as numbers: Python wrote `1e-10` where Java writes `1.0E-10`.
fn same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|((name, left), (other, right))| name == other && same(left, right))
        }
        _ => left == right,
    }
}

fn agree(ours: &Answer, jayways: &Answer) -> bool {
    match (ours, jayways) {
        (
            Answer::Result { value, printed, definite },
            Answer::Result { value: jayways, printed: text, definite: is_definite },
        ) => same(value, jayways) && printed == text && definite == is_definite,
        _ => ours == jayways,
    }
}

#[test]
fn plain_names_need_no_parsing() {
    let check = |path: &str, names: Option<&[&str]>| {
        assert_eq!(plain_names(path).map(Iterator::collect::<Vec<_>>).as_deref(), names, "{path}");
    };
    check("$", Some(&[]));
    check("$.a", Some(&["a"]));
    check("$.a_1.b-2.C", Some(&["a_1", "b-2", "C"]));
    for path in ["", "a", "$.", "$..a", "$.a.", "$.a..b", "$.a b", "$.a[0]", "$.é", "$.*", "$a"] {
        check(path, None);
    }
}

#[test]
fn every_answer_is_that_of_jayway_2_0_0() {
    let corpus = std::fs::read_to_string(CORPUS).unwrap();
    let mut different = Vec::new();
    let mut count = 0;
    for line in corpus.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let (path, document) = (line["path"].as_str().unwrap(), line["document_text"].as_str().unwrap());
        let (ours, jayways) = (our_answer(path, document), answer_of_line(&line));
        count += 1;
        if !agree(&ours, &jayways) {
            different.push(format!("{} {path}\n  ours    {ours:?}\n  jayways {jayways:?}", line["id"]));
        }
        // What a template sees is what Jayway gives when it is told not to throw.
        let suppressed = &line["jayway_2_0_0"]["result_suppressed"];
        let found = find(path, document).map(|found| found.parse::<Json>().unwrap());
        match (line["jayway_2_0_0"].get("result_suppressed"), found) {
            (Some(expected), Ok(found)) if same(expected, &found) => {}
            (None, Err(_)) => {}
            (_, found) => different.push(format!("{} {path} found {found:?}, not {suppressed}", line["id"])),
        }
    }
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.join("\n"));
    assert_eq!(count, 345);
}

#[test]
fn definite_paths_give_the_value() {
    check("$", find("$", ORDER).unwrap().as_str());
    check("$.id", r#""A""#);
    check("id", r#""A""#);
    check("@.id", r#""A""#);
    check("$.tags[0]", r#""new""#);
    check("$['ship']['city']", r#""Oslo""#);
    check("$.ship.geo.lat", "59.91");
    check("$.lines[(@.length-1)].n", r#""7""#);
    check("$.none", "null");
}

#[test]
fn what_is_not_there_is_null() {
    for path in
        ["$.nope", "$.nope.deep", "$.tags[9]", "$.id.nope", "$.id[0]", "$.ship[0]", "$.none.x", "$.none[0]"]
    {
        check(path, "null");
    }
}

#[test]
fn indefinite_paths_give_an_array() {
    check("$.lines[*].sku", r#"["bolt","nut"]"#);
    check("$..sku", r#"["bolt","nut"]"#);
    check("$..nope", "[]");
    check("$.tags[0,1]", r#"["new","fragile"]"#);
    check("$.tags[0,5]", r#"["new"]"#);
    check("$.tags[1:]", r#"["fragile"]"#);
    check("$.tags[:1]", r#"["new"]"#);
    check("$.tags[0:1]", r#"["new"]"#);
    check("$.tags[-1:]", r#"["fragile"]"#);
    check("$.tags[-2:-1]", r#"["new"]"#);
    check("$.ship.*", r#"["Oslo",{"lat":59.91}]"#);
    check("$.nope[*]", "[]");
    check("$.lines[?(@.ok)].sku", r#"["bolt","nut"]"#);
}

#[test]
fn filters_compare_by_what_stands_on_both_sides() {
    check("$.lines[?(@.n > 5)].sku", r#"["nut"]"#);
    // The text "7" is compared as a text.
    check("$.lines[?(@.n >= 2)].n", r#"[2,10,"7"]"#);
    check("$.lines[?(@.price == 0.50)].sku", r#"["nut"]"#);
    check("$.lines[?(@.sku == 'bolt')].n", "[2]");
    check("$.lines[?(@.sku != 'bolt')].n", r#"[10]"#);
    check("$.lines[?(@.ok == false)].sku", r#"["nut"]"#);
    check("$.lines[?(@.sku =~ /B.*/i)].n", "[2]");
    check("$.lines[?(@.sku =~ /o/)].n", "[]");
    check("$.lines[?(@.sku =~ /(?!n).*(.)\\1?t/)].n", "[2]");
    check("$.lines[?(!@.sku)].n", r#"["7"]"#);
    check("$.lines[?(@.sku && @.n < 5 || @.n == '7')].n", r#"[2,"7"]"#);
    check("$.lines[?(@.price < $.lines[0].price)].sku", r#"["nut"]"#);
    check("$.lines[?('x' == 'x')].sku", r#"["bolt","nut"]"#);
    check("$.lines[?(@.sku > 'c')].sku", r#"["nut"]"#);
    check("$.ship[?(@.city == 'Oslo')].geo.lat", "[59.91]");
    check("$..[?(@.lat)].lat", "[59.91]");
}

#[test]
fn null_is_less_than_all_and_equals_null() {
    let document = r#"[{"a":null},{"a":1},{"b":1}]"#;
    assert_eq!(find("$[?(@.a == null)]", document).unwrap(), r#"[{"a":null}]"#);
    assert_eq!(find("$[?(@.a != null)]", document).unwrap(), r#"[{"a":1}]"#);
    assert_eq!(find("$[?(@.a > null)]", document).unwrap(), r#"[{"a":1}]"#);
    assert_eq!(find("$[?(!@.a)]", document).unwrap(), r#"[{"a":null},{"b":1}]"#);
}

#[test]
fn numbers_compare_by_what_is_printed_of_them() {
    let document = "[0.1, 9007199254740993, 1.00000000000000000001, 12345678901234567890]";
    assert_eq!(find("$[?(@ == 0.1)]", document).unwrap(), "[0.1]");
    assert_eq!(find("$[?(@ == 9007199254740993)]", document).unwrap(), "[9007199254740993]");
    assert_eq!(find("$[?(@ == 9007199254740992)]", document).unwrap(), "[]");
    assert_eq!(
        find("$[?(@ > 1.000000000000000000009)]", document).unwrap(),
        "[9007199254740993,1.00000000000000000001,12345678901234567890]"
    );
}

#[test]
fn later_versions_count_from_the_end_and_have_functions() {
    check("$.tags[-1]", r#""fragile""#);
    check("$.lines.length()", "3");
    check("$.ship.size()", "2");
    check("$.ship.keys()", r#"["city","geo"]"#);
    check("$.tags.first()", r#""new""#);
    check("$.tags.last()", r#""fragile""#);
    check("$.id.length()", "null");
    assert_eq!(find("$.avg()", "[1,2,3]").unwrap(), "2.0");
    assert_eq!(find("$.min()", "[1,2,3]").unwrap(), "1.0");
    assert_eq!(find("$.max()", "[1,2,3]").unwrap(), "3.0");
    assert_eq!(find("$.sum()", "[1,2,3]").unwrap(), "6.0");
    assert_eq!(find("$.stddev()", "[1,3]").unwrap(), "1.0");
    assert_eq!(find("$.sum()", "[]").unwrap(), "null");
    assert_eq!(find("$.length()", r#"{"length()":"own"}"#).unwrap(), r#""own""#);
}

#[test]
fn what_jayway_does_not_understand_is_an_error() {
    for path in [
        "", " ", "$..", "$.sp ace", "$x", "$.[", "$['a'", "$[1", "$[\"a\"]", "$[]", "$[:]", "$[1,,2]",
        "$[--1]",
    ] {
        refused(path);
    }
    for path in [
        "$[?(@.a]",
        "$[?@.a]",
        "$[?(@.a in ['b'])]",
        "$[?(@..a)]",
        "$[?(1)]",
        "$[?(@.a =~ /(/)]",
        "$[?(@.a &&)]",
    ] {
        refused(path);
    }
    refused(&"$[?(@[?(".repeat(1000));
    refused("$[99999999999]");
}

#[test]
fn depth_and_work_are_bounded() {
    let document = format!("[{}]", vec!["[[1]]"; 90].join(","));
    let mut heap = Heap::new(Limits { steps: 1000, ..Limits::default() });
    let root = json::parse(&document, &mut heap).unwrap();
    let path = Path::parse("$..*..*..*..*..*..*").unwrap();
    assert_eq!(path.find(&root, &mut heap).unwrap_err().kind(), super::super::FaultKind::Limit);
    check("$.tags[-2147483648:5]", r#"["new","fragile","new","fragile"]"#);
    let long = format!("${}", ".a".repeat(100_000));
    assert_eq!(find(&long, r#"{"a":1}"#).unwrap(), "null");
}

#[test]
fn paths_can_be_shared_by_threads() {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<Path>();
}

#[test]
fn leading_names_can_be_told() {
    let check = |path: &str, expected: &str| {
        let path = Path::parse(path).unwrap();
        assert_eq!(path.leading_names().collect::<Vec<_>>().join(" "), expected);
    };
    check("$.a['b c'].d", "a b c d");
    check("$", "");
    check("$.a[0].b", "a");
    check("$.a.length()", "a");
    check("$..a", "");
}

proptest! {
    /// Made of what paths are made of, so that many are understood.
    #[test]
    fn no_path_is_too_odd(
        path in prop::collection::vec(
            prop::sample::select(vec![
                "$", ".", "..", "*", "[", "]", "[*]", "['", "']", "'", "?(", "[?(@", ")]", "@.n", " == ", " < ", " =~ /", "/",
                "&&", "||", "!", "lines", "tags", "sku", "n", "0", "1", "-1", ":", ",", " ", "(@.length-1)", "length()", "é",
            ]),
            0..12,
        ),
    ) {
        let path = path.concat();
        if let Ok(parsed) = Path::parse(&path) {
            let mut heap = Heap::new(Limits::default());
            let root = json::parse(ORDER, &mut heap).unwrap();
            let answer = parsed.evaluate(&root, &mut heap).map(|value| as_json(&value, &mut heap));
            let found = parsed.find(&root, &mut heap).map(|value| as_json(&value, &mut heap));
            // Where Jayway 2.0.0 has an answer, a template sees it.
            if let Ok(answer) = answer {
                prop_assert_eq!(found, Ok(answer), "{}", path);
            }
        }
    }
}
