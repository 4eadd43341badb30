//! The JSON Schema of configuration files, for editors. Written by hand, because it says more than types can;
//! a test holds its keys against those the readers know.

/// The schema that `candor schema` prints.
pub fn schema() -> &'static str {
    include_str!("../../config/candor.schema.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{action, condition, retry, routes, selector, set};
    use std::collections::BTreeSet;

    #[track_caller]
    fn check(pointer: &str, keys: &[&str]) {
        let schema: serde_json::Value = serde_json::from_str(schema()).unwrap();
        let properties = schema.pointer(pointer).and_then(|it| it.get("properties")).unwrap();
        let described: BTreeSet<&str> = properties.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, keys.iter().copied().collect(), "{pointer}");
    }

    #[test]
    fn every_key_is_described_and_no_other() {
        check("/$defs/rule_set", set::SET_KEYS);
        check("/$defs/rule", set::RULE_KEYS);
        check("/$defs/hold", set::HOLD_KEYS);
        check("/$defs/condition", &condition::keys());
        check("/$defs/action", action::KEYS);
        check("/$defs/action/properties/headers", action::HEADER_KEYS);
        check("/$defs/body/oneOf/1", action::BODY_KEYS);
        check("/$defs/retry", retry::KEYS);
        check("/$defs/problem", action::PROBLEM_KEYS);
        check("/$defs/route", routes::ROUTE_KEYS);
        check("/$defs/route/properties/match", routes::MATCH_KEYS);
        check("/$defs/selector", selector::KEYS);
    }
}
