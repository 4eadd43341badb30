//! Definitions that are broken everywhere, or want to take all the time and memory there is. Tests hold that they are
//! refused with all that is wrong, and `cargo bench --bench apigateway` how long that takes at 6 MB.

use std::fmt::Write as _;

/// A definition, and how many errors are to be told at least.
pub struct Case {
    pub name: &'static str,
    pub text: String,
    pub errors: usize,
}

const HEAD: &str = "openapi: 3.0.1\ninfo: { title: t }\n";

/// A text of about `bytes`, with a piece for each number, and how many pieces that are.
fn many(before: &str, bytes: usize, after: &str, piece: impl Fn(usize) -> String) -> (String, usize) {
    let mut text = before.to_owned();
    let mut count = 0;
    while text.len() + after.len() + 200 < bytes {
        text.push_str(&piece(count));
        count += 1;
    }
    text.push_str(after);
    (text, count)
}

/// An operation at `/pN` with this integration; on one line.
fn operation(number: usize, rest: &str, integration: &str) -> String {
    format!(
        "  /p{number}: {{ get: {{ responses: {{ 200: {{}} }}, {rest} x-amazon-apigateway-integration: {integration} }} }}\n"
    )
}

/// What a mock without a mistake says.
const MOCK: &str =
    "{ type: mock, requestTemplates: { a/b: x }, responses: { default: { statusCode: 200 } } }";

/// A mistake at the end of what would be right, if long.
const LAST: &str = "x-amazon-apigateway-binary-media-types: a\n";

fn operations(name: &'static str, bytes: usize, integration: impl Fn(usize) -> String) -> Case {
    let (text, errors) =
        many(&format!("{HEAD}paths:\n"), bytes, "", |number| operation(number, "", &integration(number)));
    Case { name, text, errors }
}

/// A mistake in every operation.
pub fn broken(bytes: usize) -> Vec<Case> {
    vec![
        operations("wrong-types", bytes, |_| "[]".to_owned()),
        operations("no-integration", bytes, |_| "null".to_owned()),
        operations("no-uri", bytes, |_| "{ type: http, httpMethod: GET }".to_owned()),
        operations("unknown-types", bytes, |number| format!("{{ type: http{number} }}")),
        operations("bad-uris", bytes, |number| {
            format!("{{ type: http, httpMethod: GET, uri: 'ftp://h{number}' }}")
        }),
        operations("bad-patterns", bytes, |number| {
            format!(
                "{{ type: mock, requestTemplates: {{ a/b: x }}, responses: {{ '{number}(': {{ statusCode: 200 }} }} }}"
            )
        }),
        operations("bad-templates", bytes, |number| {
            format!(
                "{{ type: mock, requestTemplates: {{ a/b: '{number} #if(' }}, responses: {{ default: {{ statusCode: 200 }} }} }}"
            )
        }),
        operations("bad-mappings", bytes, |number| {
            format!(
                "{{ type: mock, requestParameters: {{ integration.request.header.a: '{number}' }}, requestTemplates: {{ a/b: x }}, responses: {{ default: {{ statusCode: 200 }} }} }}"
            )
        }),
        operations("bad-json-paths", bytes, |number| {
            format!(
                "{{ type: mock, requestParameters: {{ integration.request.header.a: 'method.request.body.$[?{number}' }}, requestTemplates: {{ a/b: x }}, responses: {{ default: {{ statusCode: 200 }} }} }}"
            )
        }),
        gateway_responses(bytes),
        validators(bytes),
        paths(bytes),
        parameters(bytes),
        keys_given_twice(bytes),
        templates_on_one_line(bytes),
        block_template(bytes),
    ]
}

fn gateway_responses(bytes: usize) -> Case {
    let (text, errors) =
        many(&format!("{HEAD}paths: {{}}\nx-amazon-apigateway-gateway-responses:\n"), bytes, "", |number| {
            format!("  TYPE_{number}: {{ statusCode: 200 }}\n")
        });
    Case { name: "unknown-gateway-responses", text, errors }
}

