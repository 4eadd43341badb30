//! `$context.error.validationErrorString`: why a body does not fit its model, in the words of API Gateway, which are
//! those of the Java library that it validates with.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// All that is wrong with a body, in one list; nothing where it fits.
pub(super) fn problems(validator: &Validator, body: &Value) -> Option<String> {
    let mut told: Vec<String> = Vec::new();
    // What one object misses is one problem.
    let mut missing: Vec<(String, usize, Vec<Value>)> = Vec::new();
    for error in validator.iter_errors(body) {
        let Kind::Required { property } = error.kind() else {
            told.push(words(&error));
            continue;
        };
        let object = error.instance_path().to_string();
        match missing.iter_mut().find(|(known, ..)| *known == object) {
            Some((_, _, properties)) => properties.push(property.clone()),
            None => {
                missing.push((object, told.len(), vec![property.clone()]));
                told.push(String::new());
            }
        }
    }
    for (_, index, properties) in missing {
        if let Some(place) = told.get_mut(index) {
            *place = format!("object has missing required properties ({})", sorted(properties));
        }
    }
    (!told.is_empty()).then(|| format!("[{}]", told.join(", ")))
}

/// What is wrong with one value.
fn words(error: &ValidationError<'_>) -> String {
    let found = error.instance();
    let text = found.as_str().unwrap_or_default();
    let length = text.chars().count();
    let items = found.as_array().map_or(0, Vec::len);
    let members = found.as_object().map_or(0, serde_json::Map::len);
    match error.kind() {
        Kind::Type { kind } => format!(
            "instance type ({}) does not match any allowed primitive type (allowed: {})",
            kind_of(found),
            allowed(kind)
        ),
        Kind::Enum { options } => {
            format!("instance value ({found}) not found in enum (possible values: {options})")
        }
        Kind::Minimum { limit } => {
            format!("numeric instance is lower than the required minimum (minimum: {limit}, found: {found})")
        }
        Kind::ExclusiveMinimum { limit } => {
            format!("numeric instance is not strictly greater than the required minimum {limit}")
        }
        Kind::Maximum { limit } => {
            format!(
                "numeric instance is greater than the required maximum (maximum: {limit}, found: {found})"
            )
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("numeric instance is not strictly lower than the required maximum {limit}")
        }
        Kind::MultipleOf { multiple_of } => {
            format!("remainder of division is not zero ({found} / {multiple_of})")
        }
        Kind::MinLength { limit } => {
            format!("string {found} is too short (length: {length}, required minimum: {limit})")
        }
        Kind::MaxLength { limit } => {
            format!("string {found} is too long (length: {length}, maximum allowed: {limit})")
        }
        Kind::Pattern { pattern } => {
            format!("ECMA 262 regex \"{pattern}\" does not match input string {found}")
        }
        Kind::MinItems { limit } => format!(
            "array is too short: must have at least {limit} elements but instance has {items} elements"
        ),
        Kind::MaxItems { limit } => {
            format!("array is too long: must have at most {limit} elements but instance has {items} elements")
        }
        Kind::AdditionalItems { limit } => {
            format!("schema only allows {limit} elements in array but instance has {items} elements")
        }
        Kind::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Kind::MinProperties { limit } => {
            format!("object has too few properties (found {members} but schema requires at least {limit})")
        }
        Kind::MaxProperties { limit } => {
            format!("object has too many properties (found {members} but schema requires at most {limit})")
        }
        Kind::AdditionalProperties { unexpected } => {
            let unexpected = unexpected.iter().map(|name| Value::from(name.as_str())).collect();
            format!(
                "object instance has properties which are not allowed by the schema: {}",
                sorted(unexpected)
            )
        }
        Kind::AnyOf { context } => {
            format!("instance failed to match at least one required schema among {}", context.len())
        }
        Kind::OneOfNotValid { context } => {
            format!("instance failed to match exactly one schema (matched 0 out of {})", context.len())
        }
        Kind::OneOfMultipleValid { context } => {
            let matched = context.iter().filter(|errors| errors.is_empty()).count();
            format!(
                "instance failed to match exactly one schema (matched {matched} out of {})",
                context.len()
            )
        }
        Kind::Not { .. } => "instance matched a schema which it should not have".to_owned(),
        _ => error.to_string(),
    }
}

