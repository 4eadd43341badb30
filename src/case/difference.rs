//! The first difference between two JSON values, so that a person need not look for it.

use serde_json::Value;

/// How much of the value must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it.
    Whole,
    /// What is expected; objects may have other members.
    Subset,
}

/// Where two values differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The JSON path of the place.
    pub path: String,
    /// What should be there, as JSON; `nothing` where nothing should.
    pub expected: String,
    /// What is there.
    pub got: String,
}

/// The first place where `got` is not as expected. Numbers are equal when they are written alike.
pub(super) fn first(expected: &Value, got: &Value, extent: Extent) -> Option<Difference> {
    within(Some(expected), Some(got), extent, "$")
}

fn within(expected: Option<&Value>, got: Option<&Value>, extent: Extent, path: &str) -> Option<Difference> {
    match (expected, got) {
        (Some(Value::Object(expected)), Some(Value::Object(got))) => {
            let unexpected = got.keys().filter(|key| extent == Extent::Whole && !expected.contains_key(*key));
            let mut keys = expected.keys().chain(unexpected);
            keys.find_map(|key| within(expected.get(key), got.get(key), extent, &format!("{path}.{key}")))
        }
        (Some(Value::Array(expected)), Some(Value::Array(got))) => (0..expected.len().max(got.len()))
            .find_map(|i| within(expected.get(i), got.get(i), extent, &format!("{path}[{i}]"))),
        (expected, got) if expected == got => None,
        (expected, got) => {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            Some(Difference { path: path.to_owned(), expected: shown(expected), got: shown(got) })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[track_caller]
    fn check(extent: Extent, expected: &str, got: &str, difference: Option<(&str, &str, &str)>) {
        let found = first(&from_str(expected).unwrap(), &from_str(got).unwrap(), extent);
        let found = found.as_ref().map(|d| (d.path.as_str(), d.expected.as_str(), d.got.as_str()));
        assert_eq!(found, difference, "{expected} against {got}");
    }

    #[test]
    fn the_first_difference_has_a_path() {
        let check = |expected, got, difference| check(Extent::Whole, expected, got, difference);
        check(r#"{"a":1,"b":[1,2]}"#, r#"{"b":[1,2],"a":1}"#, None);
        check(r#"{"a":{"b":[1,2]}}"#, r#"{"a":{"b":[1,3]}}"#, Some(("$.a.b[1]", "2", "3")));
        check(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, Some(("$.b", "nothing", "2")));
        check(r#"{"a":1}"#, "{}", Some(("$.a", "1", "nothing")));
        check("[1]", "[1,2]", Some(("$[1]", "nothing", "2")));
        check("1", "1.0", Some(("$", "1", "1.0")));
        check("null", "{}", Some(("$", "null", "{}")));
    }

    #[test]
    fn a_subset_leaves_out_members_but_no_items() {
        let check = |expected, got, difference| check(Extent::Subset, expected, got, difference);
        check(r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"c":2},"d":3}"#, None);
        check(r#"[{"a":1}]"#, r#"[{"a":1,"b":2}]"#, None);
        check("[1]", "[1,2]", Some(("$[1]", "nothing", "2")));
        check(r#"{"a":null}"#, "{}", Some(("$.a", "null", "nothing")));
    }
}