/// Names of validators that are all but those that there are.
fn validators(bytes: usize) -> Case {
    let (flags, _) = many("x-amazon-apigateway-request-validators:\n", bytes / 2, "", |number| {
        format!("  validator-{number}a: {{ validateRequestBody: true }}\n")
    });
    let (text, errors) = many(&format!("{HEAD}{flags}paths:\n"), bytes, "", |number| {
        let rest = format!("x-amazon-apigateway-request-validator: validator-{number}b,");
        operation(number, &rest, MOCK)
    });
    Case { name: "unknown-validators", text, errors }
}

fn paths(bytes: usize) -> Case {
    let (text, errors) = many(&format!("{HEAD}paths:\n"), bytes, "", |number| {
        format!("  /{}{{b}}c{number}: {{}}\n", "a/".repeat(50))
    });
    Case { name: "bad-paths", text, errors }
}

/// One operation with all the parameters, each of them wrong and each in the way of all others.
fn parameters(bytes: usize) -> Case {
    let before = format!("{HEAD}paths:\n  /a:\n    parameters:\n");
    let after =
        format!("    get: {{ responses: {{ 200: {{}} }}, x-amazon-apigateway-integration: {MOCK} }}\n");
    let (text, errors) = many(&before, bytes, &after, |number| {
        format!("      - {{ name: n{number}, in: nowhere }}\n      - {{ name: n{number}, in: header }}\n")
    });
    Case { name: "bad-parameters", text, errors }
}

fn keys_given_twice(bytes: usize) -> Case {
    // They are warnings, and what is left of them has an error.
    let (text, _) = many(&format!("{HEAD}paths:\n"), bytes, "", |_| "  /orders: []\n".to_owned());
    Case { name: "keys-given-twice", text, errors: 1 }
}

/// JSON without a line's end, as exports of scripts have it.
fn templates_on_one_line(bytes: usize) -> Case {
    let (mut text, errors) = many(
        r#"{"openapi": "3.0.1", "info": {"title": "t"}, "paths": {"#,
        bytes,
        "",
        |number| {
            format!(
                r##""/p{number}": {{"get": {{"responses": {{"200": {{}}}}, "x-amazon-apigateway-integration": {{"type": "mock", "requestTemplates": {{"a/b": "{number}\n#if("}}, "responses": {{"default": {{"statusCode": 200}}}}}}}}}}, "##
            )
        },
    );
    text.push_str(r#""/x": {}}}"#);
    Case { name: "bad-templates-on-one-line", text, errors }
}

/// Templates of many lines, wrong at the end of each.
fn block_template(bytes: usize) -> Case {
    let lines = |number: usize| format!("                line {number}\n").repeat(bytes / 100 / 25);
    let (text, errors) = many(&format!("{HEAD}paths:\n"), bytes, "", |number| {
        format!(
            "  /p{number}:\n    get:\n      responses: {{ 200: {{}} }}\n      x-amazon-apigateway-integration:\n        type: mock\n        responses: {{ default: {{ statusCode: 200 }} }}\n        requestTemplates:\n          a/b: |\n{}                #if(\n",
            lines(number)
        )
    });
    Case { name: "bad-templates-of-many-lines", text, errors }
}

/// What is short to write and long to carry out.
pub fn bombs(bytes: usize) -> Vec<Case> {
    vec![
        aliases(),
        anchors_in_anchors(bytes),
        merged_maps(bytes),
        merged_again(bytes),
        keys_after_a_merge(bytes),
        deep(bytes),
        shared_parameters(bytes),
        shared_media_types(bytes),
        open_braces("open-braces-of-gateway-responses", bytes, "${", |text| {
            format!(
                "{HEAD}paths: []\nx-amazon-apigateway-gateway-responses: {{ DEFAULT_4XX: {{ responseTemplates: {{ a/b: '{text}' }} }} }}\n"
            )
        }),
        open_braces("open-braces-of-uris", bytes, "{", |text| {
            let integration = format!("{{ type: http, httpMethod: 'a b', uri: 'http://h/{text}' }}");
            format!("{HEAD}paths:\n{}", operation(0, "", &integration))
        }),
        open_braces("open-braces-of-substitutions", bytes, "${", |text| {
            format!("{TEMPLATE}!Sub '{text}'\n      DefinitionBody: []\n")
        }),
        open_braces("open-braces-of-variables", bytes, "${self:", |text| {
            format!("service: '{text}'\nprovider: {{ name: aws }}\nfunctions: {{}}\n")
        }),
        long_words(bytes),
        long_reference_chain(bytes),
        references(bytes),
        reference_loops(bytes),
        models_of_models(bytes),
        models_twice_over(),
        schema_patterns(bytes),
        nested_patterns(bytes),
        counted_patterns(bytes),
        conditions(),
        substitutions(),
        joined(bytes),
        function_names(),
        variables(),
        variable_trees(bytes),
    ]
}

fn aliases() -> Case {
    let mut text = format!("{HEAD}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{list}]");
    }
    Case { name: "aliases-of-aliases", text, errors: 1 }
}

