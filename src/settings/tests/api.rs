//! What `api:` and its flags say.

use super::*;
use crate::apigateway::execute::ResponseModels;

#[test]
fn an_api_says_what_its_definition_leaves_open() {
    let text = "
api:
  definition: api.yaml
  resource: Orders
  stage: live
  stage_variables: { a: 1, b: two }
  parameters: { Env: prod }
  upstream: legacy
  lambdas:
    orders: http://fn:8080/2015-03-31/functions/function/invocations
    stock: { url: 'http://fn:3001/2015-03-31/functions/stock/invocations', concurrency: 4, queue: 0 }
    free: { url: 'http://fn:8080/x/functions/function/invocations', concurrency: off }
  keys: { shop: s3cret, till: 0123 }
  account_id: 123456789012
  api_id: a1b2
  strict: true
  response_models: enforce
";
    let api = read(text).api.unwrap();
    let definition = api.definition.map(|definition| definition.path);
    assert_eq!((definition.as_deref(), api.stage.as_deref()), (Some("api.yaml"), Some("live")));
    assert_eq!(api.stage_variables, [("a".into(), "1".into()), ("b".into(), "two".into())]);
    assert_eq!(api.parameters, [("Env".into(), "prod".into())]);
    assert_eq!((api.resource.as_deref(), api.upstream.as_deref()), (Some("Orders"), Some("legacy")));
    let lambdas: Vec<_> =
        api.lambdas.iter().map(|lambda| (&*lambda.name, lambda.concurrency, lambda.queue)).collect();
    assert_eq!(lambdas, [("orders", Some(1), 100), ("stock", Some(4), 0), ("free", None, 100)]);
    let keys: Vec<_> = api.keys.iter().flatten().map(|key| (&*key.name, &*key.value)).collect();
    assert_eq!(keys, [("shop", "s3cret"), ("till", "0123")]);
    assert_eq!((api.account_id.as_deref(), api.api_id.as_deref()), (Some("123456789012"), Some("a1b2")));
    assert_eq!((api.strict, api.response_models), (true, ResponseModels::Enforce));
}

#[test]
fn flags_and_variables_say_it_too_and_the_flags_win() {
    let environment = vec![
        ("CANDOR_OPENAPI", "api.yaml"),
        ("CANDOR_LAMBDAS", "a=http://a:1\nb=http://b:1"),
        ("CANDOR_STAGE_VARIABLES", "k=v=w"),
    ];
    let flags = vec![(Flag::Lambda, "a=http://c:1"), (Flag::Upstream, "http://app"), (Flag::Stage, "s")];
    let (settings, problems) = load(None, &Beside { environment, flags });
    assert_eq!(problems, []);
    let api = settings.unwrap().api.unwrap();
    let lambdas: Vec<_> =
        api.lambdas.iter().map(|lambda| (&*lambda.name, lambda.url.authority.as_str())).collect();
    assert_eq!(lambdas, [("a", "c:1")]);
    assert_eq!(api.stage_variables, [("k".into(), "v=w".into())]);
    assert_eq!((api.stage.as_deref(), api.upstream.as_deref()), (Some("s"), Some("default")));
}

#[test]
fn what_is_wrong_with_an_api_is_told() {
    check_message("api: { definition: a, upstream: elsewhere }", "there is no upstream `elsewhere`");
    check_message("api: { lambdas: { a: 'fn:8080' } }", "upstream URL `fn:8080` has no scheme");
    check_message("api: { lambdas: { a: {} } }", "function `a` needs `url`");
    check_message(
        "api: { lambdas: { a: { url: 'http://a', concurrency: 0 } } }",
        "`concurrency` must be 1 to 100000, not 0",
    );
    check_message("api: { keys: { a: '' } }", "API key `a` is empty");
    check_message("api: { response_models: maybe }", "`maybe` is not a choice of `response_models`");
    let told = |flag: Flag, value: &'static str, others: &[(Flag, &'static str)]| {
        let flags = [others, &[(flag, value)]].concat();
        let (_, problems) = load(None, &Beside { flags, ..Beside::default() });
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>()
    };
    let app = [(Flag::Upstream, "http://app")];
    let api = [(Flag::Openapi, "api.yaml")];
    assert_eq!(told(Flag::Lambda, "a=http://a", &app), ["a function's URL, but no definition of an API"]);
    assert_eq!(told(Flag::Lambda, "a", &api), ["expected NAME=URL, not `a`"]);
    assert_eq!(told(Flag::StageVariable, "=a", &api), ["expected NAME=VALUE, not `=a`"]);
}
