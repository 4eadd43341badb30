//! `$context`: a tree whose branches print as nothing.

use super::super::fault::Fault;
use super::super::heap::{Heap, ListKind, MapId, MapKind};
use super::super::value::Value;

/// A value of `$context`.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// What a template takes for missing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// An `Integer`, or a `Long` where it must be.
    Integer(i64),
    /// A `Double`.
    Double(f64),
    /// A string.
    Text(&'a str),
    /// A list.
    List(Vec<Node<'a>>),
    /// More of the tree.
    Branch(Vec<(&'a str, Node<'a>)>),
}

impl<'a> From<&'a serde_json::Value> for Node<'a> {
    fn from(value: &'a serde_json::Value) -> Node<'a> {
        match value {
            serde_json::Value::Null => Node::Null,
            serde_json::Value::Bool(value) => Node::Boolean(*value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => Node::Integer(number),
                (None, Some(number)) => Node::Double(number),
                (None, None) => Node::Null,
            },
            serde_json::Value::String(text) => Node::Text(text),
            serde_json::Value::Array(items) => Node::List(items.iter().map(Node::from).collect()),
            serde_json::Value::Object(members) => {
                Node::Branch(members.iter().map(|(name, value)| (name.as_str(), Node::from(value))).collect())
            }
        }
    }
}

/// The map, with places for the overrides even if the tree has none.
pub(super) fn build<'a>(tree: &'a [(&'a str, Node<'a>)], heap: &mut Heap<'a>) -> Result<MapId, Fault> {
    let context = branch(tree, heap, 0)?;
    for (name, places) in
        [("requestOverride", &["path", "header", "querystring"][..]), ("responseOverride", &["header"][..])]
    {
        match heap.map(context).named(name) {
            Some(Value::Map(overrides)) => {
                let overrides = *overrides;
                places.iter().try_for_each(|place| add_branch(overrides, place, heap))?;
            }
            _ => {
                let overrides = Value::Map(heap.make_branches(places)?);
                heap.put(context, Value::borrowed(name), overrides)?;
            }
        }
    }
    Ok(context)
}

/// A branch of that name, if there is none.
fn add_branch<'a>(map: MapId, name: &'static str, heap: &mut Heap<'a>) -> Result<(), Fault> {
    if let Some(Value::Map(_)) = heap.map(map).named(name) {
        return Ok(());
    }
    let branch = heap.make_map(MapKind::Context)?;
    heap.put(map, Value::borrowed(name), Value::Map(branch)).map(drop)
}

fn branch<'a>(members: &'a [(&'a str, Node<'a>)], heap: &mut Heap<'a>, depth: u32) -> Result<MapId, Fault> {
    heap.meter.descend(depth)?;
    let map = heap.make_map(MapKind::Context)?;
    for (name, node) in members {
        let value = value_of(node, heap, depth + 1)?;
        heap.put(map, Value::borrowed(name), value)?;
    }
    Ok(map)
}

fn value_of<'a>(node: &'a Node<'a>, heap: &mut Heap<'a>, depth: u32) -> Result<Value<'a>, Fault> {
    Ok(match node {
        Node::Null => Value::Null,
        Node::Boolean(value) => Value::Boolean(*value),
        Node::Integer(value) => i32::try_from(*value).map_or(Value::Long(*value), Value::Integer),
        Node::Double(value) => Value::Double(*value),
        Node::Text(text) => Value::borrowed(text),
        Node::List(nodes) => {
            heap.meter.descend(depth)?;
            let items = nodes.iter().map(|node| value_of(node, heap, depth + 1)).collect::<Result<_, _>>()?;
            heap.make_list(ListKind::Json, items)?
        }
        Node::Branch(members) => Value::Map(branch(members, heap, depth)?),
    })
}
