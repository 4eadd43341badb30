//! Files, environment and flags, of which each wins over what is before it: defaults, files in the order given,
//! environment, flags. Says what is in each layer; how one is laid over the other is [`overlay`]'s.

use std::sync::Arc;

use crate::diagnostic::{Diagnostics, Place, Source};
use crate::document::{self, Entry, Node, Value};

use super::environment;
use super::overlay::overlay;
use super::quick::{Flag, Quick, Target, lines, words};
use super::variables::substitute;

/// Everything that can say how Candor is set up, already read.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The files, in the order given.
    pub files: Vec<Arc<Source>>,
    /// Names and values of the process's environment, all of it: files may refer to any variable.
    pub environment: Vec<(String, String)>,
    /// Flags in the order given.
    pub flags: Vec<(Flag, String)>,
}

impl Layers {
    /// The one document that all layers make, and what was given by short names. `None` when a file cannot be
    /// read as a map; all other problems leave a document in which the rest can be checked.
    pub fn merge(&self, diagnostics: &mut Diagnostics) -> Option<(Node, Quick)> {
        let files: Vec<_> = self.files.iter().map(|source| self.file(source, diagnostics)).collect();
        let files: Option<Vec<Node>> = files.into_iter().collect();
        let environment =
            environment::read(&self.environment, files.as_deref().unwrap_or_default(), diagnostics);
        let Layer { documents, quick } = self.flags().over(environment).over(Layer::files(files?));
        Some((overlay(documents, diagnostics)?, quick))
    }

    fn file(&self, source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Option<Node> {
        let mut node = document::parse(source, diagnostics)?;
        repeated_keys("the configuration", &node, diagnostics)?;
        let set = |name: &str| self.environment.iter().find(|(variable, _)| variable == name);
        substitute(&mut node, &|name| set(name).map(|(_, value)| value.clone()), diagnostics);
        Some(node)
    }

    fn flags(&self) -> Layer {
        let mut layer = Layer::default();
        for (flag, value) in &self.flags {
            layer.say(flag.target(), &Source::new(flag.name(), value));
        }
        layer
    }
}

/// What was said in one way: documents, of which later ones win, and short names.
#[derive(Default)]
pub(super) struct Layer {
    documents: Vec<Node>,
    quick: Quick,
}

impl Layer {
    /// The files, or what an absent file stands for.
    fn files(documents: Vec<Node>) -> Layer {
        let mut layer = Layer { documents, quick: Quick::default() };
        if layer.documents.is_empty() {
            layer.set(&["version"], &Source::new("built-in", "1"));
        }
        layer
    }

    /// Sets one setting.
    pub(super) fn set(&mut self, keys: &[impl AsRef<str>], source: &Arc<Source>) {
        let nested = keys.iter().rfold(Node::scalar(source), |node, key| {
            let place = node.place.clone();
            let entry = Entry { key: key.as_ref().to_owned(), key_place: place.clone(), node };
            Node { place, value: Value::Map(vec![entry]) }
        });
        self.documents.push(nested);
    }

    /// Takes what was said by a short name.
    pub(super) fn say(&mut self, target: Target, source: &Arc<Source>) {
        let place = Place::whole(source);
        match target {
            Target::Setting(keys) => self.set(keys, source),
            Target::Upstream => {
                self.quick.upstream = Some(Node { place, value: Value::Text(source.text.clone()) });
            }
            Target::Presets => self.quick.presets.extend(words(&source.text, &place)),
            Target::Rules => self.quick.rules.extend(lines(source)),
            Target::Lambdas => self.quick.lambdas.extend(lines(source)),
            Target::StageVariables => self.quick.stage_variables.extend(lines(source)),
            Target::Parameters => self.quick.parameters.extend(lines(source)),
            Target::Files => {}
        }
    }

