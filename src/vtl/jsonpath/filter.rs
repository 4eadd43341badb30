//! The filter of a path: `[?(@.n > 5 && @.sku)]`.
//!
//! Jayway 2.0.0 splits a filter at every `&&` and `||`, also in quotes; `&&` binds tighter, and parentheses mean
//! nothing. In a comparison the first of `== >= <= != < > =~`, in this order, splits it, wherever it stands.

use super::super::heap::Heap;
use super::super::regex::JavaRegex;
use super::super::value::Value;
use super::compare::Side;
use super::parse::{self, error};
use super::walk::Mode;
use super::{Miss, Path, PathError};

#[derive(Debug)]
pub(super) enum Filter {
    /// `[?]`, which Java code would fill.
    Placeholder,
    /// What is to hold: one of these groups, and of it all.
    Any(Vec<Vec<Criterion>>),
}

#[derive(Debug)]
pub(super) enum Criterion {
    /// `@.a`, and `!@.a` for `false`.
    Exists(Path, bool),
    /// `@.a == 'b'`.
    Compare(Operand, Relation, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Relation {
    Equal,
    AtLeast,
    AtMost,
    Differs,
    Less,
    Greater,
    Matches,
}

/// In the order in which they are looked for.
const RELATIONS: [(&str, Relation); 7] = [
    ("==", Relation::Equal),
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("!=", Relation::Differs),
    ("<", Relation::Less),
    (">", Relation::Greater),
    ("=~", Relation::Matches),
];

#[derive(Debug)]
pub(super) enum Operand {
    /// `@.a`; of `$.a` it is true that it starts at the root.
    Path(Path, bool),
    /// `'text'`, `10`, `true`, `null`: what it is depends on what it is compared with.
    Literal(Box<str>),
    /// `/pattern/i`.
    Pattern(Box<JavaRegex>),
}

/// Reads a filter with its brackets: `[?(@.n > 5)]`.
pub(super) fn parse(text: &str, depth: u32) -> Result<Filter, PathError> {
    let blank = |c: char| c <= ' ';
    let inside =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).map(|text| text.trim_matches(blank));
    let inside = inside.and_then(|text| text.strip_prefix('?')).map(|text| text.trim_matches(blank));
    let inside = inside.and_then(|text| text.strip_prefix('(')?.strip_suffix(')'));
    let Some(inside) = inside else {
        return Err(error(format!("the filter `{text}` does not have the form `[?( … )]`")));
    };
    let group = |text: &str| text.split("&&").map(|text| criterion(text, depth)).collect();
    Ok(Filter::Any(inside.split("||").map(group).collect::<Result<_, _>>()?))
}

fn criterion(text: &str, depth: u32) -> Result<Criterion, PathError> {
    let text = text.trim_matches(|c| c <= ' ');
    let text = text.trim_start_matches(['[', '?', '(', ' ']).trim_end_matches([')', ' ']);
    let found = RELATIONS.iter().find_map(|(sign, relation)| Some((text.split_once(sign)?, *relation)));
    if let Some(((left, right), relation)) = found {
        let (left, right) = (left.trim(), right.trim());
        if right.starts_with("!@") {
            return Err(error(format!(
                "`!` in `{text}` can only ask whether something is missing: `!@.name`"
            )));
        }
        return Ok(Criterion::Compare(
            operand(left.strip_prefix('!').filter(|left| left.starts_with('@')).unwrap_or(left), depth)?,
            relation,
            operand(right, depth)?,
        ));
    }
    let (path, expected) = match text.strip_prefix("!@") {
        Some(_) => (text.trim_start_matches('!'), false),
        None => (text, true),
    };
    match operand(path, depth)? {
        Operand::Path(path, _) => Ok(Criterion::Exists(path, expected)),
        _ => Err(error(format!("the filter `{text}` compares nothing"))),
    }
}

fn operand(text: &str, depth: u32) -> Result<Operand, PathError> {
    let between = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let end = text.len().saturating_sub(1);
    match text.as_bytes() {
        [b'$' | b'@', ..] => {
            let (path, rooted) = parse::path(text, depth + 1)?;
            match path.definite() {
                true => Ok(Operand::Path(path, rooted)),
                false => Err(error(format!("the path `{text}` in a filter leads to more than one place"))),
            }
        }
        [b'\'', .., b'\''] => Ok(Operand::Literal(between(1, end).into())),
        [b'/', .., b'/'] => pattern(between(1, end), false),
        [b'/', .., b'/', b'i'] => pattern(between(1, end - 1), true),
        _ => Ok(Operand::Literal(text.into())),
    }
}

fn pattern(text: &str, ignores_case: bool) -> Result<Operand, PathError> {
    let flag = if ignores_case { "(?i)" } else { "" };
    match JavaRegex::new(&format!("{flag}{text}")) {
        Ok(regex) => Ok(Operand::Pattern(Box::new(regex))),
        Err(problem) => {
            Err(error(format!("the pattern `/{text}/` in a filter is not understood: {problem}")))
        }
    }
}

impl Filter {
    /// Whether an item is to be kept. What is evaluated last in the text is asked first, as Jayway does.
    pub(super) fn accepts<'a>(
        &self,
        item: &Value<'a>,
        root: &Value<'a>,
        mode: Mode,
        heap: &mut Heap<'a>,
    ) -> Result<bool, Miss> {
        let Filter::Any(groups) = self else {
            return Err(Miss::Unfit("the path has a place for a filter, `[?]`"));
        };
        for group in groups.iter().rev() {
            let mut holds = true;
            for criterion in group.iter().rev() {
                heap.meter.work(1)?;
                holds = criterion.holds(item, root, mode, heap)?;
                if !holds {
                    break;
                }
            }
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Criterion {
    fn holds<'a>(
        &self,
        item: &Value<'a>,
        root: &Value<'a>,
        mode: Mode,
        heap: &mut Heap<'a>,
    ) -> Result<bool, Miss> {
        match self {
            // Also `$.a` is looked for in the item.
            Criterion::Exists(path, expected) => {
                let found = passed(path.walk(item, root, mode, heap), mode)?;
                Ok(found.is_some_and(|value| !value.is_null()) == *expected)
            }
            Criterion::Compare(left, relation, right) => {
                let left = left.value(item, root, mode, heap)?;
                let right = right.value(item, root, mode, heap)?;
                match (left, right) {
                    (Some(left), Some(right)) => {
                        Ok(passed(relation.holds(&left, &right, heap), mode)?.unwrap_or(false))
                    }
                    _ => Ok(false),
                }
            }
        }
    }
}

/// What is not found makes a comparison false; so does, for templates, what does not fit.
fn passed<T>(result: Result<T, Miss>, mode: Mode) -> Result<Option<T>, Miss> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Miss::NotFound) => Ok(None),
        Err(Miss::Unfit(_)) if mode == Mode::Lenient => Ok(None),
        Err(miss) => Err(miss),
    }
}

impl Operand {
    fn value<'o, 'a>(
        &'o self,
        item: &Value<'a>,
        root: &Value<'a>,
        mode: Mode,
        heap: &mut Heap<'a>,
    ) -> Result<Option<Side<'o, 'a>>, Miss> {
        Ok(match self {
            Operand::Path(path, rooted) => {
                let start = if *rooted { root } else { item };
                passed(path.walk(start, root, mode, heap), mode)?.map(Side::Value)
            }
            Operand::Literal(text) => Some(Side::Literal(text)),
            Operand::Pattern(regex) => Some(Side::Pattern(regex)),
        })
    }
}
