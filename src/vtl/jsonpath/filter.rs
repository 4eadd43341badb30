//! The filter of a path: `[?(@.n > 5 && @.sku)]`.
//!
//! Jayway 2.0.0 splits a filter at every `&&` and `||`, also in quotes; `&&` binds tighter, and parentheses mean
//! nothing. In a comparison the first of `== >= <= != < > =~`, in this order, splits it, wherever it stands.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};

use super::super::decimal::{self, Decimal};
use super::super::heap::Heap;
use super::super::number;
use super::super::value::Value;
use super::parse::{self, error};
use super::walk::Mode;
use super::{Miss, Path, PathError};

/// The size of a pattern made ready: a path may be put together while rendering, and takes time for it.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

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
    Pattern(Box<Regex>),
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
    let whole = format!("^(?:{text})$");
    let regex =
        RegexBuilder::new(&whole).case_insensitive(ignores_case).size_limit(PATTERN_BYTES_MAX).build();
    let regex = regex.map_err(|_| error(format!("the pattern `/{text}/` in a filter is not understood")))?;
    Ok(Operand::Pattern(Box::new(regex)))
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
                    (Some(left), Some(right)) => relation.holds(&left, &right, mode, heap),
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

enum Side<'o, 'a> {
    Value(Value<'a>),
    Literal(&'o str),
    Pattern(&'o Regex),
}

impl Side<'_, '_> {
    fn text(&self) -> Option<&str> {
        match self {
            Side::Value(value) => value.as_str(),
            Side::Literal(text) => Some(text),
            Side::Pattern(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Side::Value(Value::Null))
    }

    /// The text `null` is as good as none.
    fn is_nullish(&self) -> bool {
        self.is_null() || self.text() == Some("null")
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

impl Relation {
    fn holds<'a>(
        self,
        left: &Side<'_, 'a>,
        right: &Side<'_, 'a>,
        mode: Mode,
        heap: &mut Heap<'a>,
    ) -> Result<bool, Miss> {
        let result = match self {
            Relation::Matches => matches(left, right, heap),
            _ => {
                let orders = !matches!(self, Relation::Equal | Relation::Differs);
                if orders && left.is_null() != right.is_null() {
                    return Ok(false);
                }
                compare(left, right, heap).map(|order| order.is_some_and(|order| self.fits(order)))
            }
        };
        Ok(passed(result, mode)?.unwrap_or(false))
    }

    /// Whether the order of left and right is the one asked for.
    fn fits(self, order: Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Differs => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::AtMost => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::AtLeast => order.is_ge(),
            Relation::Matches => false,
        }
    }
}

/// Whether the whole text of a value fits a pattern; of `null`, none does.
fn matches<'a>(left: &Side<'_, 'a>, right: &Side<'_, 'a>, heap: &mut Heap<'a>) -> Result<bool, Miss> {
    let (regex, target) = match (left, right) {
        (Side::Pattern(regex), target) | (target, Side::Pattern(regex)) => (regex, target),
        _ => return Err(Miss::Unfit("`=~` needs a pattern: `/…/`")),
    };
    let mut text = String::new();
    let text = match target {
        Side::Value(Value::Null) => return Ok(false),
        Side::Value(Value::String(text)) => text,
        Side::Value(value) => {
            heap.print(value, &mut text)?;
            text.as_str()
        }
        Side::Literal(text) => text,
        Side::Pattern(_) => return Ok(false),
    };
    heap.meter.work(text.len() as u64 / 4)?;
    Ok(regex.is_match(text))
}

/// How left and right compare; nothing for what does not compare, which is neither equal nor different.
fn compare<'a>(
    left: &Side<'_, 'a>,
    right: &Side<'_, 'a>,
    heap: &mut Heap<'a>,
) -> Result<Option<Ordering>, Miss> {
    match (left.is_nullish(), right.is_nullish()) {
        (true, true) => return Ok(Some(Ordering::Equal)),
        (true, false) => return Ok(Some(Ordering::Less)),
        (false, true) => return Ok(Some(Ordering::Greater)),
        (false, false) => {}
    }
    if let Some(right) = right.text() {
        return compare_with_text(left, right, heap);
    }
    let (Side::Value(left), Side::Value(right)) = (left, right) else { return Ok(None) };
    Ok(match (left, right) {
        (Value::Boolean(left), Value::Boolean(right)) => Some(left.cmp(right)),
        (Value::List(left), Value::List(right)) if left == right => Some(Ordering::Equal),
        (Value::Map(left), Value::Map(right)) if left == right => Some(Ordering::Equal),
        (left, right) if left.is_number() && right.is_number() => compare_numbers(left, right, heap)?,
        _ => None,
    })
}

/// The text is read as what the left side is.
fn compare_with_text<'a>(
    left: &Side<'_, 'a>,
    right: &str,
    heap: &mut Heap<'a>,
) -> Result<Option<Ordering>, Miss> {
    heap.meter.work(right.len() as u64 / 16)?;
    if let Some(left) = left.text() {
        let right =
            if right.contains("\\'") { Cow::Owned(right.replace("\\'", "'")) } else { Cow::Borrowed(right) };
        return Ok(Some(compare_units(left, &right)));
    }
    match left {
        Side::Value(Value::Boolean(left)) => Ok(Some(left.cmp(&right.eq_ignore_ascii_case("true")))),
        Side::Value(left) if left.is_number() => {
            let right = read_number(right).ok_or(Miss::Unfit("a number is compared with what is none"))?;
            compare_numbers(left, &right, heap)
        }
        _ => Ok(None),
    }
}

/// `String.compareTo`: by UTF-16 units.
fn compare_units(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// A literal as a number, exactly.
fn read_number<'a>(text: &str) -> Option<Value<'a>> {
    // With so few digits a double and the text are in the same order with others.
    let is_short = text.len() <= 15;
    let decimal = Decimal::parse(text)?;
    match number::float(text).filter(|double| is_short && double.is_finite()) {
        Some(double) => Some(Value::Double(double)),
        None => Some(Value::BigDecimal(decimal.into())),
    }
}

/// As `new BigDecimal(left.toString())` compares: by what is printed of the numbers.
fn compare_numbers<'a>(
    left: &Value<'a>,
    right: &Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<Option<Ordering>, Miss> {
    if let (Some(left), Some(right)) = (exact(left), exact(right)) {
        return Ok(left.partial_cmp(&right));
    }
    let mut printed = |value: &Value<'a>| {
        let mut text = String::new();
        heap.print(value, &mut text).map(|()| Decimal::parse(&text))
    };
    match (printed(left)?, printed(right)?) {
        (Some(left), Some(right)) => Ok(Some(decimal::compare(&left, &right))),
        _ => Err(Miss::Unfit("a number is not finite")),
    }
}

/// A number as a double that stands for nothing else.
fn exact(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Integer(value) => Some(f64::from(*value)),
        Value::Long(value) if value.unsigned_abs() < 1 << 53 => Some(*value as f64),
        Value::Double(value) if value.is_finite() => Some(*value),
        _ => None,
    }
}
