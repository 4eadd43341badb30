//! Where spans of exchanges go. All of it is said by the variables that OpenTelemetry's specification has for every
//! program (`OTEL_EXPORTER_OTLP_ENDPOINT` and those beside it); files have nothing of it.
//!
//! Platforms set these variables for whatever runs on them, so a value that means nothing here is a warning and counts
//! as not set, as the specification asks. Only certificates and keys that cannot be read are errors.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use http::uri::{Authority, Scheme};
use percent_encoding::percent_decode_str;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source, did_you_mean};
use crate::document::{Node, Value};

use super::pem::{IdentityFiles, OfFiles, PemFile, ReadFile};
use super::tls::Tls;

/// Where under a base URL spans go ("OTLP Exporter Configuration", "Endpoint URLs for OTLP/HTTP").
const PATH: &str = "v1/traces";

const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// How spans are made and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// The whole URL that they are posted to.
    pub endpoint: Uri,
    /// Sent along with them: most collectors that are somebody else's want a key. They are not shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether they are sent compressed, with gzip.
    pub is_compressed: bool,
    /// How TLS is spoken where the URL asks for it.
    pub tls: Tls,
    /// How long the collector may take for one batch, all tries together; 10 s unless set.
    pub timeout: Duration,
    /// What the spans are of: `service.name` and more.
    pub resource: Vec<(String, String)>,
    /// Which exchanges are recorded.
    pub sampler: Sampler,
    /// When spans are sent.
    pub batches: Batches,
}

/// Which exchanges are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Whether the caller's decision counts, where there is one.
    pub follows_caller: bool,
    /// Of how many of 2^63 traces all others are.
    pub share: u64,
}

/// When spans are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batches {
    /// Spans that may wait; more are dropped. 2048 unless set.
    pub queue: usize,
    /// Spans that are sent at once; 512 unless set.
    pub spans: usize,
    /// How long a span waits for others at most; 5 s unless set.
    pub delay: Duration,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches { queue: 2048, spans: 512, delay: Duration::from_secs(5) }
    }
}

impl Sampler {
    /// All traces, unless their caller does without.
    pub const ALL: Sampler = Sampler { follows_caller: true, share: 1 << 63 };

    /// A share of all traces, from 0 to 1.
    pub fn share(share: f64) -> u64 {
        // The conversion stays within bounds whatever the number.
        (share * (1_u64 << 63) as f64) as u64
    }
}

impl Traces {
    /// To this URL, everything else as it is where nothing is set.
    pub fn to(endpoint: Uri) -> Traces {
        Traces {
            endpoint,
            headers: Vec::new(),
            is_compressed: false,
            tls: Tls::default(),
            timeout: Duration::from_secs(10),
            resource: vec![("service.name".to_owned(), "candor".to_owned())],
            sampler: Sampler::ALL,
            batches: Batches::default(),
        }
    }

    /// What the variables of the environment say. `None` unless they name an endpoint.
    pub fn read(
        environment: &[(String, String)],
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Traces> {
        let mut variables = Variables { environment, diagnostics };
        if variables.is_off() {
            return None;
        }
        let mut traces = Traces::to(variables.endpoint()?);
        traces.headers = variables.headers();
        traces.is_compressed = variables.is_compressed();
        traces.timeout = variables.milliseconds(&otlp("TIMEOUT")).unwrap_or(traces.timeout);
        traces.resource = variables.resource();
        traces.sampler = variables.sampler();
        traces.batches = variables.batches();
        traces.tls = variables.tls(read_file);
        Some(traces)
    }
}

/// The names of a variable of OTLP: for traces alone, and for everything.
fn otlp(name: &str) -> [String; 2] {
    [format!("OTEL_EXPORTER_OTLP_TRACES_{name}"), format!("OTEL_EXPORTER_OTLP_{name}")]
}

/// The environment while it is read.
struct Variables<'v> {
    environment: &'v [(String, String)],
    diagnostics: &'v mut Diagnostics,
}

/// The value of a variable, and where it is.
struct Set<'v> {
    text: &'v str,
    source: Arc<Source>,
}

impl Set<'_> {
    fn place(&self) -> Place {
        Place::whole(&self.source)
    }
}

impl<'v> Variables<'v> {
    /// The first of these that is set and not empty.
    fn set(&self, names: &[impl AsRef<str>]) -> Option<Set<'v>> {
        let value = |name: &str| {
            let found = self.environment.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        names.iter().find_map(|name| {
            let text = value(name.as_ref())?;
            Some(Set { text, source: Source::new(name.as_ref(), text) })
        })
    }

