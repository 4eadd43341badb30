//! What every match of a pattern holds: a text without it need not be matched at all. Selection patterns are mostly
//! words between `.*`, and most are tried in vain.

use memchr::memmem::Finder;

use super::syntax::Node;

/// A text that is shorter rules out little.
const LENGTH_MIN: usize = 2;

/// The longest text that a pattern has outside of all choices.
#[derive(Debug)]
pub struct Required(Option<Finder<'static>>);

impl Required {
    pub fn of(node: &Node) -> Required {
        let mut runs = vec![String::new()];
        collect(node, &mut runs);
        let longest = runs.into_iter().max_by_key(String::len).filter(|run| run.len() >= LENGTH_MIN);
        Required(longest.map(|run| Finder::new(&run).into_owned()))
    }

    /// Whether a text may match.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|finder| finder.find(text.as_bytes()).is_some())
    }
}

/// Texts that must be there, one after the other.
fn collect(node: &Node, runs: &mut Vec<String>) {
    match node {
        Node::Sequence(nodes) => nodes.iter().for_each(|node| collect(node, runs)),
        Node::Group(_, node) => collect(node, runs),
        Node::Character(character) => runs.last_mut().into_iter().for_each(|run| run.push(*character)),
        // What it matches is nothing, so it parts no text.
        Node::Empty | Node::At(_) => {}
        _ => runs.push(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn the_longest_text_outside_of_all_choices_is_required() {
        let check = |pattern: &str, expected: Option<&str>| {
            let required = Required::of(&parse(pattern).unwrap().node);
            let found = required.0.map(|finder| String::from_utf8(finder.needle().to_vec()).unwrap());
            assert_eq!(found.as_deref(), expected, "{pattern}");
        };
        check(r".*\[404\].*", Some("[404]"));
        check(r#".*"status":400.*"#, Some(r#""status":400"#));
        check("^Internal( Error).*", Some("Internal Error"));
        check("a(b|c)def?g", Some("de"));
        check("(abc)?d", None);
        check("(?i)error", None);
        check(r"4\d{2}", None);
        check("ab(?=cdef)", Some("ab"));
        check(r"(?s).*\Qa.b\E", Some("a.b"));
    }
}
