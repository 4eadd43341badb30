//! The page on templates: its examples print what it says, its tables of limits and methods are those of the code.
//!
//! A fenced block with a name (`vtl problem.vtl`, `json answer.json`) is a file, and a `console` block runs `candor`
//! beside these files. `vtl` alone is followed by `text output`. Tables of a `template` and what it `prints` are for
//! the last `json body` and `json inputs`; instead of what is printed they may say `error`.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use candor::vtl::Limits;
use candor::vtl::methods::{self, Class, Method};
use serde_json::{Value as Json, json};

use crate::cli::candor;
use crate::support::files;

const PAGE: &str = "docs/templates.md";
/// The end of what is written by hand.
const METHODS: &str = "tests/it/templates.rs says how. -->\n";
/// Writes the table of methods instead of comparing it.
const UPDATE: &str = "CANDOR_UPDATE_DOCS";

/// A fenced block: what its fence says, and what is in it.
struct Block {
    line: usize,
    word: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(word) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        let text = inside.map(|line| format!("{line}\n")).collect();
        blocks.push(Block { line: number + 1, word: word.to_owned(), text });
    }
    blocks
}

/// A template, the rest of its line in the form of `--batch`, and what it should print; nothing for an error.
struct Example {
    line: usize,
    template: String,
    inputs: Json,
    prints: Option<String>,
}

impl Example {
    fn problem(&self, answer: &Json) -> Option<String> {
        let fits = match &self.prints {
            Some(prints) => answer["output"] == **prints,
            None => answer["error"]["kind"] == "parse" || answer["error"]["kind"] == "runtime",
        };
        (!fits).then(|| {
            format!("{PAGE}:{}: {}\n  {answer}\n  should be {:?}", self.line, self.template, self.prints)
        })
    }
}

/// The page from its beginning, block by block and row by row.
fn examples(text: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut inputs = json!({});
    let mut template = None;
    let mut blocks = blocks(text).into_iter();
    let mut lines = text.lines().enumerate();
    let mut is_examples = false;
    while let Some((number, line)) = lines.next() {
        if line.starts_with("```") {
            let block = blocks.next().unwrap();
            lines.by_ref().find(|(_, line)| *line == "```");
            let content = block.text.strip_suffix('\n').unwrap_or_default().to_owned();
            match block.word.as_str() {
                "json body" => inputs["body"] = content.into(),
                "json inputs" => {
                    let others: Json = content.parse().unwrap();
                    inputs.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
                }
                "vtl" => template = Some(content),
                "text output" => {
                    let template = template.take().expect("a template before its output");
                    let inputs = inputs.clone();
                    examples.push(Example { line: block.line, template, inputs, prints: Some(content) });
                }
                _ => {}
            }
        } else if is_examples && line.starts_with("| `") {
            let [template, prints] = cells(line);
            let prints = code(&prints).map(str::to_owned);
            let template = code(&template).unwrap().to_owned();
            examples.push(Example { line: number + 1, template, inputs: inputs.clone(), prints });
        } else if !line.starts_with("|---") {
            is_examples = line == "| template | prints |";
        }
    }
    examples
}

/// The two cells of a row; a `|` within one stands behind a backslash.
fn cells(row: &str) -> [String; 2] {
    let row = row.replace("\\|", "\u{0}");
    let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
    let [first, second] = cells[..] else { panic!("not two cells: {row}") };
    [first, second].map(|cell| cell.trim().replace('\u{0}', "|"))
}

/// What is between backticks; nothing for the word `error`.
fn code(cell: &str) -> Option<&str> {
    if cell == "error" {
        return None;
    }
    Some(cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(|| panic!("{cell}")))
}

#[test]
fn examples_print_what_the_page_says() {
    let examples = examples(&files::text(PAGE));
    assert!(examples.len() > 60, "{}", examples.len());
    let lines = examples.iter().map(|example| {
        let line = json!({ "id": example.line, "template": example.template, "inputs": example.inputs });
        format!("{line}\n")
    });
    let (_, answers) = run("render --batch", &lines.collect::<String>(), files::path("."));
    let problems = examples
        .iter()
        .zip(answers.lines())
        .filter_map(|(example, answer)| example.problem(&answer.parse().unwrap()));
    let problems: Vec<String> = problems.collect();
    assert_eq!(answers.lines().count(), examples.len());
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn commands_print_what_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut commands = 0;
    for block in blocks(&files::text(PAGE)) {
        let (language, name) = block.word.split_once(' ').unwrap_or((&block.word, ""));
        match language {
            "vtl" | "json" if name.contains('.') => fs::write(folder.path().join(name), &block.text).unwrap(),
            "console" => {
                commands += 1;
                let (command, expected) = block.text.split_once('\n').unwrap();
                let command = command.strip_prefix("$ candor ").unwrap();
                let (command, input) = command.split_once(" < ").unwrap_or((command, ""));
                let input = match input {
                    "" => String::new(),
                    input => fs::read_to_string(folder.path().join(input)).unwrap(),
                };
                let (stderr, stdout) = run(command, &input, folder.path().to_owned());
                let printed = format!("{stdout}{stderr}");
                assert_eq!(printed.trim_end(), expected.trim_end(), "{PAGE}:{}", block.line);
            }
            _ => {}
        }
    }
    assert!(commands >= 5, "{commands}");
}

/// Stderr and stdout of a command.
fn run(command: &str, input: &str, folder: std::path::PathBuf) -> (String, String) {
    let arguments: Vec<&str> = command.split(' ').collect();
    let stdin = tempfile::tempfile().unwrap();
    let mut writer = stdin.try_clone().unwrap();
    std::io::Write::write_all(&mut writer, input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut writer).unwrap();
    let output = candor(&arguments).current_dir(folder).stdin(Stdio::from(stdin)).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stderr), text(output.stdout))
}

#[test]
fn limits_are_those_of_the_page() {
    let Limits { template_bytes, loop_turns, steps, depth, output_bytes, memory_bytes } = Limits::default();
    let page = files::text(PAGE);
    for (name, value) in [
        ("template_bytes", template_bytes as u64),
        ("loop_turns", loop_turns.into()),
        ("steps", steps),
        ("depth", depth.into()),
        ("output_bytes", output_bytes as u64),
        ("memory_bytes", memory_bytes as u64),
    ] {
        let row = format!("| `{name}` | {value} |");
        assert!(page.contains(&row), "{PAGE} should have {row}");
    }
}

#[test]
fn methods_are_those_of_the_page() {
    let page = files::text(PAGE);
    let (by_hand, found) = page.split_once(METHODS).expect("the table of methods is marked");
    let expected: String = methods::all().into_iter().map(section).collect();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(files::path(PAGE), format!("{by_hand}{METHODS}{expected}")).unwrap();
        return;
    }
    assert!(
        found == expected,
        "{PAGE} has other methods; `{UPDATE}=1 cargo test --test it methods_are` writes them"
    );
}

fn section(class: &Class) -> String {
    let mut section = format!(
        "\n### {}\n\nFrom {}.\n\n| method | gives | example | prints |\n|---|---|---|---|\n",
        class.name, class.from
    );
    for method in class.methods {
        let Method { name, parameters, returns, example, prints, .. } = method;
        let parameters: Vec<&str> = parameters.iter().map(|kind| kind.name()).collect();
        let parameters = parameters.join(", ");
        let [example, prints] =
            [example, prints].map(|text| text.replace('|', "\\|").replace('\n', "\u{23ce}"));
        writeln!(section, "| `{name}({parameters})` | `{returns}` | `{example}` | `{prints}` |").unwrap();
    }
    section
}