    fn warn(&mut self, set: &Set<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(message).at(&set.place()).help(help));
    }

    fn is_off(&mut self) -> bool {
        let disabled = self.set(&["OTEL_SDK_DISABLED"]).is_some_and(|set| {
            match set.text.to_ascii_lowercase().as_str() {
                "true" => true,
                "false" => false,
                _ => {
                    let message = format!("`{}` is neither `true` nor `false`", set.text);
                    self.warn(&set, message, "it counts as `false`");
                    false
                }
            }
        });
        let elsewhere = self.set(&["OTEL_TRACES_EXPORTER"]).is_some_and(|set| match set.text {
            "otlp" => false,
            "none" => true,
            other => {
                let message = format!("traces are not exported by `{other}`");
                self.warn(&set, message, "only `otlp` is known; no traces are exported");
                true
            }
        });
        disabled || elsewhere || !self.speaks_http()
    }

    /// Whether what the collector is to be spoken to in is known here.
    fn speaks_http(&mut self) -> bool {
        if self.set(&otlp("ENDPOINT")).is_none() {
            return true;
        }
        let Some(set) = self.set(&otlp("PROTOCOL")) else { return true };
        if set.text == "http/protobuf" {
            return true;
        }
        let message = format!("traces are not exported over `{}`", set.text);
        let help = "`http/protobuf` is spoken, which collectors take at port 4318; no traces are exported";
        self.warn(&set, message, help);
        false
    }

    fn endpoint(&mut self) -> Option<Uri> {
        let [own, base] = otlp("ENDPOINT");
        let (set, is_whole) = match (self.set(&[own]), self.set(&[base])) {
            (Some(own), _) => (own, true),
            (None, base) => (base?, false),
        };
        let text = match is_whole {
            true => set.text.to_owned(),
            false => format!("{}/{PATH}", set.text.trim_end_matches('/')),
        };
        let is_url = |uri: &Uri| {
            matches!(uri.scheme().map(Scheme::as_str), Some("http" | "https"))
                && uri.authority().is_some_and(|authority: &Authority| !authority.host().is_empty())
        };
        let uri = text.parse().ok().filter(is_url);
        if uri.is_none() {
            let message = format!("`{}` is not a URL of a collector", set.text);
            self.warn(&set, message, "such as `http://collector:4318`; no traces are exported");
        }
        uri
    }

    fn headers(&mut self) -> Vec<(HeaderName, HeaderValue)> {
        let Some(set) = self.set(&otlp("HEADERS")) else { return Vec::new() };
        let header = |(name, value): (String, String)| {
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let headers: Option<Vec<_>> =
            pairs(set.text).and_then(|pairs| pairs.into_iter().map(header).collect());
        headers.unwrap_or_else(|| {
            // The value may be a secret.
            let hidden = Source::new(set.source.name.clone(), "…");
            let set = Set { text: set.text, source: hidden };
            self.warn(&set, "these are no headers", "write `name=value`, several separated by commas");
            Vec::new()
        })
    }

    fn is_compressed(&mut self) -> bool {
        let Some(set) = self.set(&otlp("COMPRESSION")) else { return false };
        match set.text {
            "gzip" => true,
            "none" => false,
            other => {
                let message = format!("traces are not compressed by `{other}`");
                self.warn(&set, message, "`gzip` or `none`; they are sent with gzip");
                true
            }
        }
    }

    fn milliseconds(&mut self, names: &[impl AsRef<str>]) -> Option<Duration> {
        let set = self.set(names)?;
        let time = set.text.parse().ok().filter(|time| (1..=86_400_000).contains(time));
        if time.is_none() {
            let message = format!("`{}` is not a time in milliseconds", set.text);
            self.warn(&set, message, "a whole number above zero; it counts as not set");
        }
        time.map(Duration::from_millis)
    }

    fn count(&mut self, name: &str) -> Option<usize> {
        let set = self.set(&[name])?;
        let count = set.text.parse().ok().filter(|count| (1..=1_000_000).contains(count));
        if count.is_none() {
            let message = format!("`{}` is not a number of spans", set.text);
            self.warn(&set, message, "from 1 to 1000000; it counts as not set");
        }
        count
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let mut attributes = match self.set(&["OTEL_RESOURCE_ATTRIBUTES"]) {
            None => Vec::new(),
            Some(set) => pairs(set.text).unwrap_or_else(|| {
                let message = format!("`{}` are no attributes", set.text);
                self.warn(&set, message, "write `name=value`, several separated by commas");
                Vec::new()
            }),
        };
        let is_name = |(key, _): &(String, String)| key == "service.name";
        let named = attributes.iter().find(|attribute| is_name(attribute)).map(|(_, value)| value.clone());
        let name = self.set(&["OTEL_SERVICE_NAME"]).map(|set| set.text.to_owned()).or(named);
        attributes.retain(|attribute| !is_name(attribute));
        attributes.insert(0, ("service.name".to_owned(), name.unwrap_or_else(|| "candor".to_owned())));
        attributes
    }

    fn sampler(&mut self) -> Sampler {
        let Some(set) = self.set(&["OTEL_TRACES_SAMPLER"]) else { return Sampler::ALL };
        let (follows_caller, root) = match set.text.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, set.text),
        };
        let share = match root {
            "always_on" => 1 << 63,
            "always_off" => 0,
            "traceidratio" => self.ratio(),
            _ => {
                let message = format!("`{}` is not a sampler", set.text);
                let help = match did_you_mean(set.text, SAMPLERS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!("one of {}", SAMPLERS.map(|name| format!("`{name}`")).join(", ")),
                };
                self.warn(&set, message, help);
                return Sampler::ALL;
            }
        };
        Sampler { follows_caller, share }
    }

    fn ratio(&mut self) -> u64 {
        let Some(set) = self.set(&["OTEL_TRACES_SAMPLER_ARG"]) else { return 1 << 63 };
        match set.text.parse().ok().filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Sampler::share(share),
            None => {
                let message = format!("`{}` is not a share from 0 to 1", set.text);
                self.warn(&set, message, "`0.01` is one trace in a hundred; it counts as 1");
                1 << 63
            }
        }
    }

    fn batches(&mut self) -> Batches {
        let default = Batches::default();
        let queue = self.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(default.queue);
        let spans = self.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(default.spans);
        let delay = self.milliseconds(&["OTEL_BSP_SCHEDULE_DELAY"]).unwrap_or(default.delay);
        Batches { queue, spans: spans.min(queue), delay }
    }

    fn tls(&mut self, read_file: ReadFile<'_>) -> Tls {
        let mut file = |name: &str| {
            let set = self.set(&otlp(name))?;
            let node = Node { place: set.place(), value: Value::Text(set.text.to_owned()) };
            PemFile::read(&node, self.diagnostics)
        };
        let ca_file = file("CERTIFICATE");
        let identity_files = match (file("CLIENT_CERTIFICATE"), file("CLIENT_KEY")) {
            (Some(certificate), Some(key)) => Some(IdentityFiles { certificate, key }),
            (Some(alone), None) | (None, Some(alone)) => {
                alone.wrong("a certificate and its key belong together", self.diagnostics);
                None
            }
            (None, None) => None,
        };
        let mut tls = Tls { ca_file, identity_files, ..Tls::default() };
        tls.fill(read_file, self.diagnostics);
        tls
    }
}

