//! All definite paths that somebody asks for, as a trie: what a [`Scan`](super::Scan) looks out for.
//! Built once when rules are loaded, then shared by every exchange.

use super::names::Names;
use super::path::{DefinitePath, Step};
use super::value::decode;

/// What somebody wants to know of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// Whether it is there, and whether it is `null`. Settled by its first byte, unless that is `null`'s.
    Presence,
    /// Its text, settled when it is whole.
    Value,
}

/// Where a [`Scan`](super::Scan) keeps what it learnt about one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub(super) usize);

/// Definite paths with what is wanted of each.
#[derive(Debug, Clone)]
pub struct PathSet {
    /// The root first; a child always after its parent.
    nodes: Vec<Node>,
    /// The longest name that can be a tracked key, in bytes as written in a body.
    key_bytes_max: usize,
    /// The names directly below the root.
    first_names: Names,
}

/// A value on the way to, or at the end of, some path.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub parent: Option<usize>,
    pub want: Option<Want>,
    /// Wanted nodes here and below.
    pub slots: usize,
    /// Children by name, sorted.
    names: Vec<(String, usize)>,
    /// Children by array index, sorted.
    indexes: Vec<(usize, usize)>,
}

/// The document itself.
pub(super) const ROOT: usize = 0;

/// A byte of a name may be written with six: `\u0061`.
const ESCAPED_BYTES_MAX: usize = 6;

static NOTHING: Node = Node { parent: None, want: None, slots: 0, names: Vec::new(), indexes: Vec::new() };

impl Default for PathSet {
    fn default() -> PathSet {
        PathSet { nodes: vec![Node::default()], key_bytes_max: 0, first_names: Names::default() }
    }
}

impl PathSet {
    /// A set without paths.
    pub fn new() -> PathSet {
        PathSet::default()
    }

    /// Adds a path. The same path twice is the same slot, filled as the stronger want asks.
    pub fn insert(&mut self, path: &DefinitePath, want: Want) -> Slot {
        let mut id = ROOT;
        for step in path.steps() {
            id = self.child_or_new(id, step);
        }
        if let Some(node) = self.nodes.get_mut(id) {
            let first = node.want.is_none();
            node.want = node.want.max(Some(want));
            if first {
                self.count_slot(id);
            }
        }
        Slot(id)
    }

    /// Whether no path was added: then a body need not be read.
    pub fn is_empty(&self) -> bool {
        self.node(ROOT).slots == 0
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// An id of another set names a node of which nothing is known.
    pub(super) fn node(&self, id: usize) -> &Node {
        self.nodes.get(id).unwrap_or(&NOTHING)
    }

    /// Keys longer than this are not in the set, whatever they say.
    pub(super) fn key_bytes_max(&self) -> usize {
        self.key_bytes_max
    }

    /// The names without which nothing below a root object is on a path.
    pub(super) fn first_names(&self) -> &Names {
        &self.first_names
    }

    /// The child under a key, given as it stands between its quotes.
    pub(super) fn field(&self, id: usize, key: &[u8]) -> Option<usize> {
        if key.len() > self.key_bytes_max {
            return None;
        }
        if key.contains(&b'\\') {
            return self.node(id).named(decode(key).as_bytes());
        }
        self.node(id).named(key)
    }

    fn child_or_new(&mut self, parent: usize, step: &Step) -> usize {
        if let Some(child) = self.node(parent).child(step) {
            return child;
        }
        let id = self.nodes.len();
        self.nodes.push(Node { parent: Some(parent), ..Node::default() });
        if let Some(node) = self.nodes.get_mut(parent) {
            node.adopt(id, step);
        }
        if let Step::Name(name) = step {
            self.key_bytes_max = self.key_bytes_max.max(name.len() * ESCAPED_BYTES_MAX);
            if parent == ROOT {
                self.first_names.add(name);
            }
        }
        id
    }

    fn count_slot(&mut self, id: usize) {
        let mut next = Some(id);
        while let Some(node) = next.and_then(|id| self.nodes.get_mut(id)) {
            node.slots += 1;
            next = node.parent;
        }
    }
}

impl Node {
    fn adopt(&mut self, child: usize, step: &Step) {
        match step {
            Step::Name(name) => self.names.push((name.clone(), child)),
            Step::Index(index) => self.indexes.push((*index, child)),
        }
        self.names.sort();
        self.indexes.sort();
    }

    fn child(&self, step: &Step) -> Option<usize> {
        match step {
            Step::Name(name) => self.named(name.as_bytes()),
            Step::Index(index) => self.item(*index),
        }
    }

    /// The child that is the array item at `index`.
    pub fn item(&self, index: usize) -> Option<usize> {
        let found = self.indexes.binary_search_by_key(&index, |(known, _)| *known).ok()?;
        self.indexes.get(found).map(|(_, child)| *child)
    }

    fn named(&self, name: &[u8]) -> Option<usize> {
        let found = self.names.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        self.names.get(found).map(|(_, child)| *child)
    }

    /// The children that only an object can have.
    pub fn fields(&self) -> impl Iterator<Item = usize> {
        self.names.iter().map(|(_, child)| *child)
    }

    /// The children that only an array can have.
    pub fn items(&self) -> impl Iterator<Item = usize> {
        self.indexes.iter().map(|(_, child)| *child)
    }
}
