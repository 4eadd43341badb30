//! What json-smart reads, and what it refuses.

use proptest::prelude::*;

use super::super::Limits;
use super::*;

/// The value as JSON, then as Java prints it.
fn read(text: &str) -> Result<(String, String), String> {
    let mut heap = Heap::new(Limits::default());
    let value = parse(text, &mut heap);
    let made = Text::Shared(text.into());
    let other = parse_text(&made, &mut heap);
    let printed = printed(value, &mut heap);
    assert_eq!(printed, self::printed(other, &mut heap), "{text}");
    printed
}

/// The same without what makes it fast.
fn read_at_once(text: &str) -> Result<(String, String), String> {
    let mut heap = Heap::new(Limits::default());
    let value = lenient::read(&Whole::Borrowed(text), &mut heap);
    printed(value, &mut heap)
}

fn printed<'a>(value: Result<Value<'a>, Fault>, heap: &mut Heap<'a>) -> Result<(String, String), String> {
    let value = value.map_err(Fault::message)?;
    let (mut json, mut java) = (String::new(), String::new());
    heap.print_json(&value, &mut json).map_err(Fault::message)?;
    heap.print(&value, &mut java).map_err(Fault::message)?;
    Ok((json, java))
}

#[track_caller]
fn check(text: &str, json: &str) {
    assert_eq!(read(text).map(|(found, _)| found).as_deref(), Ok(json), "{text}");
}

#[track_caller]
fn refused(text: &str) {
    assert!(read(text).is_err(), "{text} is {:?}", read(text));
}

