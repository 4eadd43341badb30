//! Samples as text: Prometheus's format 0.0.4, and OpenMetrics 1.0, which differs in how counters are announced, names
//! units, and says where it ends.

use std::fmt::Write;

use crate::telemetry::meters::source::{Kind, Samples, Spread, Told};

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The one that an `Accept` header (RFC 9110, section 12.5.1) likes better; the older of equals, as everybody reads
    /// it.
    pub fn accepted(accept: &str) -> Format {
        let (mut prometheus, mut open_metrics) = (0.0_f32, 0.0_f32);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut is_ours) = (1.0_f32, true);
            for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = value.trim().parse().unwrap_or(0.0),
                    "version" => is_ours = value.trim().trim_matches('"').starts_with("1."),
                    _ => {}
                }
            }
            match kind.as_str() {
                "application/openmetrics-text" if is_ours => open_metrics = weight.max(open_metrics),
                "text/plain" | "text/*" | "*/*" => prometheus = weight.max(prometheus),
                _ => {}
            }
        }
        if open_metrics > prometheus { Format::OpenMetrics } else { Format::Prometheus }
    }

    /// The `Content-Type` of it.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The samples, each family after what it is.
    pub fn write(self, samples: &Samples) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        for told in samples.0.values() {
            let _ = self.write_family(told, &mut text);
        }
        if self == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn write_family(self, told: &Told, text: &mut String) -> std::fmt::Result {
        let Told { family, values, spreads } = told;
        let name = match (self, family.kind) {
            // In OpenMetrics `_total` belongs to the sample, not to the family.
            (Format::OpenMetrics, Kind::Counter) => family.name.strip_suffix("_total").unwrap_or(family.name),
            _ => family.name,
        };
        let help = family.help.replace('\\', r"\\");
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}")?;
        if let Some(unit) = unit(name).filter(|_| self == Format::OpenMetrics) {
            writeln!(text, "# UNIT {name} {unit}")?;
        }
        for (labels, value) in values {
            writeln!(text, "{}{} {value}", family.name, braced(labels))?;
        }
        for (labels, spread) in spreads {
            write_spread(family.name, labels, spread, text)?;
        }
        Ok(())
    }
}

/// A histogram: how many values are no larger than each upper end, all values added, and how many there are.
fn write_spread(name: &str, labels: &str, spread: &Spread, text: &mut String) -> std::fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut count = 0;
    for (end, more) in &spread.buckets {
        count += more;
        if end.is_infinite() {
            writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}")?;
        } else {
            writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{end:?}\"}} {count}")?;
        }
    }
    let labels = braced(labels);
    writeln!(text, "{name}_sum{labels} {}\n{name}_count{labels} {count}", spread.sum)
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

fn unit(name: &str) -> Option<&'static str> {
    ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::meters::Family;

    static SEEN: Family = Family::counter("candor_seen_total", "Things seen");
    static TOOK: Family = Family::histogram("candor_took_seconds", r"Time, by \route");
    static OPEN: Family = Family::gauge("candor_open_bytes", "Nothing said yet");

    fn samples() -> Samples {
        let mut samples = Samples::default();
        samples.add(&SEEN, &[("route", "/a/{b}"), ("code", "200")], 3.0);
        samples.declare(&OPEN);
        let spread = Spread { buckets: vec![(0.000_128, 1), (1.0, 2), (f64::INFINITY, 4)], sum: 9.5 };
        samples.spread(&TOOK, &[("route", "x\"y")], &spread);
        samples
    }

    #[test]
    fn prometheus_text() {
        let expected = r#"# HELP candor_open_bytes Nothing said yet.
# TYPE candor_open_bytes gauge
# HELP candor_seen_total Things seen.
# TYPE candor_seen_total counter
candor_seen_total{route="/a/{b}",code="200"} 3
# HELP candor_took_seconds Time, by \\route.
# TYPE candor_took_seconds histogram
candor_took_seconds_bucket{route="x\"y",le="0.000128"} 1
candor_took_seconds_bucket{route="x\"y",le="1.0"} 3
candor_took_seconds_bucket{route="x\"y",le="+Inf"} 7
candor_took_seconds_sum{route="x\"y"} 9.5
candor_took_seconds_count{route="x\"y"} 7
"#;
        assert_eq!(Format::Prometheus.write(&samples()), expected);
    }

    #[test]
    fn open_metrics_text() {
        let text = Format::OpenMetrics.write(&samples());
        let announced: Vec<&str> = text.lines().filter(|line| line.starts_with("# ")).collect();
        let expected = [
            "# HELP candor_open_bytes Nothing said yet.",
            "# TYPE candor_open_bytes gauge",
            "# UNIT candor_open_bytes bytes",
            "# HELP candor_seen Things seen.",
            "# TYPE candor_seen counter",
            r"# HELP candor_took_seconds Time, by \\route.",
            "# TYPE candor_took_seconds histogram",
            "# UNIT candor_took_seconds seconds",
            "# EOF",
        ];
        assert_eq!(announced, expected);
        assert!(text.contains("\ncandor_seen_total{") && text.ends_with("# EOF\n"));
    }

    #[test]
    fn who_asks_chooses_the_format() {
        let check = |accept: &str, expected| assert_eq!(Format::accepted(accept), expected, "{accept}");
        check("", Format::Prometheus);
        check("*/*", Format::Prometheus);
        check("text/html, */*;q=0.8", Format::Prometheus);
        check("application/openmetrics-text", Format::OpenMetrics);
        check("application/openmetrics-text; version=0.0.1", Format::Prometheus);
        check("Application/OpenMetrics-Text;Version=\"1.0.0\";q=0.5", Format::OpenMetrics);
        check("application/openmetrics-text;q=0.3, text/plain;q=0.4", Format::Prometheus);
        check("application/openmetrics-text;q=x", Format::Prometheus);
        // What Prometheus 2 and 3 send.
        let sent = "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(sent, Format::OpenMetrics);
        let sent = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.2";
        check(sent, Format::OpenMetrics);
    }
}
