//! A section of the document while it is decoded, and the kinds of values that several sections hold.
//! A key that is absent or has nothing behind it leaves the default; a wrong value is reported, and then leaves
//! the default too, so that one problem does not hide the next.

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Fields, Node, Value};

use super::quick::words;

/// No setting of time needs more, and clocks stay far from overflowing.
const TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The keys of one map; all absent when the map itself is absent or something else.
#[derive(Clone, Copy)]
pub(super) struct Section<'a>(Option<Fields<'a>>);

impl<'a> Section<'a> {
    /// A map with these keys and no others.
    pub(super) fn of(
        node: &'a Node,
        what: &str,
        keys: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Section<'a> {
        Section(node.fields(what, keys, diagnostics))
    }

    /// The map under a key.
    pub(super) fn section(&self, key: &str, keys: &[&str], diagnostics: &mut Diagnostics) -> Section<'a> {
        Section(self.read(key, |node, found| node.fields(&format!("`{key}`"), keys, found), diagnostics))
    }

    /// The value of a key, if there is one.
    pub(super) fn given(&self, key: &str) -> Option<&'a Node> {
        self.0?.get(key).filter(|node| node.value != Value::Null)
    }

    /// The value of a key as `read` understands it.
    pub(super) fn read<T>(
        &self,
        key: &str,
        read: impl FnOnce(&'a Node, &mut Diagnostics) -> Option<T>,
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        read(self.given(key)?, diagnostics)
    }

    /// The value of a key that may be `off`: `None` then, and `default` where nothing valid is given.
    pub(super) fn read_or_off<T>(
        &self,
        key: &str,
        default: Option<T>,
        read: impl FnOnce(&'a Node, &mut Diagnostics) -> Option<T>,
        diagnostics: &mut Diagnostics,
    ) -> Option<T> {
        match self.given(key) {
            None => default,
            Some(node) if node.scalar_text() == Some("off") => None,
            Some(node) => read(node, diagnostics).or(default),
        }
    }
}

/// A time of at most a day.
pub(super) fn time(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = node.duration(diagnostics)?;
    if time > TIME_MAX {
        diagnostics.error(&node.place, "longer than a day");
        return None;
    }
    Some(time)
}

/// A time to wait for something that takes time: not zero.
pub(super) fn patience(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = time(node, diagnostics)?;
    if time.is_zero() {
        let zero = Diagnostic::error("a timeout of zero would let nothing through").at(&node.place);
        diagnostics.push(zero.help("a number with its unit: `250ms`, `2s`, `1m`"));
        return None;
    }
    Some(time)
}

/// A list, each item as `read` understands it. A text is the list of its words, as a variable can hold no other.
pub(super) fn list<T>(
    node: &Node,
    read: impl Fn(&Node, &mut Diagnostics) -> Option<T>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<T>> {
    let items = match &node.value {
        Value::Text(text) => words(text, &node.place),
        _ => node.list_or_one().to_vec(),
    };
    let read: Vec<Option<T>> = items.iter().map(|item| read(item, diagnostics)).collect();
    read.into_iter().collect()
}

/// A number from 0 to 1, to the millionth.
pub(super) fn millionths(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let text = node.text("a rate", diagnostics)?;
    let rate = text.parse::<f64>().ok().filter(|rate| (0.0..=1.0).contains(rate));
    if rate.is_none() {
        let message = format!("`{text}` is not a rate from 0 to 1");
        let help = "a share of all exchanges: `0.01` is one in a hundred";
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(help));
    }
    rate.map(|rate| (rate * 1_000_000.0).round() as u32)
}
