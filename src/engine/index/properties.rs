//! An index changes what a decision costs, and nothing else: decided with a trace, every rule is asked.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use proptest::prelude::*;

use super::super::action::{Action, Origin, Source, StatusChoice};
use super::super::condition::{Condition, Leaf, Literal, Test};
use super::super::decide::decide;
use super::super::envelope::Contract;
use super::super::facts::{Body, Facts};
use super::super::hold::{HoldChange, OnLimit};
use super::super::json::{Path, Want};
use super::super::learnt::{Chunk, Learnt};
use super::super::mutation::Mutation;
use super::super::outcome::{Bypass, Shadow, Undecided, Verdict};
use super::super::pattern::{Extent, Pattern};
use super::super::ruleset::{Fallback, Mode, OnError, Rule, RuleKind, RuleSet};
use super::super::subject::{Subject, Subjects};
use super::super::text::TextSet;
use super::super::{AnswerHead, RequestSnapshot};
use super::*;

/// What may be tested. `Subject::Body` is the text of what the JSON subjects look into.
fn subjects() -> (Subjects, Vec<Subject>) {
    let mut subjects = Subjects::default();
    let mut all = vec![Subject::Status, Subject::Header("x".parse().unwrap())];
    for path in ["$.a", "$.b", "$..c", "$.a | $.c"] {
        let (outer, inner) = path.split_once(" | ").map_or((path, None), |(o, i)| (o, Some(i)));
        let inner = inner.map(|inner| Path::parse(inner).unwrap());
        all.push(Subject::Json(subjects.json(path, Path::parse(outer).unwrap(), inner, Want::Value)));
    }
    all.push(subjects.whole_body(Subject::Body));
    (subjects, all)
}

fn test() -> impl Strategy<Value = Test> {
    let pattern = |pool: &'static [&'static str], extent| {
        prop::collection::vec(prop::sample::select(pool), 1..3).prop_map(move |texts| {
            Test::Matches(texts.iter().map(|text| Pattern::parse(text, extent).unwrap()).collect())
        })
    };
    let literals = ["1", "1.0", "-0", "E1", "é", "true"];
    let literal = prop_oneof![
        prop::sample::select(literals.to_vec()).prop_map(|text| Literal::Text(text.to_owned())),
        prop::sample::select(literals[..3].to_vec()).prop_map(|text| Literal::Number(text.to_owned())),
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
    ];
    prop_oneof![
        4 => pattern(&["E1", "E[12]", "1|1.0", "(?s).*é.*", "(?i)e1 # e(?x) #", "\\bE.*", "2..", ""], Extent::Whole),
        2 => pattern(&["E", "^1", "é$", "\\b1\\b", "(?x) E # e", "(?m)^E1$"], Extent::Anywhere),
        2 => prop::collection::vec(prop::sample::select(vec!["E1", "é", "\"", "."]), 1..3)
            .prop_map(|texts| Test::Contains(texts.iter().map(ToString::to_string).collect())),
        4 => prop::collection::vec(literal, 1..3).prop_map(Test::Equals),
        1 => any::<bool>().prop_map(Test::Exists),
    ]
}