/// The type that a value has: whole numbers are told apart.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Array(_) => "array",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
        Value::Number(number) if number.to_string().contains(['.', 'e', 'E']) => "number",
        Value::Number(_) => "integer",
        Value::Object(_) => "object",
        Value::String(_) => "string",
    }
}

/// The types that a value may have; whole numbers are numbers.
fn allowed(kind: &TypeKind) -> String {
    let mut names: Vec<String> = match kind {
        TypeKind::Single(kind) => vec![kind.to_string()],
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
    };
    if names.iter().any(|name| name == "number") && !names.iter().any(|name| name == "integer") {
        names.push("integer".to_owned());
    }
    sorted(names.into_iter().map(Value::from).collect())
}

/// Names as a list in JSON, in their order.
fn sorted(mut names: Vec<Value>) -> String {
    names.sort_by(|one, next| one.as_str().cmp(&next.as_str()));
    Value::from(names).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_are_told_in_api_gateway_s_words() {
        let check = |schema: Value, body: Value, expected: &str| {
            let validator = jsonschema::draft4::new(&schema).unwrap();
            assert_eq!(problems(&validator, &body).as_deref(), Some(expected), "{schema} {body}");
        };
        let of = |schema: Value| json!({ "properties": { "a": schema } });
        check(
            json!({ "required": ["b", "a", "c"] }),
            json!({ "c": 1 }),
            r#"[object has missing required properties (["a","b"])]"#,
        );
        check(
            of(json!({ "type": "number" })),
            json!({ "a": "x" }),
            r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])]"#,
        );
        check(
            of(json!({ "type": ["string", "null"] })),
            json!({ "a": 1 }),
            r#"[instance type (integer) does not match any allowed primitive type (allowed: ["null","string"])]"#,
        );
        check(
            of(json!({ "enum": ["cat", "dog"] })),
            json!({ "a": "elephant" }),
            r#"[instance value ("elephant") not found in enum (possible values: ["cat","dog"])]"#,
        );
        check(
            of(json!({ "minimum": 25 })),
            json!({ "a": 1 }),
            "[numeric instance is lower than the required minimum (minimum: 25, found: 1)]",
        );
        check(
            of(json!({ "maximum": 25, "exclusiveMaximum": true })),
            json!({ "a": 25 }),
            "[numeric instance is not strictly lower than the required maximum 25]",
        );
        check(
            of(json!({ "minLength": 3, "pattern": "^x" })),
            json!({ "a": "ü" }),
            r#"[string "ü" is too short (length: 1, required minimum: 3), ECMA 262 regex "^x" does not match input string "ü"]"#,
        );
        check(
            of(json!({ "maxItems": 1, "uniqueItems": true })),
            json!({ "a": [1, 1] }),
            "[array is too long: must have at most 1 elements but instance has 2 elements, array must not contain duplicate elements]",
        );
        check(
            json!({ "properties": { "a": {} }, "additionalProperties": false }),
            json!({ "c": 1, "b": 2 }),
            r#"[object instance has properties which are not allowed by the schema: ["b","c"]]"#,
        );
        check(
            json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({ "a": 1, "b": 2 }),
            "[instance failed to match exactly one schema (matched 2 out of 2)]",
        );
        check(
            json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }),
            json!({}),
            "[instance failed to match at least one required schema among 2]",
        );
    }

    #[test]
    fn a_body_that_fits_has_none() {
        let validator = jsonschema::draft4::new(&json!({ "required": ["a"] })).unwrap();
        assert_eq!(problems(&validator, &json!({ "a": 1 })), None);
    }
}