/// Every anchor keeps a copy.
fn anchors_in_anchors(bytes: usize) -> Case {
    let mut text = format!("{HEAD}a: ");
    (0..50).for_each(|level| _ = write!(text, "&a{level} ["));
    let (mut text, _) = many(&text, bytes, "", |_| "x, ".to_owned());
    text.push('x');
    text.push_str(&"]".repeat(50));
    Case { name: "anchors-in-anchors", text: text + "\npaths: []\n", errors: 1 }
}

fn merged_maps(bytes: usize) -> Case {
    let (text, _) = many(&format!("{HEAD}a: &a\n"), bytes / 2, "b:\n", |number| format!("  a{number}: 1\n"));
    let (text, _) = many(&text, bytes, "  <<: *a\npaths: []\n", |number| format!("  b{number}: 1\n"));
    Case { name: "merged-maps", text, errors: 1 }
}

fn merged_again(bytes: usize) -> Case {
    let (text, _) = many(&format!("{HEAD}a: &a\n"), bytes, "", |number| format!("  a{number}: 1\n"));
    let again = "  <<: *a\n".repeat(3);
    Case { name: "merged-again", text: format!("{text}b:\n{again}paths: []\n"), errors: 1 }
}

fn keys_after_a_merge(bytes: usize) -> Case {
    let (text, _) =
        many(&format!("{HEAD}a: &a {{ x: 1 }}\nb:\n  <<: *a\n"), bytes, "paths: []\n", |number| {
            format!("  a{number}: 1\n")
        });
    Case { name: "keys-after-a-merge", text, errors: 1 }
}

fn deep(bytes: usize) -> Case {
    Case { name: "deep", text: format!("{HEAD}a: {}", "[".repeat(bytes / 2)), errors: 1 }
}

/// A path with many parameters that stands for many paths.
fn shared_parameters(bytes: usize) -> Case {
    let (paths, _) = many(&format!("{HEAD}paths:\n"), bytes / 2, "", |number| {
        format!("  /p{number}: {{ $ref: '#/components/x/a' }}\n")
    });
    let before = format!(
        "{paths}components:\n  x:\n    a:\n      get: {{ x-amazon-apigateway-integration: {MOCK} }}\n      parameters:\n"
    );
    let (text, _) =
        many(&before, bytes, LAST, |number| format!("        - {{ name: n{number}, in: query }}\n"));
    Case { name: "shared-parameters", text, errors: 1 }
}

/// A body parameter whose model is for many media types, in many operations.
fn shared_media_types(bytes: usize) -> Case {
    let (paths, _) = many(&format!("{HEAD}paths:\n"), bytes / 2, "", |number| {
        operation(number, "parameters: [{ name: b, in: body, schema: {} }],", MOCK)
    });
    let (text, _) = many(&format!("{paths}consumes:\n"), bytes, LAST, |number| format!("  - a/b{number}\n"));
    Case { name: "shared-media-types", text, errors: 1 }
}

/// Braces that are opened and never closed.
fn open_braces(name: &'static str, bytes: usize, brace: &str, text: impl Fn(&str) -> String) -> Case {
    Case { name, text: text(&brace.repeat(bytes / brace.len() - 100)), errors: 1 }
}

