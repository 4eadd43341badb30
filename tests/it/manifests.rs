//! What is in `deploy/` for Kubernetes, Prometheus and Grafana, as far as the repository alone can tell: it speaks of
//! metrics, labels, alerts and files that there are. `.ci/run manifests` renders it and asks the tools it is for.

use std::collections::{BTreeMap, BTreeSet};

use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use regex::Regex;
use serde_json::Value;

use super::support::files;

const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const DASHBOARD: &str = "deploy/grafana/candor.json";
const PAGE: &str = "docs/kubernetes.md";
/// What Prometheus puts on every series, and what a histogram's buckets have besides.
const LABELS_OF_ALL: [&str; 3] = ["instance", "job", "le"];
#[test]
fn dashboard_and_alerts_ask_for_metrics_and_labels_that_there_are() {
    let families = families();
    let problems: Vec<String> = expressions()
        .into_iter()
        .flat_map(|expression| unknown_names(&families, &expression))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn names_in_expressions_are_found() {
    let families = [
        ("candor_requests_total", &["route", "code"][..]),
        ("candor_hold_duration_seconds", &[]),
        ("candor_held_bytes", &[]),
    ];
    let families =
        families.map(|(name, labels)| (name.to_owned(), labels.iter().map(|l| l.to_string()).collect()));
    let check = |expression: &str, expected: &[&str]| {
        assert_eq!(unknown_names(&families.clone().into(), expression), expected, "{expression}");
    };
    check("sum by (route) (rate(candor_requests_total{code=~\"5..\", job=\"a\"}[5m]))", &[]);
    check("histogram_quantile(0.5, sum by (le) (rate(candor_hold_duration_seconds_bucket[5m])))", &[]);
    check("job_route:candor_hidden:ratio > 2 and candor_held_bytes > 1", &[]);
    check("candor_request_total", &["`candor_request_total`: no such metric"]);
    check("candor_held_bytes{route=\"/\"}", &["`candor_held_bytes` has no label `route`"]);
    check(
        "sum by (path) (candor_requests_total)",
        &["no metric in `sum by (path) (candor_requests_total)` has `path`"],
    );
}

#[test]
fn the_page_lists_every_alert() {
    let alerts = document(ALERTS);
    let listed: BTreeSet<String> = first_cells(&files::text(PAGE), "alert")
        .flat_map(|cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(listed, texts(&alerts, "alert").into_iter().collect());
}

#[test]
fn every_alert_is_played_where_it_fires_and_where_it_does_not() {
    let tests = files::text("deploy/prometheus/alerts.test.yaml");
    for alert in texts(&document(ALERTS), "alert") {
        assert!(tests.contains(&format!("- alertname: {alert}\n")), "{alert} is never seen to fire");
        let quiet = Regex::new(&format!(r"alertname: {alert}, .*exp_alerts: \[\]")).unwrap();
        assert!(quiet.is_match(&tests), "{alert} is never seen not to fire");
    }
}

#[test]
fn what_the_page_names_is_there() {
    let page = files::text(PAGE);
    let named = Regex::new(r"deploy/[a-z0-9_./-]*[a-z0-9]").unwrap();
    let missing: Vec<&str> = named
        .find_iter(&page)
        .map(|found| found.as_str())
        .filter(|path| !files::path(path).exists())
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    let kustomized = Regex::new(r"kubectl apply -k (\S+)").unwrap();
    for [folder] in kustomized.captures_iter(&page).map(|captures| captures.extract().1) {
        assert!(files::path(folder).join("kustomization.yaml").is_file(), "{folder}");
    }
}

#[test]
fn the_chart_is_of_this_version() {
    let chart = document("deploy/helm/candor/Chart.yaml");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

/// Family of metrics -> its labels, as the page for operators has them.
fn families() -> BTreeMap<String, BTreeSet<String>> {
    let page = files::text("docs/operations.md");
    let row = Regex::new(r"(?m)^\| `((?:candor|process)_[a-z_]+)` \| [a-z]+ \|([^|]*)\|").unwrap();
    let labels = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rows = row.captures_iter(&page).map(|captures| captures.extract().1);
    let families: BTreeMap<String, BTreeSet<String>> =
        rows.map(|[name, cell]| (name.to_owned(), labels(cell))).collect();
    assert!(families.len() > 10, "only {} rows of metrics in docs/operations.md", families.len());
    families
}

/// Every expression of the dashboard and of the alerts.
fn expressions() -> Vec<String> {
    let dashboard = serde_json::from_str(&files::text(DASHBOARD)).unwrap();
    [document(ALERTS), dashboard].iter().flat_map(|document| texts(document, "expr")).collect()
}

/// What an expression asks for and nothing has.
fn unknown_names(families: &BTreeMap<String, BTreeSet<String>>, expression: &str) -> Vec<String> {
    // A recorded series is named after what it is made of: `job_route:candor_hidden_errors:ratio_rate10m`.
    let series = Regex::new(r"(?:^|[^\w:])((?:candor|process)_\w+)(?:\{([^}]*)\})?").unwrap();
    let matcher = Regex::new(r"(\w+)\s*(?:=~|!~|!=|=)").unwrap();
    let grouping = Regex::new(r"\b(?:by|on|without)\s*\(([^)]*)\)").unwrap();
    let (mut problems, mut labels) = (Vec::new(), BTreeSet::from(LABELS_OF_ALL.map(str::to_owned)));
    let recorded = expression.contains(':');
    for captures in series.captures_iter(expression) {
        let written = &captures[1];
        let part = |suffix: &&str| written.strip_suffix(suffix).filter(|name| families.contains_key(*name));
        let name = ["_bucket", "_sum", "_count"].iter().find_map(part).unwrap_or(written);
        let Some(own) = families.get(name) else {
            problems.push(format!("`{written}`: no such metric"));
            continue;
        };
        labels.extend(own.iter().cloned());
        let selector = captures.get(2).map_or("", |selector| selector.as_str());
        for [label] in matcher.captures_iter(selector).map(|captures| captures.extract().1) {
            if !own.contains(label) && !LABELS_OF_ALL.contains(&label) {
                problems.push(format!("`{name}` has no label `{label}`"));
            }
        }
    }
    for [group] in grouping.captures_iter(expression).map(|captures| captures.extract().1) {
        let unknown = |label: &&str| !labels.contains(*label) && !recorded && problems.is_empty();
        let unknown: Vec<&str> = group.split(',').map(str::trim).filter(unknown).collect();
        problems.extend(unknown.iter().map(|label| format!("no metric in `{expression}` has `{label}`")));
    }
    problems
}

/// A YAML file.
fn document(path: &str) -> Value {
    let mut problems = Diagnostics::default();
    let node = document::parse(&Source::new(path, files::text(path)), &mut problems);
    node.unwrap_or_else(|| panic!("{path}")).to_json()
}

/// The texts under a key, however deep.
fn texts(document: &Value, key: &str) -> Vec<String> {
    fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get(key).and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| collect(value, key, found));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(document, key, &mut found);
    assert!(!found.is_empty(), "no `{key}`");
    found
}

/// The first cells of the table whose first heading is this.
fn first_cells<'p>(page: &'p str, heading: &str) -> impl Iterator<Item = &'p str> {
    let begin = format!("| {heading} |");
    let rows = page.lines().skip_while(move |line| !line.starts_with(&begin)).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(|line| line.split('|').nth(1).unwrap().trim())
}