#[test]
fn what_starts_no_json_value_is_a_string() {
    check("a=b", r#""a=b""#);
    check("not json", r#""not json""#);
    check("null{", r#""null{""#);
    check("true{", r#""true{""#);
    check("<xml/>", r#""<xml/>""#);
    check("a[", r#""a[""#);
    check("\tabc\n", r#""abc""#);
    check("", r#""""#);
    check("  ", r#""""#);
    check("1 2", r#""1 2""#);
    check("undefined", r#""undefined""#);
    check("\u{feff}{\"a\":1}", "\"\u{feff}{\\\"a\\\":1}\"");
    check(".5", r#"".5""#);
}

#[test]
fn words_without_quotes_are_strings_up_to_what_ends_them() {
    check("{a b:1}", r#"{"a b":1}"#);
    check(r#"{"a": b }"#, r#"{"a":"b"}"#);
    check("{'a':'b'}", r#"{"a":"b"}"#);
    check(r#"{"a":1 "b":2}"#, r#"{"a":"1 \"b\":2"}"#);
    check(r#"{"a":1;"b":2}"#, r#"{"a":"1;\"b\":2"}"#);
    check("[1 2]", r#"["1 2"]"#);
    check("[tru,True,NULL,NaN]", r#"["tru","True","NULL","NaN"]"#);
    check(r#"{"a":tr\u0075e}"#, r#"{"a":"tr\\u0075e"}"#);
    check("[+1, 1x, 1e, 1ex]", r#"["+1","1x","1e","1ex"]"#);
}

#[test]
fn commas_may_be_too_many_and_what_follows_the_value_is_lost() {
    check("[1,2,]", "[1,2]");
    check("[,1,,2]", "[1,2]");
    check(r#"{,"a":1,,"b":2,}"#, r#"{"a":1,"b":2}"#);
    check(r#"{"a":1}x"#, r#"{"a":1}"#);
    check("[1]]", "[1]");
    check(r#""x"y"#, r#""x""#);
    check(r#"["a" "b"]"#, r#"["a","b"]"#);
}

#[test]
fn what_starts_as_json_must_go_on_as_json() {
    for text in ["{", "[", "{a", "[a", "\"abc", r#"{"a":1"#, r#"["a""#, r#"{"a":[1,2}"#] {
        refused(text);
    }
    for text in [r#"{"a" "b"}"#, r#"{"a"=1}"#, r#"{"a":}"#, "{:1}", "[:]", "]", ":", r#"{"a":"b" "c":1}"#] {
        refused(text);
    }
    for text in [r#""\u12""#, r#""\u12g4""#, r#""\u+123""#, r#""\x4""#, r#""a\"#, r#"[1E+]"#, "[-.]"] {
        refused(text);
    }
}

#[test]
fn numbers_are_javas() {
    check("[7,2147483648,12345678901234567890]", "[7,2147483648,12345678901234567890]");
    check("[1.0,1e3,0.10,1.,-.5,1E400,-0,01,-]", "[1.0,1000.0,0.1,1.0,-0.5,null,0,1,0]");
    check("12 ", "12");
    check("1.12345678901234567890", "1.12345678901234567890");
    check(r#"{"a":0.000001}"#, r#"{"a":1.0E-6}"#);
    check("[1é]", r#"[1,"é"]"#);
    let mut heap = Heap::new(Limits::default());
    assert!(matches!(parse("1", &mut heap), Ok(Value::Integer(1))));
    assert!(matches!(parse("2147483648", &mut heap), Ok(Value::Long(2_147_483_648))));
    assert!(matches!(parse("123456789012345678901", &mut heap), Ok(Value::BigInteger(_))));
    assert!(matches!(parse("1.5", &mut heap), Ok(Value::Double(_))));
    assert!(matches!(parse("1.00000000000000000", &mut heap), Ok(Value::BigDecimal(_))));
}

#[test]
fn escapes_are_json_smarts() {
    check(r#""x\qy""#, r#""xy""#);
    check(r#""\t\n\r\b\f\/\\\"\'""#, r#""\t\n\r\b\f/\\\"'""#);
    check(r#""x\u00e9\/y""#, r#""xé/y""#);
    check(r#""\x41\éb""#, r#""Ab""#);
    check(r#""\ud83d\ude00 \ud83d!""#, "\"😀 \u{fffd}!\"");
    check("\"x\ny\"", r#""x\ny""#);
    check("\"x\ny\\\\\"", r#""xy\\""#);
}

#[test]
fn keys_keep_their_order_and_the_last_of_equals_counts() {
    check(r#"{"b":1,"a":2,"b":3}"#, r#"{"b":3,"a":2}"#);
    check(r#"{"":1}"#, r#"{"":1}"#);
}

#[test]
fn objects_print_as_maps_and_arrays_as_json() {
    assert_eq!(read(r#"{"foo":[{"a":"b"}]}"#).unwrap().1, r#"{foo=[{"a":"b"}]}"#);
    assert_eq!(read(r#"[{"a":"b"}]"#).unwrap().1, r#"[{"a":"b"}]"#);
}

#[test]
fn depth_and_memory_are_bounded() {
    let nested = "[".repeat(1000);
    let mut heap = Heap::new(Limits::default());
    assert_eq!(parse(&nested, &mut heap).unwrap_err().kind(), super::super::FaultKind::Limit);
    let many = format!("[{}]", "0,".repeat(100_000));
    let mut heap = Heap::new(Limits { memory_bytes: 1 << 20, ..Limits::default() });
    assert_eq!(parse(&many, &mut heap).unwrap_err().kind(), super::super::FaultKind::Limit);
}

#[test]
fn strings_without_escapes_are_parts_of_the_text() {
    let mut heap = Heap::new(Limits::default());
    let text = r#"{"a":"plain"}"#;
    let Ok(Value::Map(map)) = parse(text, &mut heap) else { panic!() };
    assert!(matches!(heap.map(map).named("a"), Some(Value::String(Text::Borrowed("plain")))));
}

/// All but U+007F, which json-smart drops from strings with escapes.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<i32>().prop_map(|number| (f64::from(number) / 1000.0).into()),
        "[^\\x7f]{0,8}".prop_map(Into::into),
        r#"["\\/\n\t'{}:,é😀\u{2028}]{0,8}"#.prop_map(Into::into),
        r#"([a-z ]{0,20}["\\/\né]{0,2}){0,4}"#.prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec(("[^\\x7f]{0,3}", inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn json_that_is_json_is_read_as_such(json in any_json()) {
        let (found, _) = read(&json.to_string()).unwrap();
        prop_assert_eq!(found.parse::<serde_json::Value>().unwrap(), json);
    }

    #[test]
    fn no_text_is_too_odd(text in r#"[\[\]{}:,"'\\ux0-9eE.+\-a\x1a é\n]{0,40}"#) {
        prop_assert_eq!(read(&text), read_at_once(&text));
    }

    #[test]
    fn what_is_read_when_needed_is_what_is_read_at_once(
        text in (any_json(), any::<bool>()).prop_map(|(json, spread)| match spread {
            true => format!("{json:#}"),
            false => json.to_string(),
        }),
        insert in r#"[\[\]{}:,"'\\un0-9eE.+\- \n]{0,2}"#,
        place in any::<prop::sample::Index>(),
    ) {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        let (before, behind) = text.split_at(*place.get(&places));
        let text = [before, &insert, behind].concat();
        prop_assert_eq!(read(&text), read_at_once(&text));
    }
}
