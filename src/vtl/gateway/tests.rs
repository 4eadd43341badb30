//! Templates with the objects of API Gateway, line by line as recorded.

use serde_json::Value as Json;

use super::super::{FaultKind, Limits, Template};
use super::*;

/// What a template prints, and the overrides it leaves.
fn render(template: &str, inputs: &Inputs<'_>) -> Result<(String, Overrides, [Option<String>; 2]), String> {
    let limits = Limits::default();
    let template = Template::parse(template, &limits).map_err(|error| format!("parse: {error}"))?;
    let mut heap = Heap::new(limits);
    let mut variables = Variables::new(inputs);
    let mut out = String::new();
    template
        .render(&mut heap, |name, heap| variables.named(name, heap), &mut out)
        .map_err(|error| format!("runtime: {error}"))?;
    let overrides = variables.overrides(&mut heap).unwrap();
    Ok((out, overrides, variables.overrides_as_json(&mut heap).unwrap()))
}

#[track_caller]
fn check(template: &str, body: &str, expected: &str) {
    let inputs = Inputs { body, ..Inputs::default() };
    let printed = render(template, &inputs).map(|(printed, ..)| printed);
    assert_eq!(printed.as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn fails(template: &str, body: &str) {
    let inputs = Inputs { body, ..Inputs::default() };
    assert!(render(template, &inputs).is_err_and(|error| error.starts_with("runtime")), "{template}");
}

fn overrides(template: &str) -> Overrides {
    render(template, &Inputs::default()).unwrap().1
}

#[test]
fn the_body_is_the_text_as_it_came_or_an_empty_object() {
    check("$input.body", " {\"a\": 1.00}\n", " {\"a\": 1.00}\n");
    check("$input.body", "", "{}");
    check("[$input.body.foo] [$input] [$input.path] [$input.nope()]", "{}", "[] [] [] []");
}

#[test]
fn a_path_gives_the_value_and_json_its_text() {
    let body = r#"{"s":"q\"/é","n":1.50,"z":null,"l":[{"a":"x/y"}]}"#;
    check("$input.path('$.s') $input.json('$.s')", body, r#"q"/é "q\"/é""#);
    check("$input.path('$.n') $input.json('n')", body, "1.5 1.5");
    check("[$input.path('$.z')] $input.json('$.z') $input.json('$.nope')", body, r#"[] "" """#);
    check("$input.path('$.l') $input.json('$.l')", body, r#"[{"a":"x\/y"}] [{"a":"x/y"}]"#);
    check("$input.path('$.l[*].a').size() [$input.path(5)] [$input.path()]", body, "1 [] []");
}

#[test]
fn the_body_is_parsed_once_and_shared() {
    check("#set($b = $input.path('$'))#set($b.x = 2)$input.json('$')", r#"{"a":1}"#, r#"{"a":1,"x":2}"#);
    check("#set($r = $input.path('$.l').add(2))$input.path('$.l')", r#"{"l":[1]}"#, "[1,2]");
}

#[test]
fn bad_paths_and_bad_json_are_errors() {
    fails("$input.path('$.sp ace')", "{}");
    fails("$input.path('')", "{}");
    fails("$input.path($nope)", "{}");
    fails("$input.json('$')", "{\"a\":");
    fails("$input.json('$')", "null");
    fails("$util.parseJson('{')", "");
    fails("$util.base64Decode('!!!')", "");
    fails("$util.urlDecode('%4')", "");
    check("$input.body", "{\"a\":", "{\"a\":");
}

#[test]
fn a_path_with_a_pattern_is_kept() {
    let body = r#"{"l":["ab","b"]}"#;
    check("#foreach($i in [1..900])$input.path('$.l[?(@ =~ /a.*/)]')[0]#end", body, &"ab".repeat(900));
}

#[test]
fn params_are_looked_for_in_path_query_and_header() {
    let inputs = Inputs {
        params: Params {
            path: vec![("id", "42")],
            querystring: vec![("id", "query"), ("q", "1"), ("q", "2")],
            header: vec![("X-Trace", "abc")],
        },
        ..Inputs::default()
    };
    let printed = |template: &str| render(template, &inputs).unwrap().0;
    assert_eq!(printed("$input.params('id') $input.params('q')"), "42 2");
    assert_eq!(printed("$input.params('X-Trace') [$input.params('x-trace')]"), "abc []");
    assert_eq!(
        printed("$input.params()"),
        "{path={id=42}, querystring={id=query, q=2}, header={X-Trace=abc}}"
    );
    assert_eq!(printed("$input.params().header.get('X-Trace')"), "abc");
    assert_eq!(printed("#set($n = $input.params('q') + 1)$n"), "21");
}

#[test]
fn util_changes_text() {
    check(
        r#"$util.escapeJavaScript($input.path('$'))"#,
        r#""q\"u' b\\s/\n\r\t\b\f\u0001\u007f""#,
        "q\\\"u\\' b\\\\s\\/\\n\\r\\t\\b\\f\\u0001\u{7f}",
    );
    check("$util.escapeJavaScript('é✓😀')", "", r"\u00E9\u2713\uD83D\uDE00");
    check(
        "$util.escapeJavaScript('0123456789abcdef/0123456789abcde/0123456789abcdef0123é/')",
        "",
        r"0123456789abcdef\/0123456789abcde\/0123456789abcdef0123\u00E9\/",
    );
    check("$util.urlEncode('a b&c=é~*-._')", "", "a+b%26c%3D%C3%A9%7E*-._");
    check("$util.urlDecode('a+b%26c%3D%C3%A9')", "", "a b&c=é");
    check(
        "$util.base64Encode('café') $util.base64Decode('Y2Fmw6k=') $util.base64Decode('Y2Fmw6k')",
        "",
        "Y2Fmw6k= café café",
    );
    check(r#"#set($o = $util.parseJson('{"a":[1,"x"]}'))$o $o.a[1]"#, "", r#"{a=[1,"x"]} x"#);
    check("$util.parseJson($input.path('$.e')).code", r#"{"e":"{\"code\": \"E1\"}"}"#, "E1");
    check(
        "[$util.urlEncode(5)] [$util.urlEncode('a', 'b')] [$util.nope('a')] [$util.toJson('a')]",
        "",
        "[] [] [] []",
    );
}

/// What OpenJDK 17 does.
#[test]
fn base64_and_forms_are_decoded_as_in_java() {
    check("$util.base64Decode('YQ') $util.base64Decode('YQ==') $util.base64Decode('YR==')", "", "a a a");
    check("[$util.base64Decode('')] $util.base64Decode('YWI') $util.base64Decode('YWI=')", "", "[] ab ab");
    for text in ["YQ=", "YQ===", "Y", "Y Q==", "YWJj=", "=", "YQ==YQ==", "-_8="] {
        fails(&format!("$util.base64Decode('{text}')"), "");
    }
    check(
        "$util.urlDecode('%C3%28') $util.urlDecode('é+%20') $util.urlDecode('%c3%a9')",
        "",
        "\u{fffd}( é   é",
    );
    for text in ["%4", "%zz", "%-1", "a%"] {
        fails(&format!("$util.urlDecode('{text}')"), "");
    }
}

#[test]
fn native_templates_have_to_json() {
    let inputs = Inputs { body: r#"{"a":[1,{"b":null}]}"#, native: true, ..Inputs::default() };
    assert_eq!(render("$util.toJson($input.path('$'))", &inputs).unwrap().0, inputs.body);
}

#[test]
fn context_prints_its_leaves_only() {
    let identity = Node::Branch(vec![("sourceIp", Node::Text("192.0.2.1"))]);
    let context = vec![
        ("stage", Node::Text("dev")),
        ("identity", identity),
        ("time", Node::Integer(1_736_417_472_000)),
    ];
    let inputs = Inputs { context, ..Inputs::default() };
    let printed = |template: &str| render(template, &inputs).unwrap().0;
    assert_eq!(
        printed("$context.stage $context.identity.sourceIp [$context.identity] [$context.nope.x]"),
        "dev 192.0.2.1 [] []"
    );
    assert_eq!(printed("#set($t = $context.time + 1)$t"), "1736417472001");
    assert_eq!(
        printed("#foreach($k in $context.keySet())$k #end"),
        "stage identity time requestOverride responseOverride "
    );
    assert_eq!(
        printed("#foreach($k in $context.requestOverride.keySet())$k #end"),
        "path header querystring "
    );
}

#[test]
fn stage_variables_are_a_map() {
    let inputs = Inputs { stage_variables: vec![("host", "h"), ("flag-x", "on")], ..Inputs::default() };
    let printed = render(
        "$stageVariables.host $stageVariables.flag-x $stageVariables['host'] [$stageVariables.no]",
        &inputs,
    );
    assert_eq!(printed.unwrap().0, "h on h []");
}

#[test]
fn a_status_is_a_whole_number_from_100_to_599() {
    let status =
        |value: &str| overrides(&format!("#set($context.responseOverride.status = {value})")).response;
    assert_eq!(status("404").status, Some(404));
    assert_eq!(status("'404'").status, Some(404));
    for (value, printed) in
        [("99", "99"), ("600", "600"), ("''", ""), ("'4xx'", "4xx"), ("404.0", "404.0"), ("true", "true")]
    {
        assert_eq!(status(value).status, None, "{value}");
        assert_eq!(status(value).ignored_status.as_deref(), Some(printed), "{value}");
    }
    assert_eq!(overrides("$context.stage"), Overrides::default());
}

#[test]
fn overrides_are_read_after_the_render() {
    let found = overrides(
        r#"#set($context.responseOverride.header["X-Id"] = 7)#set($context.responseOverride.header.Many = ["a", "b"])
        #set($context.responseOverride.header.X-Id = "last")
        #set($context.requestOverride.path.id = "9")$context.requestOverride.querystring.put("q", "v")
        #set($context.requestOverride.header = {"h": "w"})"#,
    );
    let entry = |name: &str, values: &[&str]| {
        (name.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())
    };
    assert_eq!(found.response.headers, [entry("X-Id", &["last"]), entry("Many", &["a", "b"])]);
    assert_eq!(found.request.path, [entry("id", &["9"])]);
    assert_eq!(found.request.querystring, [entry("q", &["v"])]);
    assert_eq!(found.request.headers, [entry("h", &["w"])]);
}

#[test]
fn an_object_of_the_body_can_be_the_overrides() {
    let inputs = Inputs { body: r#"{"status": 404, "header": {"a": "b"}}"#, ..Inputs::default() };
    let (_, found, _) = render("#set($context.responseOverride = $input.path('$'))", &inputs).unwrap();
    assert_eq!(found.response.status, Some(404));
    assert_eq!(found.response.headers, [("a".to_owned(), vec!["b".to_owned()])]);
}

#[test]
fn overrides_of_an_earlier_template_stay() {
    let given =
        r#"{"responseOverride": {"status": 444, "header": {"a": "b"}, "custom": "x"}}"#.parse().unwrap();
    let Node::Branch(context) = Node::from(&given) else { panic!() };
    let inputs = Inputs { context, ..Inputs::default() };
    let (_, found, [response, request]) = render("nothing", &inputs).unwrap();
    assert_eq!(found.response.status, Some(444));
    assert_eq!(response.unwrap(), r#"{"status":444,"header":{"a":"b"},"custom":"x"}"#);
    assert_eq!(request, None);
    let (printed, found, _) =
        render("$context.responseOverride.custom#set($context.responseOverride.status = 201)", &inputs)
            .unwrap();
    assert_eq!((printed.as_str(), found.response.status), ("x", Some(201)));
}

#[test]
fn a_deep_context_ends_at_a_bound() {
    let mut node = Node::Null;
    for _ in 0..200 {
        node = Node::Branch(vec![("a", node)]);
    }
    let inputs = Inputs { context: vec![("a", node)], ..Inputs::default() };
    let mut heap = Heap::new(Limits::default());
    let result = Variables::new(&inputs).named("context", &mut heap);
    assert!(result.is_err_and(|fault| fault.kind() == FaultKind::Limit));
}

fn pairs(object: &Json) -> Pairs<'_> {
    object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

fn inputs_of(inputs: &Json) -> Inputs<'_> {
    let context = match Node::from(&inputs["context"]) {
        Node::Branch(members) => members,
        _ => Vec::new(),
    };
    let params = &inputs["params"];
    Inputs {
        body: inputs["body"].as_str().unwrap_or_default(),
        params: Params {
            path: pairs(&params["path"]),
            querystring: pairs(&params["querystring"]),
            header: pairs(&params["header"]),
        },
        context,
        stage_variables: pairs(&inputs["stageVariables"]),
        native: false,
        values: None,
    }
}

/// The lines of a file of test data; the newest ones where they lie beside the project.
fn lines(copy: &str, original: &str) -> Vec<Json> {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{root}/../shared/{original}"));
    let text = text.or_else(|_| std::fs::read_to_string(format!("{root}/tests/{copy}"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What differs from a line of the golden file.
fn difference(line: &Json) -> Option<String> {
    let result = render(line["template"].as_str().unwrap(), &inputs_of(&line["inputs"]));
    let (printed, _, [response, request]) = match (result, line.get("error")) {
        // What Velocity finds when a template is first used, is found at load here.
        (Err(_), Some(expected)) if expected["kind"] == "runtime" => return None,
        (Err(error), Some(_)) if error.starts_with("parse") => return None,
        (Err(error), _) => return Some(error),
        (Ok((printed, ..)), Some(error)) => return Some(format!("{printed:?} instead of {error}")),
        (Ok(result), None) => result,
    };
    if printed != line["output"] {
        return Some(format!("{printed:?} instead of {}", line["output"]));
    }
    for (name, found) in [("responseOverride", response), ("requestOverride", request)] {
        let found: Option<Json> = found.map(|text| text.parse().unwrap());
        if found.as_ref() != line.get(name) {
            return Some(format!("{name} is {found:?} instead of {:?}", line.get(name)));
        }
    }
    None
}

/// Lines that this crate answers otherwise on purpose; COMPATIBILITY.md says why.
const EXCEPTIONS: &[&str] = &[];

#[test]
fn templates_answer_as_the_golden_file_has_it() {
    let mut different = Vec::new();
    let mut count = 0;
    for line in lines("golden/vtl-public.jsonl", "golden/vtl-public.jsonl") {
        let id = line["id"].as_str().unwrap();
        if line["basis"] == "jvm" || EXCEPTIONS.contains(&id) {
            continue;
        }
        count += 1;
        different
            .extend(difference(&line).map(|difference| format!("{id} {} {difference}", line["template"])));
    }
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.join("\n"));
    assert!(count > 850, "{count}");
}

#[test]
fn templates_print_what_aws_printed() {
    let mut different = Vec::new();
    let mut count = 0;
    for line in lines("corpora/vtl_aws_recorded.jsonl", "corpora/vtl_aws_recorded.jsonl") {
        if line["aws_recorded"] != true {
            continue;
        }
        count += 1;
        // The recording passed the body on to the response template in a path parameter.
        let path = Node::Branch(vec![("body", Node::Text(line["post_body"].as_str().unwrap()))]);
        let context = vec![("requestOverride", Node::Branch(vec![("path", path)]))];
        let result = render(
            line["response_template_on_aws"].as_str().unwrap(),
            &Inputs { context, ..Inputs::default() },
        );
        let matches = match &result {
            Err(_) => false,
            Ok((printed, ..)) if line.get("aws_output_json").is_some() => {
                printed.parse::<Json>().is_ok_and(|printed| printed == line["aws_output_json"])
            }
            Ok((printed, ..)) if line["ignore_whitespaces"] == true => {
                let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                words(printed) == words(line["aws_output"].as_str().unwrap())
            }
            Ok((printed, ..)) => *printed == line["aws_output"],
        };
        if !matches {
            let printed = result.map(|(printed, ..)| printed);
            different.push(format!(
                "{} {} {printed:?} instead of {}",
                line["id"], line["template"], line["aws_output"]
            ));
        }
    }
    assert!(different.is_empty(), "{} of {count} differ:\n{}", different.len(), different.join("\n"));
    assert!(count > 100, "{count}");
}

#[test]
fn values_stand_in_for_the_body_that_holds_them() {
    let names = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (code, text, items) = (names("error.code"), names("error.text"), names("items"));
    let values = vec![
        Known { names: &code, json: "404" },
        Known { names: &text, json: r#""no such \"order\"""# },
        Known { names: &items, json: r#"[{"id": 1}, {"id": 2}]"# },
    ];
    let inputs = Inputs { body: "not this", values: Some(values), ..Inputs::default() };
    let check = |template: &str, expected: &str| {
        assert_eq!(render(template, &inputs).unwrap().0, expected, "{template}");
    };
    check("$input.path('$.error.code') $input.json('$.error.text')", r#"404 "no such \"order\"""#);
    check("$input.path('$.items[1].id') $input.json('$.items')", r#"2 [{"id":1},{"id":2}]"#);
    check("[$input.path('$.error.nothing')$input.path('$.nothing')]", "[]");
}

#[test]
fn native_templates_find_headers_in_any_case() {
    let params = Params { header: vec![("x-id", "7")], path: vec![("X-Id", "1")], ..Params::default() };
    let inputs = Inputs { params, native: true, ..Inputs::default() };
    let check = |name: &str, expected: &str| {
        assert_eq!(render(&format!("$input.params('{name}')"), &inputs).unwrap().0, expected);
    };
    check("X-ID", "7");
    check("X-Id", "1");
    check("x-id", "7");
}