fn condition(subjects: Vec<Subject>) -> impl Strategy<Value = Condition> {
    let leaf = (prop::sample::select(subjects), test())
        .prop_map(|(subject, test)| Condition::Leaf(Leaf { subject, test, sought: None }));
    leaf.prop_recursive(2, 6, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![
            2 => some.clone().prop_map(Condition::All),
            1 => some.prop_map(Condition::Any),
            1 => inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn rule(subjects: Vec<Subject>) -> impl Strategy<Value = RuleKind> {
    let status = prop_oneof![
        (400_u16..600).prop_map(|code| StatusChoice::Fixed(StatusCode::from_u16(code).unwrap())),
        prop::sample::select(subjects.clone()).prop_map(|subject| {
            StatusChoice::From(Source { origin: Origin::Subject(subject), default: None })
        }),
    ];
    prop_oneof![
        20 => (condition(subjects), status).prop_map(|(when, status)| {
            RuleKind::Translate { when, then: Box::new(Action { status: Some(status), ..Action::default() }) }
        }),
        1 => Just(Contract::Auto).prop_map(RuleKind::Unwrap),
    ]
}

/// Many rules on few subjects, most of them in shadow mode: each that matches is in the outcome.
fn rule_set() -> impl Strategy<Value = RuleSet> {
    let few = prop::sample::subsequence(subjects().1, 1..3);
    let mode = prop_oneof![8 => Just(Mode::Shadow), 1 => Just(Mode::Enforce), 1 => Just(Mode::Off)];
    let rules = few.prop_flat_map(move |few| prop::collection::vec((rule(few), mode.clone()), 1..40));
    (rules, any::<bool>()).prop_map(|(rules, watched)| {
        let rule = |(place, (kind, mode))| Rule { label: format!("set/{place}").into(), mode, kind };
        let rules: Vec<Rule> = rules.into_iter().enumerate().map(rule).collect();
        let set = RuleSet {
            name: "set".into(),
            index: Index::default(),
            rules,
            subjects: subjects().0,
            default: Fallback::Pass,
            on_error: OnError::Pass,
            hold: HoldChange::default(),
            retries: Vec::new(),
            texts: TextSet::default(),
            text_rules: Vec::new(),
        };
        let set = if watched { set.with_texts() } else { set };
        RuleSet { index: Index::new(&set.rules), ..set }
    })
}

fn document() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "\"E1\"",
        "\"E2\"",
        "\"\\u00e9\"",
        "1",
        "1.0",
        "10e-1",
        "0",
        "-0.0",
        "true",
        "false",
        "null",
        "\"1\"",
        "\"\"",
        "\"true\"",
        "\"{\\\"c\\\":\\\"E1\\\"}\"",
        "{\"c\":404}",
        "[\"E1\"]",
    ]);
    let fields = prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), value), 0..4);
    prop_oneof![
        5 => fields.prop_map(|fields| {
            let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", fields.join(","))
        }),
        1 => Just(r#"{"statusCode":404,"body":"E1"}"#.to_owned()),
        1 => Just("E1: é".to_owned()),
    ]
}

proptest! {
    #[test]
    fn an_index_changes_no_outcome(
        rule_set in rule_set(),
        document in document(),
        seen in any::<prop::sample::Index>(),
        state in 0..4,
        headers in prop::collection::vec(prop::sample::select(vec!["E1", "1", "true", "2xx"]), 0..3),
    ) {
        let request = RequestSnapshot { method: Method::GET, uri: Uri::from_static("/"), headers: HeaderMap::new(), circumstances: None };
        let mut head = AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() };
        headers.iter().for_each(|value| {
            head.headers.append("x", HeaderValue::from_static(value));
        });
        let whole = Bytes::copy_from_slice(document.as_bytes());
        let mut learnt = Learnt::new(&rule_set, true);
        learnt.read_text(&rule_set, true);
        let body = match state {
            0 => {
                learnt.feed(&rule_set, Chunk::Borrowed(&whole));
                learnt.finish(&rule_set);
                Body::Whole(&&whole)
            }
            1 => Body::Bypassed(Bypass::ContentType),
            state => {
                learnt.feed(&rule_set, Chunk::Borrowed(&whole[..seen.index(document.len())]));
                if state == 2 { Body::Pending } else { Body::Unknown(Undecided::OverTime) }
            }
        };
        let facts = || Facts::new(&rule_set.subjects, &request, &head, body.clone(), &learnt);
        let decided = |explain| -> Option<(Verdict, Mutation, Vec<Shadow>)> {
            let outcome = decide(&rule_set, &facts(), OnLimit::Fail, explain)?;
            Some((outcome.verdict, outcome.mutation, outcome.shadows))
        };
        prop_assert_eq!(decided(false), decided(true), "{}", document);
    }

    #[test]
    fn a_set_that_waits_for_the_body_is_not_settled_by_a_head(rule_set in rule_set()) {
        let request = RequestSnapshot { method: Method::GET, uri: Uri::from_static("/"), headers: HeaderMap::new(), circumstances: None };
        let head = AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() };
        let learnt = Learnt::new(&rule_set, false);
        let facts = Facts::new(&rule_set.subjects, &request, &head, Body::Pending, &learnt);
        let settled = decide(&rule_set, &facts, OnLimit::Fail, false).is_some();
        prop_assert!(!settled || !rule_set.waits_for_body());
    }
}