/// `name=value`, several separated by commas, as in W3C Baggage: values may be percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        (!name.trim().is_empty()).then(|| (name.trim().to_owned(), value.into_owned()))
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    fn read(variables: &[(&str, &str)]) -> (Option<Traces>, Vec<String>) {
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut diagnostics = Diagnostics::default();
        let no_files =
            |path: &str, place: &Place| Err(Diagnostic::error(format!("cannot read `{path}`")).at(place));
        let traces = Traces::read(&environment, &no_files, &mut diagnostics);
        let told = diagnostics.into_sorted().into_iter().map(|problem| {
            let help = problem.help.unwrap_or_default();
            format!("{}: {} ({help})", problem.severity, problem.message)
        });
        (traces, told.collect())
    }

    /// The traces that these variables and an endpoint ask for.
    fn traces(variables: &[(&str, &str)]) -> Traces {
        let (traces, problems) = read(&[&[ENDPOINT], variables].concat());
        assert_eq!(problems, Vec::<String>::new(), "{variables:?}");
        traces.unwrap()
    }

    #[test]
    fn there_are_no_traces_unless_an_endpoint_says_where() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            let (traces, problems) = read(variables);
            assert_eq!(problems, Vec::<String>::new());
            assert_eq!(traces.map(|it| it.endpoint.to_string()).as_deref(), expected, "{variables:?}");
        };
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://spans.example/in");
        check(&[], None);
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], None);
        check(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_SERVICE_NAME", "x")], None);
        check(&[ENDPOINT], Some("http://collector:4318/v1/traces"));
        check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c/base/")], Some("http://c/base/v1/traces"));
        check(&[ENDPOINT, own], Some("https://spans.example/in"));
        check(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")], None);
        check(&[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")], None);
        check(&[own, ("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")], Some(own.1));
    }

    #[test]
    fn what_the_variables_say_is_done() {
        let said = traces(&[
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, x-team = c"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "100"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=legacy,deployment.environment.name=test,a=b%2Cc"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ]);
        let headers: Vec<_> =
            said.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, [("x-key", "a b"), ("x-team", "c")]);
        assert_eq!((said.timeout, said.is_compressed), (Duration::from_millis(250), true));
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let resource = [("service.name", "legacy"), ("deployment.environment.name", "test"), ("a", "b,c")];
        assert_eq!(said.resource, resource.map(own));
        assert_eq!(said.batches, Batches { queue: 100, spans: 100, delay: Duration::from_millis(1) });
        let named = traces(&[("OTEL_RESOURCE_ATTRIBUTES", "service.name=a"), ("OTEL_SERVICE_NAME", "b")]);
        assert_eq!(named.resource, [own(("service.name", "b"))]);
        assert_eq!(traces(&[]).resource, [own(("service.name", "candor"))]);
    }

    #[test]
    fn samplers_have_the_names_of_the_specification() {
        let check = |name: &str, argument: &str, follows_caller: bool, share: f64| {
            let said = [("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
            let expected = Sampler { follows_caller, share: Sampler::share(share) };
            assert_eq!(traces(&said).sampler, expected, "{name}");
        };
        check("", "", true, 1.0);
        check("always_on", "", false, 1.0);
        check("always_off", "", false, 0.0);
        check("traceidratio", "0.25", false, 0.25);
        check("parentbased_always_on", "", true, 1.0);
        check("parentbased_always_off", "", true, 0.0);
        check("parentbased_traceidratio", "0.5", true, 0.5);
        check("parentbased_traceidratio", "", true, 1.0);
        assert_eq!(Sampler::share(1.0), 1 << 63);
    }

    #[test]
    fn wrong_values_are_warnings_and_count_as_not_set() {
        let check = |name: &str, value: &str, expected: &str| {
            let (_, problems) = read(&[ENDPOINT, (name, value)]);
            assert_eq!(problems, [format!("warning: {expected}")], "{name}={value}");
        };
        let time = "is not a time in milliseconds (a whole number above zero; it counts as not set)";
        let spans = "is not a number of spans (from 1 to 1000000; it counts as not set)";
        check(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "collector:4318",
            "`collector:4318` is not a URL of a collector (such as `http://collector:4318`; no traces are exported)",
        );
        check(
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            "traces are not exported over `grpc` (`http/protobuf` is spoken, which collectors take at port 4318; no traces are exported)",
        );
        check(
            "OTEL_TRACES_EXPORTER",
            "zipkin",
            "traces are not exported by `zipkin` (only `otlp` is known; no traces are exported)",
        );
        check("OTEL_SDK_DISABLED", "yes", "`yes` is neither `true` nor `false` (it counts as `false`)");
        check(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "secret",
            "these are no headers (write `name=value`, several separated by commas)",
        );
        check(
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "zstd",
            "traces are not compressed by `zstd` (`gzip` or `none`; they are sent with gzip)",
        );
        check("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", &format!("`10s` {time}"));
        check("OTEL_EXPORTER_OTLP_TIMEOUT", "0", &format!("`0` {time}"));
        check("OTEL_BSP_SCHEDULE_DELAY", "-1", &format!("`-1` {time}"));
        check("OTEL_BSP_MAX_QUEUE_SIZE", "0", &format!("`0` {spans}"));
        check("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", &format!("`many` {spans}"));
        check(
            "OTEL_RESOURCE_ATTRIBUTES",
            "a",
            "`a` are no attributes (write `name=value`, several separated by commas)",
        );
        check(
            "OTEL_TRACES_SAMPLER",
            "parentbased_traceidration",
            "`parentbased_traceidration` is not a sampler (did you mean `parentbased_traceidratio`?)",
        );
        let (traces, problems) =
            read(&[ENDPOINT, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "10")]);
        assert_eq!(traces.unwrap().sampler.share, 1 << 63);
        let expected =
            "warning: `10` is not a share from 0 to 1 (`0.01` is one trace in a hundred; it counts as 1)";
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_an_error() {
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(read(&[ENDPOINT, (name, "missing.pem")]).1, expected, "{name}");
        };
        check("OTEL_EXPORTER_OTLP_CERTIFICATE", &["error: cannot read `missing.pem` ()"]);
        check("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", &["error: cannot read `missing.pem` ()"]);
        check("OTEL_EXPORTER_OTLP_CLIENT_KEY", &["error: a certificate and its key belong together ()"]);
    }
}
