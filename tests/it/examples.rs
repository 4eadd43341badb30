//! The examples of `deploy/examples` as a visitor runs them: their functions and backends started, Candor configured by
//! the environment of their compose file, and every line of their pages' consoles typed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use candor::diagnostic::{Diagnostics, Source};
use candor::document::{self, Entry, Node, Value};

use super::cli::{self, candor, serving};
use super::support::client::Client;
use super::support::files;

const FOLDER: &str = "deploy/examples";
/// What every line of a page begins with; the status follows the body.
const CURL: [&str; 3] = ["curl", "-sw", r"\n%{http_code}\n"];

/// A program that ends with the value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The services of a compose file, by name.
fn services(example: &str) -> BTreeMap<String, Node> {
    let path = format!("{FOLDER}/{example}/compose.yaml");
    let mut problems = Diagnostics::default();
    let compose = document::parse(&Source::new(&path, files::text(&path)), &mut problems).unwrap();
    let services = &compose.entry("services").unwrap().node;
    entries(services).iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect()
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        other => panic!("expected a map, found {}", other.kind()),
    }
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.entry(key).unwrap().node.scalar_text().unwrap()
}

/// A Python program in an example's folder, and the authority of the URL that it says it answers at.
fn python(example: &str, arguments: &[&str]) -> (Running, String) {
    let mut child = Command::new("python3")
        .arg("-B")
        .args(arguments)
        .current_dir(files::path(&format!("{FOLDER}/{example}")))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.strip_prefix("http://").unwrap_or_else(|| panic!("{example} {arguments:?}: {line:?}"));
    let authority = url.trim_end().split('/').next().unwrap().to_owned();
    (Running(child), authority)
}

/// Starts what a service of the compose file runs, without its container: the program, and the service's address there
/// and here.
fn started(example: &str, name: &str, service: &Node) -> (Running, [String; 2]) {
    let command: Vec<&str> = service
        .entry("command")
        .unwrap()
        .node
        .list_or_one()
        .iter()
        .map(|part| part.scalar_text().unwrap())
        .collect();
    let (program, here, port) = match text(service, "image") {
        image if image.starts_with("public.ecr.aws/lambda/python") => {
            let (program, here) = python(example, &["../function.py", "--port", "0", command[0]]);
            (program, here, 8080)
        }
        _ => {
            assert_eq!(command[..3], ["python3", "-B", "/legacy/backend.py"], "{example}");
            let (program, here) = python(example, &["backend.py", "--port", "0"]);
            (program, here, 9000)
        }
    };
    (program, [format!("{name}:{port}"), here])
}

/// The words of a command line; single quotes are the only ones.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            other => word.push(other),
        }
    }
    words.push(word);
    words
}

/// What `curl` would print for a line of a page.
fn typed(line: &str, address: SocketAddr) -> String {
    let words = words(line);
    assert_eq!(words[..3], CURL, "{line}");
    let (mut method, mut body, mut path) = ("GET", None, None);
    let mut rest = words[3..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-X" => method = rest.next().unwrap(),
            "--json" => body = rest.next(),
            url => path = Some(url.strip_prefix("http://127.0.0.1:8080").unwrap()),
        }
    }
    // As curl does.
    let method = if body.is_some() && method == "GET" { "POST" } else { method };
    let body = body.map_or("", |body| body);
    let mut client = Client::connect(address);
    let length = format!("content-length: {}", body.len());
    client.ask(
        &format!("{method} {}", path.unwrap()),
        &["content-type: application/json", "accept: application/json", &length],
    );
    client.send(body);
    let answer = client.answer(false);
    format!("{}\n{}\n", answer.text(), answer.status())
}

/// The lines after `$` in the consoles of a page, each with what is printed.
fn console(page: &str) -> Vec<(String, String)> {
    let mut lines: Vec<(String, String)> = Vec::new();
    let blocks = page.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    for line in blocks.flat_map(str::lines) {
        match line.strip_prefix("$ ") {
            Some(command) => lines.push((command.to_owned(), String::new())),
            None => lines.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    lines
}

fn check(example: &str) {
    cli::check(&["test", &format!("{FOLDER}/{example}/cases.yaml")], 0, &[" 0 failed"]);
    let services = services(example);
    let others = services.iter().filter(|(name, _)| *name != "candor");
    let (_running, places): (Vec<_>, Vec<_>) =
        others.map(|(name, service)| started(example, name, service)).unzip();
    let folder = files::path(&format!("{FOLDER}/{example}"));
    let mut command = candor(&["serve"]);
    command.env("CANDOR_LISTEN", "127.0.0.1:0").env("CANDOR_ADMIN", "off");
    for entry in entries(&services["candor"].entry("environment").unwrap().node) {
        let value = entry.node.scalar_text().unwrap().replace("/etc/candor", folder.to_str().unwrap());
        let value = places.iter().fold(value, |value, [there, here]| value.replace(there, here));
        command.env(&entry.key, value);
    }
    let (child, _log, address) = serving(&mut command);
    let _candor = Running(child);
    let lines = console(&files::text(&format!("{FOLDER}/{example}/README.md")));
    assert!(lines.len() > 2, "{example}: {lines:?}");
    let printed: String =
        lines.iter().map(|(line, _)| format!("$ {line}\n{}", typed(line, address))).collect();
    let expected: String = lines.iter().map(|(line, printed)| format!("$ {line}\n{printed}")).collect();
    assert_eq!(printed, expected, "{example}\n{printed}");
}

#[test]
fn a_word_in_the_error_chooses_the_status() {
    check("error-models");
}

#[test]
fn an_error_object_travels_in_a_message() {
    check("error-objects");
}

#[test]
fn statuses_are_mapped_passed_and_overridden() {
    check("status-mapping");
}

#[test]
fn what_a_handler_returns_is_a_success() {
    check("handler-errors");
}

#[test]
fn every_example_is_played() {
    let pages = files::with_extension(FOLDER, &["md"]);
    let folders: Vec<_> =
        pages.iter().filter_map(|page| page.strip_prefix(&format!("{FOLDER}/"))?.split_once('/')).collect();
    let played = ["error-models", "error-objects", "handler-errors", "status-mapping"];
    assert_eq!(folders, played.map(|name| (name, "README.md")));
}
