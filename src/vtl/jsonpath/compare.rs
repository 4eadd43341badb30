//! How the two sides of a comparison in a filter compare: `Criteria.safeCompare` of Jayway 2.0.0.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::decimal::{self, Decimal};
use super::super::heap::Heap;
use super::super::number;
use super::super::regex::JavaRegex;
use super::super::value::Value;
use super::Miss;
use super::filter::Relation;

/// What an operand has come to.
pub(super) enum Side<'o, 'a> {
    Value(Value<'a>),
    Literal(&'o str),
    Pattern(&'o JavaRegex),
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

impl Relation {
    /// Whether the sides are as it says.
    pub(super) fn holds<'a>(
        self,
        left: &Side<'_, 'a>,
        right: &Side<'_, 'a>,
        heap: &mut Heap<'a>,
    ) -> Result<bool, Miss> {
        if self == Relation::Matches {
            return matches(left, right, heap);
        }
        let orders = !matches!(self, Relation::Equal | Relation::Differs);
        if orders && left.is_null() != right.is_null() {
            return Ok(false);
        }
        Ok(compare(left, right, heap)?.is_some_and(|order| self.fits(order)))
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
    Ok(regex.is_full_match(text, &mut heap.meter)?)
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
