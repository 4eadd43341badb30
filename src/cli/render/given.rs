//! What a template is given: the body, the parameters, `$context` and the stage variables, as flags, files or the
//! `inputs` of a line of JSON have them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::vtl::gateway::{self, Inputs, Node};

/// All of it. In JSON every member may be missing or `null`, and unknown ones mean nothing.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Given {
    pub(super) body: Option<String>,
    pub(super) params: Option<Params>,
    pub(super) context: Option<Map<String, Value>>,
    pub(super) stage_variables: Option<Pairs>,
}

/// Parameters by the place they stand in.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Params {
    path: Option<Pairs>,
    querystring: Option<Pairs>,
    header: Option<Pairs>,
}

/// Names and values in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<(String, String)>);

/// A parameter on the command line: `id=17`, `path.id=17`, `header.X-Id=17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Param {
    place: Place,
    pair: (String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Querystring,
    Header,
}

impl Given {
    /// The same, as a render takes it.
    pub(super) fn inputs(&self, native: bool) -> Inputs<'_> {
        let context = self.context.iter().flatten();
        Inputs {
            body: self.body.as_deref().unwrap_or_default(),
            params: self.params.as_ref().map(Params::borrowed).unwrap_or_default(),
            context: context.map(|(name, value)| (name.as_str(), Node::from(value))).collect(),
            stage_variables: Pairs::borrowed(self.stage_variables.as_ref()),
            values: None,
            native,
        }
    }
}

impl Params {
    fn borrowed(&self) -> gateway::Params<'_> {
        gateway::Params {
            path: Pairs::borrowed(self.path.as_ref()),
            querystring: Pairs::borrowed(self.querystring.as_ref()),
            header: Pairs::borrowed(self.header.as_ref()),
        }
    }
}

impl FromIterator<Param> for Params {
    fn from_iter<I: IntoIterator<Item = Param>>(given: I) -> Params {
        let mut params = Params::default();
        for Param { place, pair } in given {
            let pairs = match place {
                Place::Path => &mut params.path,
                Place::Querystring => &mut params.querystring,
                Place::Header => &mut params.header,
            };
            pairs.get_or_insert_default().0.push(pair);
        }
        params
    }
}

impl Pairs {
    fn borrowed(pairs: Option<&Pairs>) -> gateway::Pairs<'_> {
        let pairs = pairs.iter().flat_map(|pairs| &pairs.0);
        pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl From<Vec<(String, String)>> for Pairs {
    fn from(pairs: Vec<(String, String)>) -> Pairs {
        Pairs(pairs)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = members.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads `K=V`.
pub(in super::super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write `NAME=VALUE`".to_owned()),
    }
}

/// Reads `K=V` or `place.K=V`.
pub(in super::super) fn param(text: &str) -> Result<Param, String> {
    let (place, text) =
        [("path.", Place::Path), ("querystring.", Place::Querystring), ("header.", Place::Header)]
            .into_iter()
            .find_map(|(prefix, place)| Some((place, text.strip_prefix(prefix)?)))
            .unwrap_or((Place::Querystring, text));
    Ok(Param { place, pair: pair(text)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_says_where_it_stands() {
        let check = |text: &str, place: Place, name: &str, value: &str| {
            let expected = Param { place, pair: (name.to_owned(), value.to_owned()) };
            assert_eq!(param(text), Ok(expected), "{text}");
        };
        check("id=17", Place::Querystring, "id", "17");
        check("path.id=a=b", Place::Path, "id", "a=b");
        check("header.X-Id=", Place::Header, "X-Id", "");
        check("querystring.path.id=1", Place::Querystring, "path.id", "1");
        check("pathid=1", Place::Querystring, "pathid", "1");
        for text in ["id", "=1", "path.=1", ""] {
            assert!(param(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_member_may_be_missing_or_null() {
        for text in [
            "{}",
            r#"{"body": null, "params": null, "context": null, "stageVariables": null, "more": 1}"#,
            r#"{"params": {"path": null}}"#,
        ] {
            let given: Given = serde_json::from_str(text).unwrap();
            let inputs = given.inputs(false);
            assert_eq!((inputs.body, inputs.context.len(), inputs.params.path.len()), ("", 0, 0), "{text}");
        }
    }

    #[test]
    fn parameters_keep_their_order() {
        let text = r#"{"params": {"header": {"z": "1", "a": "2", "z": "3"}}, "stageVariables": {"v": "w"}}"#;
        let given: Given = serde_json::from_str(text).unwrap();
        assert_eq!(given.inputs(false).params.header, [("z", "1"), ("a", "2"), ("z", "3")]);
        assert_eq!(given.inputs(false).stage_variables, [("v", "w")]);
        let wrong = serde_json::from_str::<Given>(r#"{"params": {"path": {"id": 1}}}"#).unwrap_err();
        assert!(wrong.to_string().contains("expected a string"), "{wrong}");
    }
}
