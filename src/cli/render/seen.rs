//! What `--explain` tells: every reference that was evaluated with the value it had, in that order, within bounds.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Place, Source};
use crate::vtl::ast::Reference;
use crate::vtl::{Heap, Limits, Meter, Value};

/// How many are told.
const LINES_MAX: usize = 1000;
/// How much of a reference, and of its value, is told, characters.
const TEXT_MAX: usize = 200;

/// What it takes to print a value that is told. It does not count for the template, which must not end otherwise for
/// being watched.
const LIMITS: Limits = Limits {
    template_bytes: 0,
    loop_turns: 0,
    steps: 20_000,
    depth: 20,
    output_bytes: 4 * TEXT_MAX,
    memory_bytes: 1 << 20,
};

/// The references that were evaluated.
#[derive(Debug)]
pub(super) struct Seen {
    template: Arc<Source>,
    lines: Vec<String>,
    left_out: usize,
}

impl Seen {
    /// None of them yet.
    pub(super) fn new(template: &Arc<Source>) -> Seen {
        Seen { template: Arc::clone(template), lines: Vec::new(), left_out: 0 }
    }

    /// Notes one; the `value` is `null` where a reference yields the empty string for want of anything.
    pub(super) fn note<'a>(&mut self, reference: &Reference, value: &Value<'a>, heap: &mut Heap<'a>) {
        if self.lines.len() >= LINES_MAX {
            self.left_out += 1;
            return;
        }
        let span = reference.span;
        let Place { line, column, .. } = span.place(&self.template);
        let source = one_line(self.template.text.get(span.start..span.end).unwrap_or_default(), TEXT_MAX);
        self.lines.push(format!("{line}:{column} {source} = {}", shown(value, heap)));
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        match self.left_out {
            0 => Ok(()),
            count => writeln!(f, "… and {count} more"),
        }
    }
}

/// The value as it prints, on one line; a string in quotes.
fn shown<'a>(value: &Value<'a>, heap: &mut Heap<'a>) -> String {
    match value {
        Value::String(text) => {
            let cut: String = text.chars().take(TEXT_MAX).collect();
            let more = if cut.len() < text.len() { "…" } else { "" };
            format!("{cut:?}{more}")
        }
        Value::Null | Value::Block(_) | Value::Object(_) => format!("{value:?}"),
        _ => {
            let meter = std::mem::replace(&mut heap.meter, Meter::new(LIMITS));
            let mut out = String::new();
            let printed = heap.print(value, &mut out);
            heap.meter = meter;
            match (printed, out.is_empty()) {
                (Ok(()), true) => "object".to_owned(),
                (Ok(()), false) => one_line(&out, TEXT_MAX),
                (Err(_), _) => one_line(&out, TEXT_MAX - 1).trim_end_matches('…').to_owned() + "…",
            }
        }
    }
}

/// The text, or its beginning and `…`, with what would break the line or the terminal escaped.
pub(super) fn one_line(text: &str, characters_max: usize) -> String {
    let mut line = String::new();
    for (place, character) in text.chars().enumerate() {
        match character {
            _ if place == characters_max => {
                line.push('…');
                break;
            }
            character if character.is_control() => line.extend(character.escape_default()),
            character => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtl::Template;
    use crate::vtl::gateway::{Inputs, Variables};

    fn told(template: &str, body: &str) -> String {
        watched(template, body).0
    }

    /// What is told, and how many steps the render has left.
    fn watched(template: &str, body: &str) -> (String, u64) {
        let limits = Limits::default();
        let source = Source::new("t.vtl", template);
        let template = Template::parse(template, &limits).unwrap();
        let inputs = Inputs { body, ..Inputs::default() };
        let (mut variables, mut heap) = (Variables::new(&inputs), Heap::new(limits));
        let mut seen = Seen::new(&source);
        // Of a render that fails, what came before is told.
        let _ = template.render_watched(
            &mut heap,
            |name, heap| variables.named(name, heap),
            &mut |reference, value, heap| seen.note(reference, value, heap),
            &mut String::new(),
        );
        (seen.to_string(), heap.meter.steps_left())
    }

    #[test]
    fn being_watched_costs_a_template_nothing() {
        let text = "#set($m = {'a': $input.path('$.l')})#foreach($e in $m.entrySet())$e#end$m.keySet()";
        let (limits, inputs) =
            (Limits::default(), Inputs { body: r#"{"l": [1, 2, 3]}"#, ..Inputs::default() });
        let template = Template::parse(text, &limits).unwrap();
        let (mut variables, mut heap) = (Variables::new(&inputs), Heap::new(limits));
        template.render(&mut heap, |name, heap| variables.named(name, heap), &mut String::new()).unwrap();
        assert_eq!(watched(text, inputs.body).1, heap.meter.steps_left());
    }

    #[track_caller]
    fn check(template: &str, body: &str, expected: &str) {
        assert_eq!(told(template, body), expected, "{template}");
    }

    #[test]
    fn references_are_told_when_they_have_been_evaluated() {
        check(
            "#set($k = 'b')\n$input.path(\"$.a.${k}\")",
            r#"{"a": {"b": [1, {"c": null}]}}"#,
            "2:18 ${k} = \"b\"\n2:1 $input.path(\"$.a.${k}\") = [1,{\"c\":null}]\n",
        );
        check(
            "#if($a && $b)$c#end$!d.e",
            "",
            "1:5 $a = null\n1:11 $b = null\n1:14 $c = null\n1:20 $!d.e = null\n",
        );
        check("#foreach($i in [1.5,\n'x\n'])$i#end", "", "3:4 $i = 1.5\n3:4 $i = \"x\\n\"\n");
        check("#define($b)$x#end$b", "", "1:18 $b = block\n1:12 $x = null\n");
        check("$input $context.identity", "", "1:1 $input = object\n1:8 $context.identity = null\n");
        check("$context.requestOverride", "", "1:1 $context.requestOverride = object\n");
        check("$x.get(\n1)", "", "1:1 $x.get(\\n1) = null\n");
        check("$a#set($l = [])$l.get(1)$b", "", "1:1 $a = null\n");
    }

    #[test]
    fn what_is_told_is_bounded() {
        let body =
            format!(r#"{{"s": "{0}", "l": ["{0}"], "many": [{1}1]}}"#, "é".repeat(900), "1,".repeat(90_000));
        let expected = format!("1:1 $input.path('$.s') = \"{}\"…\n", "é".repeat(TEXT_MAX));
        check("$input.path('$.s')", &body, &expected);
        let list = told("$input.path('$.l')", &body);
        assert!(list.starts_with("1:1 $input.path('$.l') = [\"") && list.ends_with("…\n"), "{list}");
        assert!(list.chars().count() < 2 * TEXT_MAX, "{list}");
        assert!(told("$input.path('$.many')", &body).ends_with("…\n"));
        let told = told("#foreach($i in [1..400])$i$i$i#end", "");
        assert_eq!(told.lines().count(), LINES_MAX + 1);
        assert!(told.ends_with("\n… and 200 more\n"), "{told}");
    }
}
