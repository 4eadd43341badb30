//! Metrics as text, read as strictly as their formats are written: Prometheus text format 0.0.4 and OpenMetrics 1.0.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// What a text says, by family.
pub type Exposition = BTreeMap<String, Family>;

/// A family and its samples, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// What it is.
    pub help: String,
    /// The samples.
    pub samples: Vec<Sample>,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name, suffixes included.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// Reads the older format, or with `open` OpenMetrics.
///
/// # Panics
/// When the text does not hold to its format.
pub fn read(text: &str, open: bool) -> Exposition {
    let text = if open {
        text.strip_suffix("# EOF\n").expect("`# EOF` at the end")
    } else {
        assert!(text.ends_with('\n'), "the last line ends");
        text
    };
    let comment = Regex::new(r"^# (HELP|TYPE|UNIT) ([a-zA-Z_][a-zA-Z0-9_]*) (.+)$").unwrap();
    let mut read = Exposition::new();
    let mut current = String::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.starts_with('#') {
            let family = read.get_mut(&current).unwrap_or_else(|| panic!("a sample of nothing: {line}"));
            let sample = sample(line);
            let suffix = sample.name.strip_prefix(&current).unwrap_or_else(|| panic!("of another: {line}"));
            assert!(suffixes(&family.kind, open).contains(&suffix), "{line}");
            family.samples.push(sample);
            continue;
        }
        let parts = comment.captures(line).unwrap_or_else(|| panic!("no comment that is known: {line}"));
        let (word, name, text) = (&parts[1], &parts[2], parts[3].to_owned());
        if *name != current {
            let known = read.insert(name.to_owned(), Family::default());
            assert_eq!(known, None, "{name} is in two places");
            current = name.to_owned();
        }
        let family = read.get_mut(name).unwrap();
        assert!(family.samples.is_empty(), "after its samples: {line}");
        match word {
            "TYPE" => assert_eq!(std::mem::replace(&mut family.kind, text), "", "twice: {line}"),
            "HELP" => assert_eq!(std::mem::replace(&mut family.help, text), "", "twice: {line}"),
            _ => assert!(open && name.ends_with(&format!("_{text}")), "{line}"),
        }
    }
    read.iter().for_each(|(name, family)| family.check(name, open));
    read
}

/// What may follow a family's name on its samples.
fn suffixes(kind: &str, open: bool) -> &'static [&'static str] {
    match kind {
        "counter" if open => &["_total"],
        "counter" | "gauge" => &[""],
        "histogram" => &["_bucket", "_sum", "_count"],
        other => panic!("no type: `{other}`"),
    }
}

fn sample(line: &str) -> Sample {
    let whole = Regex::new(r#"^([a-zA-Z_][a-zA-Z0-9_]*)(?:\{(.*)\})? (\S+)$"#).unwrap();
    let parts = whole.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
    let label = Regex::new(r#"^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"(,|$)"#).unwrap();
    let mut rest = parts.get(2).map_or("", |labels| labels.as_str());
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let found = label.captures(rest).unwrap_or_else(|| panic!("no label: {line}"));
        let value =
            found[2].replace("\\\\", "\0").replace("\\\"", "\"").replace("\\n", "\n").replace('\0', "\\");
        assert_eq!(labels.insert(found[1].to_owned(), value), None, "twice: {line}");
        rest = &rest[found[0].len()..];
    }
    let value = parts[3].parse().unwrap_or_else(|_| panic!("no number: {line}"));
    Sample { name: parts[1].to_owned(), labels, value }
}

impl Family {
    fn check(&self, name: &str, open: bool) {
        assert!(!self.kind.is_empty() && !self.help.is_empty(), "{name} is not announced");
        assert_eq!(self.kind == "counter" && !open, name.ends_with("_total"), "{name}");
        let series: BTreeSet<_> = self.samples.iter().map(|sample| (&sample.name, &sample.labels)).collect();
        assert_eq!(series.len(), self.samples.len(), "{name} says something twice");
        for sample in &self.samples {
            assert!(self.kind == "gauge" || sample.value >= 0.0, "{sample:?}");
        }
        if self.kind == "histogram" {
            self.check_histograms(name);
        }
    }

    /// Buckets go up to infinity, in order, and all of a histogram stand together.
    fn check_histograms(&self, name: &str) {
        let mut samples = self.samples.iter().peekable();
        while samples.peek().is_some() {
            let (mut end, mut count, mut labels) = (f64::NEG_INFINITY, 0.0, BTreeMap::new());
            while let Some(bucket) = samples.next_if(|sample| sample.name.ends_with("_bucket")) {
                labels = bucket.labels.clone();
                let le = labels.remove("le").expect("an upper end");
                let le = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
                assert!(le > end && bucket.value >= count, "{bucket:?}");
                (end, count) = (le, bucket.value);
            }
            assert_eq!(end, f64::INFINITY, "{name}");
            let (sum, total) = (samples.next().expect("a sum"), samples.next().expect("a count"));
            assert_eq!((&sum.name, &sum.labels), (&format!("{name}_sum"), &labels));
            assert_eq!((&total.name, &total.labels, total.value), (&format!("{name}_count"), &labels, count));
        }
    }

    /// The names of its labels, `le` aside; `None` where it has no samples.
    pub fn labels(&self) -> Option<BTreeSet<String>> {
        let names = |sample: &'_ Sample| -> BTreeSet<String> {
            sample.labels.keys().filter(|name| *name != "le").cloned().collect()
        };
        let mut all = self.samples.iter().map(names);
        let first = all.next()?;
        assert!(all.all(|other| other == first), "{self:?}");
        Some(first)
    }
}