    fn over(self, lower: Layer) -> Layer {
        let documents = lower.documents.into_iter().chain(self.documents).collect();
        Layer { documents, quick: self.quick.over(lower.quick) }
    }
}

/// Reports keys that are repeated in one map, which layering would make one of. Lists stay whole in it, so what
/// is repeated inside them is found by their readers. `None` when the node is not a map.
fn repeated_keys(what: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<()> {
    for Entry { key, node, .. } in node.entries(what, diagnostics)? {
        if let Value::Map(_) = node.value {
            repeated_keys(&format!("`{key}`"), node, diagnostics)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every leaf of the merged document as `|key|key = value @ place`.
    fn leaves(node: &Node, keys: &str, out: &mut Vec<String>) {
        let Value::Map(entries) = &node.value else {
            let value = match &node.value {
                Value::List(items) => format!("{} items", items.len()),
                other => format!("{other:?}"),
            };
            out.push(format!("{keys} = {value} @ {}", node.place));
            return;
        };
        for entry in entries {
            leaves(&entry.node, &format!("{keys}|{}", entry.key), out);
        }
    }

    fn layers(files: &[&str], environment: &[(&str, &str)], flags: &[(Flag, &str)]) -> Layers {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let file = |(index, text): (usize, &&str)| Source::new(format!("{}.yaml", index + 1), *text);
        Layers {
            files: files.iter().enumerate().map(file).collect(),
            environment: environment.iter().map(owned).collect(),
            flags: flags.iter().map(|(flag, value)| (*flag, (*value).to_owned())).collect(),
        }
    }

    fn merge(layers: &Layers) -> (Option<(Node, Quick)>, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let merged = layers.merge(&mut diagnostics);
        (merged, diagnostics.into_sorted().into_iter().map(|problem| problem.message).collect())
    }

    fn check(layers: &Layers, expected: &[&str]) {
        let (merged, problems) = merge(layers);
        assert_eq!(problems, Vec::<String>::new());
        let mut found = Vec::new();
        leaves(&merged.unwrap().0, "", &mut found);
        assert_eq!(found, expected);
    }

    fn check_problems(layers: &Layers, expected: &[&str]) {
        assert_eq!(merge(layers).1, expected);
    }

    #[test]
    fn no_layer_at_all_is_a_document() {
        check(&Layers::default(), &[r#"|version = Number("1") @ built-in:1:1"#]);
    }

    #[test]
    fn later_files_win_maps_merge_and_lists_are_replaced() {
        let first = "a: { x: 1, y: 2 }\nlist: [1, 2, 3]\nscalar: 1\nmap: { x: 1 }\n";
        let second = "a: { y: 3, z: 4 }\nlist: [1]\nscalar: { deep: 1 }\nmap: null\nb: {}\n";
        check(
            &layers(&[first, second], &[], &[]),
            &[
                r#"|a|x = Number("1") @ 1.yaml:1:9"#,
                r#"|a|y = Number("3") @ 2.yaml:1:9"#,
                r#"|a|z = Number("4") @ 2.yaml:1:15"#,
                "|list = 1 items @ 2.yaml:2:7",
                r#"|scalar|deep = Number("1") @ 2.yaml:3:17"#,
                "|map = Null @ 2.yaml:4:6",
            ],
        );
    }

    #[test]
    fn flag_wins_over_environment_over_file() {
        let file = "server: { listen: f, workers: 3, proxy_status: off }\nadmin: { listen: f }";
        check(
            &layers(
                &[file],
                &[("CANDOR_SERVER__LISTEN", "e"), ("CANDOR_SERVER__WORKERS", "2"), ("CANDOR_LOG", "debug")],
                &[(Flag::Listen, "127.0.0.1:1")],
            ),
            &[
                r#"|server|listen = Text("127.0.0.1:1") @ --listen:1:1"#,
                r#"|server|workers = Number("2") @ CANDOR_SERVER__WORKERS:1:1"#,
                r#"|server|proxy_status = Text("off") @ 1.yaml:1:48"#,
                r#"|admin|listen = Text("f") @ 1.yaml:2:18"#,
                r#"|log|filter = Text("debug") @ CANDOR_LOG:1:1"#,
            ],
        );
    }

    #[test]
    fn of_two_names_for_one_setting_the_longer_wins() {
        let both = [("CANDOR_LISTEN", "short"), ("CANDOR_SERVER__LISTEN", "long")];
        let expected = [
            r#"|version = Number("1") @ built-in:1:1"#,
            r#"|server|listen = Text("long") @ CANDOR_SERVER__LISTEN:1:1"#,
        ];
        check(&layers(&[], &both, &[]), &expected);
        check(&layers(&[], &[both[1], both[0]], &[]), &expected);
    }

    #[test]
    fn keys_are_never_paths_and_keep_case_and_order() {
        let file = "'a.b[0]': 1\n'/orders/{id}': { 'Zebra x': 1, apple: 2, '': 3 }\n";
        check(
            &layers(&[file, "'/orders/{id}': { apple: 4 }\na: { b: 5 }"], &[], &[]),
            &[
                r#"|a.b[0] = Number("1") @ 1.yaml:1:11"#,
                r#"|/orders/{id}|Zebra x = Number("1") @ 1.yaml:2:30"#,
                r#"|/orders/{id}|apple = Number("4") @ 2.yaml:1:26"#,
                r#"|/orders/{id}| = Number("3") @ 1.yaml:2:47"#,
                r#"|a|b = Number("5") @ 2.yaml:2:9"#,
            ],
        );
    }

    #[test]
    fn scalars_keep_their_text() {
        check(
            &layers(&["a: 007\nb: 1e3\nc: '1'\nd: True\ne: 0x10"], &[], &[]),
            &[
                r#"|a = Number("007") @ 1.yaml:1:4"#,
                r#"|b = Number("1e3") @ 1.yaml:2:4"#,
                r#"|c = Text("1") @ 1.yaml:3:4"#,
                "|d = Bool(true) @ 1.yaml:4:4",
                r#"|e = Text("0x10") @ 1.yaml:5:4"#,
            ],
        );
    }

    #[test]
    fn maps_stand_where_they_were_first_begun() {
        let env = [("CANDOR_UPSTREAMS__OLD__URL", "x"), ("CANDOR_UPSTREAMS__NEW__URL", "y")];
        let (merged, _) = merge(&layers(&["version: 1", "upstreams:\n  old: { host: h }"], &env, &[]));
        let top = merged.unwrap().0;
        let Value::Map(entries) = &top.value else { panic!("not a map") };
        let Value::Map(upstreams) = &entries[1].node.value else { panic!("not a map") };
        let places: Vec<String> = [&top.place, &entries[1].key_place, &entries[1].node.place]
            .into_iter()
            .chain(upstreams.iter().flat_map(|entry| [&entry.key_place, &entry.node.place]))
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            places,
            [
                "1.yaml:1:1",
                "2.yaml:1:1",
                "2.yaml:2:3",
                "2.yaml:2:3",
                "2.yaml:2:8",
                "CANDOR_UPSTREAMS__NEW__URL:1:1",
                "CANDOR_UPSTREAMS__NEW__URL:1:1",
            ]
        );
    }

    #[test]
    fn a_variable_sets_its_setting_or_is_told() {
        check(
            &layers(
                &["version: 1\nupstreams: { Legacy: { url: f } }"],
                &[
                    ("PATH", "/bin"),
                    ("CANDOR_CONFIG", "candor.yaml"),
                    ("CANDOR_SERVICE_HOST", "10.0.0.1"),
                    ("CANDOR_LISTEN", ""),
                    ("CANDOR_HOLD__MAX_BYTES", "64KiB"),
                    ("CANDOR_UPSTREAMS__LEGACY__URL", "http://e"),
                ],
                &[],
            ),
            &[
                r#"|version = Number("1") @ 1.yaml:1:10"#,
                r#"|upstreams|Legacy|url = Text("http://e") @ CANDOR_UPSTREAMS__LEGACY__URL:1:1"#,
                r#"|hold|max_bytes = Text("64KiB") @ CANDOR_HOLD__MAX_BYTES:1:1"#,
            ],
        );
        let told = |name: &str, message: &str| check_problems(&layers(&[], &[(name, "x")], &[]), &[message]);
        told("CANDOR_UPSTREM", "the variable `CANDOR_UPSTREM` is not a setting");
        told("CANDOR_PORT", "the variable `CANDOR_PORT` is not a setting");
        told("CANDOR_SERVER____LISTEN", "the variable `CANDOR_SERVER____LISTEN` names no setting");
        told("CANDOR___LISTEN", "the variable `CANDOR___LISTEN` names no setting");
        let deep = format!("CANDOR{}", "_A_".repeat(50_000));
        told(&deep, &format!("the variable `{deep}` names no setting"));
    }

    #[test]
    fn short_names_stay_beside_the_document() {
        let texts = |nodes: &[Node]| nodes.iter().map(|n| n.scalar_text().unwrap().to_owned()).collect();
        let check = |flags: &[(Flag, &str)], upstream: &str, presets: &[&str], rules: &[&str]| {
            let env = [
                ("CANDOR_UPSTREAM", "http://e"),
                ("CANDOR_PRESET", "soap, graphql"),
                ("CANDOR_RULES", "a -> 404\nb -> 400"),
            ];
            let (merged, problems) = merge(&layers(&[], &env, flags));
            assert_eq!(problems, Vec::<String>::new());
            let quick = merged.unwrap().1;
            assert_eq!(quick.upstream.unwrap().scalar_text(), Some(upstream));
            assert_eq!((texts(&quick.presets), texts(&quick.rules)), (to_vec(presets), to_vec(rules)));
        };
        fn to_vec(texts: &[&str]) -> Vec<String> {
            texts.iter().map(|&text| text.to_owned()).collect()
        }
        check(&[], "http://e", &["soap", "graphql"], &["a -> 404", "b -> 400"]);
        check(&[(Flag::Upstream, "http://f")], "http://f", &["soap", "graphql"], &["a -> 404", "b -> 400"]);
        check(
            &[(Flag::Preset, "jsonrpc"), (Flag::Preset, "soap"), (Flag::Rule, "c -> 1")],
            "http://e",
            &["jsonrpc", "soap"],
            &["c -> 1"],
        );
    }

    #[test]
    fn what_layering_would_swallow_is_told() {
        check_problems(
            &layers(&["a: 1\na: 2\nb: { c: 1, d: { e: 1, e: 2 } }"], &[], &[]),
            &["`a` is given twice in the configuration", "`e` is given twice in `d`"],
        );
        check_problems(
            &layers(&["[1]", "text", "a: ["], &[("CANDOR_UPSTREM", "x")], &[]),
            &[
                "the variable `CANDOR_UPSTREM` is not a setting",
                "expected the configuration (a map), found a list",
                "expected the configuration (a map), found text",
                "not valid YAML: while parsing a node, did not find expected node content",
            ],
        );
    }
}