/// Words of which each is nearly a known one, and very long.
fn long_words(bytes: usize) -> Case {
    let word = "x".repeat(bytes / 20);
    let text = format!(
        "{HEAD}x-amazon-apigateway-request-validators: {{ '{word}a': {{ validateRequestBody: true }} }}\npaths:\n"
    );
    let (text, errors) = many(&text, bytes, "", |number| {
        operation(number, &format!("x-amazon-apigateway-request-validator: '{word}b',"), MOCK)
    });
    Case { name: "long-words", text, errors }
}

/// A request model whose schema leads through all others.
fn long_reference_chain(bytes: usize) -> Case {
    let (schemas, count) = many("components:\n  schemas:\n", bytes, "", |number| {
        format!("    M{number}: {{ $ref: '#/components/schemas/M{}' }}\n", number + 1)
    });
    let text = format!("{HEAD}paths:\n{}{schemas}    M{count}: []\n", enforced(0, "M0"));
    let text = format!("{text}{VALIDATOR}");
    Case { name: "long-reference-chain", text, errors: 1 }
}

const VALIDATOR: &str = "x-amazon-apigateway-request-validators: { body: { validateRequestBody: true } }\n";

/// An operation whose bodies are held against a model.
fn enforced(number: usize, model: &str) -> String {
    let rest = format!(
        "x-amazon-apigateway-request-validator: body, requestBody: {{ content: {{ a/b: {{ schema: {{ $ref: '#/components/schemas/{model}' }} }} }} }},"
    );
    operation(number, &rest, MOCK)
}

/// As many references as things that they may point at.
fn references(bytes: usize) -> Case {
    let (paths, _) = many(&format!("{HEAD}paths:\n"), bytes / 2, "", |number| {
        format!("  /p{number}: {{ $ref: '#/components/x/a{}' }}\n", number * 2)
    });
    let (text, _) = many(&format!("{paths}components:\n  x:\n"), bytes, "    last: {}\n", |number| {
        format!("    a{number}: {{}}\n")
    });
    Case { name: "references", text: text + LAST, errors: 1 }
}

fn reference_loops(bytes: usize) -> Case {
    let (paths, errors) = many(&format!("{HEAD}paths:\n"), bytes / 2, "", |number| {
        format!("  /p{number}: {{ $ref: '#/components/x/a{}' }}\n", number % 20)
    });
    let mut text = format!("{paths}components:\n  x:\n");
    for number in 0..20 {
        let _ = writeln!(text, "    a{number}: {{ $ref: '#/components/x/a{}' }}", (number + 1) % 20);
    }
    Case { name: "reference-loops", text, errors }
}

/// Every model holds the next, and every one is asked for: each is all that follow it.
fn models_of_models(bytes: usize) -> Case {
    let (paths, count) = many(&format!("{HEAD}{VALIDATOR}paths:\n"), bytes / 4 * 3, "", |number| {
        enforced(number, &format!("M{number}"))
    });
    let mut text = format!("{paths}components:\n  schemas:\n");
    for number in 0..count {
        let next = (number + 1) % count;
        let _ = writeln!(
            text,
            "    M{number}: {{ properties: {{ a: {{ $ref: '#/components/schemas/M{next}' }} }} }}"
        );
    }
    text.push_str(LAST);
    Case { name: "models-of-models", text, errors: 1 }
}

/// Every model holds the next one twice.
fn models_twice_over() -> Case {
    let mut text = format!("{HEAD}{VALIDATOR}paths:\n{}components:\n  schemas:\n", enforced(0, "M0"));
    for number in 0..60 {
        let next = format!("{{ $ref: '#/components/schemas/M{}' }}", number + 1);
        let _ = writeln!(text, "    M{number}: {{ properties: {{ a: {next}, b: {next} }} }}");
    }
    Case { name: "models-twice-over", text: format!("{text}    M60: {{}}\n{LAST}"), errors: 1 }
}

/// Models whose patterns are large when compiled.
fn schema_patterns(bytes: usize) -> Case {
    let (paths, count) = many(&format!("{HEAD}{VALIDATOR}paths:\n"), bytes / 3 * 2, "", |number| {
        enforced(number, &format!("M{number}"))
    });
    let mut text = format!("{paths}components:\n  schemas:\n");
    for number in 0..count {
        let _ = writeln!(text, "    M{number}: {{ pattern: '^(\\w{{20}}{number}){{40}}$' }}");
    }
    text.push_str(LAST);
    Case { name: "patterns-of-models", text, errors: 1 }
}

