//! What others than exchanges have to tell when metrics are asked for. State that is the process's rather than an
//! exchange's (a configuration, certificates, endpoints, connections) is kept by its owner, in numbers of its own, and
//! told on demand: nothing is pushed anywhere, and there is no registry that a process has only one of.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write;
use std::sync::{Arc, Weak};

/// Something that can say figures when metrics are asked for.
///
/// It is asked on a thread of its own, never by one that carries traffic, and must not wait.
pub trait Source: Send + Sync {
    /// Says them. A family that belongs to it is [declared](Samples::declare) also where there is nothing to say yet.
    fn tell(&self, samples: &mut Samples);
}

/// Metrics of one name.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The whole name: with its unit (`_seconds`, `_bytes`), and `_total` for counters.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// One sentence, without its full stop.
    pub help: &'static str,
}

/// What the values of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values by how large they are, with their sum.
    Histogram,
}

/// How many values are how large.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Upper ends, themselves included, in order, the last of them infinity, and how many values are in each that are in
    /// none before.
    pub buckets: Vec<(f64, u64)>,
    /// All values added.
    pub sum: f64,
}

/// What was said: samples by family and labels.
#[derive(Debug, Default)]
pub struct Samples(pub(crate) BTreeMap<&'static str, Told>);

/// What was said of one family, by its labels as the text formats write them between braces.
#[derive(Debug)]
pub(crate) struct Told {
    pub family: &'static Family,
    pub values: BTreeMap<String, f64>,
    pub spreads: BTreeMap<String, Spread>,
}

impl Family {
    /// A family of counters.
    pub const fn counter(name: &'static str, help: &'static str) -> Family {
        Family { name, kind: Kind::Counter, help }
    }

    /// A family of gauges.
    pub const fn gauge(name: &'static str, help: &'static str) -> Family {
        Family { name, kind: Kind::Gauge, help }
    }

    /// A family of histograms.
    pub const fn histogram(name: &'static str, help: &'static str) -> Family {
        Family { name, kind: Kind::Histogram, help }
    }
}

impl Samples {
    /// The family exists, whether or not there is a sample of it.
    pub fn declare(&mut self, family: &'static Family) {
        self.told(family);
    }

    /// Says a value of a counter or gauge. What several say under the same labels is added up. Label values come from
    /// closed sets: the configuration's names, statuses, words of this program; nothing that a client can choose.
    pub fn add(&mut self, family: &'static Family, labels: &[(&'static str, &str)], value: f64) {
        *self.told(family).values.entry(written(labels)).or_default() += value;
    }

    /// Says a histogram. What several say under the same labels is added up; they must have the same upper ends.
    pub fn spread(&mut self, family: &'static Family, labels: &[(&'static str, &str)], spread: &Spread) {
        self.told(family).spreads.entry(written(labels)).or_default().add(spread);
    }

    fn told(&mut self, family: &'static Family) -> &mut Told {
        let nothing = || Told { family, values: BTreeMap::new(), spreads: BTreeMap::new() };
        self.0.entry(family.name).or_insert_with(nothing)
    }
}

impl Spread {
    fn add(&mut self, other: &Spread) {
        self.sum += other.sum;
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
    }
}

/// Labels as both text formats write them: `a="x",b="y"`.
fn written(labels: &[(&'static str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in labels {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{comma}{name}=\"");
        for character in value.chars() {
            match character {
                '\\' => text.push_str(r"\\"),
                '"' => text.push_str(r#"\""#),
                '\n' => text.push_str(r"\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    text
}

/// Those who are asked.
#[derive(Default)]
pub(super) struct Sources(Vec<Listened>);

enum Listened {
    Always(Arc<dyn Source>),
    WhileItLives(Weak<dyn Source>),
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sources({})", self.0.len())
    }
}

impl Sources {
    pub fn add(&mut self, source: Arc<dyn Source>) {
        self.0.push(Listened::Always(source));
    }

    /// Those that are gone make room first.
    pub fn add_mortal(&mut self, source: Weak<dyn Source>) {
        self.0.retain(|listened| listened.source().is_some());
        self.0.push(Listened::WhileItLives(source));
    }

    /// Those that live, so that none is asked while others wait to be added.
    pub fn living(&self) -> Vec<Arc<dyn Source>> {
        self.0.iter().filter_map(Listened::source).collect()
    }
}

impl Listened {
    fn source(&self) -> Option<Arc<dyn Source>> {
        match self {
            Listened::Always(source) => Some(Arc::clone(source)),
            Listened::WhileItLives(source) => source.upgrade(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SEEN: Family = Family::counter("candor_seen_total", "Things seen");

    struct Two(&'static str);

    impl Source for Two {
        fn tell(&self, samples: &mut Samples) {
            samples.add(&SEEN, &[("name", self.0)], 2.0);
        }
    }

    #[test]
    fn what_is_said_under_the_same_labels_is_added_up() {
        let mut sources = Sources::default();
        sources.add(Arc::new(Two("a")));
        sources.add(Arc::new(Two("b\"\\\n")));
        let mortal: Arc<dyn Source> = Arc::new(Two("a"));
        sources.add_mortal(Arc::downgrade(&mortal));
        let told = |sources: &Sources| {
            let mut samples = Samples::default();
            sources.living().iter().for_each(|source| source.tell(&mut samples));
            samples.0["candor_seen_total"].values.clone().into_iter().collect::<Vec<_>>()
        };
        let other = (r#"name="b\"\\\n""#.to_owned(), 2.0);
        assert_eq!(told(&sources), [("name=\"a\"".to_owned(), 4.0), other.clone()]);
        drop(mortal);
        assert_eq!(told(&sources), [("name=\"a\"".to_owned(), 2.0), other]);
    }

    #[test]
    fn histograms_are_added_bucket_by_bucket() {
        static SIZE: Family = Family::histogram("candor_size_bytes", "Sizes");
        let mut samples = Samples::default();
        let spread = |low, high, sum| Spread { buckets: vec![(1.0, low), (2.0, high)], sum };
        samples.spread(&SIZE, &[], &spread(1, 2, 5.0));
        samples.spread(&SIZE, &[], &spread(10, 20, 50.0));
        assert_eq!(samples.0["candor_size_bytes"].spreads[""], spread(11, 22, 55.0));
    }
}