/// Long patterns in which every group can be left out.
fn nested_patterns(bytes: usize) -> Case {
    let long = |number: usize| format!("{}{number}{}", "(a?".repeat(400), ")*".repeat(400));
    operations("nested-patterns", bytes, |number| {
        format!(
            "{{ type: mock, requestTemplates: {{ a/b: x }}, responses: {{ '{}': {{ statusCode: 2000 }} }} }}",
            long(number)
        )
    })
}

fn counted_patterns(bytes: usize) -> Case {
    operations("counted-patterns", bytes, |number| {
        format!(
            "{{ type: mock, requestTemplates: {{ a/b: x }}, responses: {{ '((\\w{{1000}}){{1000}}){{1000}}{number}': {{ statusCode: 2000 }} }} }}"
        )
    })
}

const TEMPLATE: &str =
    "Resources:\n  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: ";

/// Each condition asks the next one eight times.
fn conditions() -> Case {
    let mut text = format!("{TEMPLATE}{{ 'Fn::If': [C0, a, b] }}\n      DefinitionBody: {{}}\nConditions:\n");
    for number in 0..16 {
        let next = number + 1;
        let conditions = vec![format!("{{ Condition: C{next} }}"); 8].join(", ");
        let _ = writeln!(text, "  C{number}: {{ 'Fn::And': [{conditions}] }}");
    }
    Case { name: "conditions", text: text + "  C16: { 'Fn::Equals': [a, a] }\n", errors: 1 }
}

/// Each text holds the one within it twice.
fn substitutions() -> Case {
    let mut stage = "x".to_owned();
    for _ in 0..18 {
        stage = format!("{{ 'Fn::Sub': ['${{a}}${{a}}${{a}}${{a}}', {{ a: {stage} }}] }}");
    }
    Case {
        name: "substitutions",
        text: format!("{TEMPLATE}{stage}\n      DefinitionBody: {{}}\n"),
        errors: 1,
    }
}

/// A long text, many times over.
fn joined(bytes: usize) -> Case {
    let (body, _) =
        many("      DefinitionBody:\n        x-a:\n", bytes / 2, "", |_| "          - !Ref P\n".to_owned());
    let text = format!("{TEMPLATE}prod\n{body}Parameters:\n  P: {{ Default: {} }}\n", "a".repeat(bytes / 2));
    Case { name: "a-long-parameter", text, errors: 1 }
}

/// Each function's name holds the next one's twice.
fn function_names() -> Case {
    let mut text = format!("{TEMPLATE}!Ref F0\n      DefinitionBody: {{}}\n");
    for number in 0..30 {
        let next = number + 1;
        let _ = writeln!(
            text,
            "  F{number}: {{ Type: AWS::Lambda::Function, Properties: {{ FunctionName: !Sub '${{F{next}}}${{F{next}}}' }} }}"
        );
    }
    Case { name: "function-names", text, errors: 1 }
}

/// Each variable holds the next one twice.
fn variables() -> Case {
    let mut text =
        String::from("service: ${self:custom.a0}\nprovider: { name: aws }\nfunctions: {}\ncustom:\n");
    for number in 0..60 {
        let next = number + 1;
        let _ = writeln!(text, "  a{number}: '${{self:custom.a{next}}}${{self:custom.a{next}}}'");
    }
    Case { name: "variables", text, errors: 1 }
}

/// Each variable holds a large tree, many times over.
fn variable_trees(bytes: usize) -> Case {
    let (tree, _) = many("custom:\n  a:\n", bytes / 2, "", |number| format!("    a{number}: 1\n"));
    let (text, _) = many("provider: { name: aws }\nfunctions:\n", bytes / 2, "", |number| {
        format!("  f{number}: '${{self:custom.a}}'\n")
    });
    Case { name: "trees-of-variables", text: text + &tree, errors: 1 }
}
