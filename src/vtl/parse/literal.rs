//! Numbers, strings, lists, ranges and maps.

use super::super::ast::{Body, Expression, Interpolated, Node, Span};
use super::super::error::ParseError;
use super::super::number;
use super::super::value::Value;
use super::token::Kind;
use super::{Origin, Parser};

impl Parser<'_, '_> {
    pub(super) fn integer(&mut self) -> Result<Expression, ParseError> {
        let token = self.take()?;
        match number::integer(self.image(token)) {
            Some(Value::Integer(number)) => Ok(Expression::Integer(number)),
            Some(Value::Long(number)) => Ok(Expression::Long(number)),
            Some(Value::BigInteger(number)) => Ok(Expression::BigInteger(Box::new((*number).clone()))),
            _ => Err(ParseError::new(self.span_of(token), "a number of too many digits")),
        }
    }

    pub(super) fn float(&mut self) -> Result<Expression, ParseError> {
        let token = self.take()?;
        match number::float(self.image(token)) {
            Some(number) => Ok(Expression::Double(number)),
            None => Err(ParseError::new(self.span_of(token), "a number that cannot be read")),
        }
    }

    /// `[a, b]` or `[first..last]`.
    pub(super) fn list(&mut self) -> Result<Expression, ParseError> {
        self.take()?;
        if self.take_if(Kind::ListClose)? {
            return Ok(Expression::List(Box::default()));
        }
        self.skip_blank()?;
        let may_be_bound = matches!(self.kind()?, Kind::Identifier | Kind::BraceOpen | Kind::Integer);
        let first = self.parameter()?;
        if may_be_bound && self.take_if(Kind::Dots)? {
            return self.range(first);
        }
        let mut elements = vec![first];
        while !self.take_if(Kind::ListClose)? {
            self.expect(Kind::Comma, "`,` or `]`")?;
            elements.push(self.parameter()?);
        }
        Ok(Expression::List(elements.into()))
    }

    fn range(&mut self, first: Expression) -> Result<Expression, ParseError> {
        self.skip_blank()?;
        let last = match self.kind()? {
            Kind::Identifier | Kind::BraceOpen | Kind::Integer => self.parameter()?,
            _ => return Err(self.unexpected("a whole number or a reference")),
        };
        self.expect(Kind::ListClose, "`]`")?;
        Ok(Expression::Range(Box::new((first, last))))
    }

    pub(super) fn map(&mut self) -> Result<Expression, ParseError> {
        self.take()?;
        self.skip_blank()?;
        let mut entries = Vec::new();
        if !self.ends_map()? {
            entries.push(self.entry()?);
            while self.take_if(Kind::Comma)? {
                entries.push(self.entry()?);
            }
        }
        if !self.ends_map()? {
            return Err(self.unexpected("`,` or `}`"));
        }
        self.take()?;
        Ok(Expression::Map(entries.into()))
    }

    /// Right after a reference its own mode reads the brace.
    fn ends_map(&mut self) -> Result<bool, ParseError> {
        Ok(matches!(self.kind()?, Kind::MapClose | Kind::BraceClose))
    }

    fn entry(&mut self) -> Result<(Expression, Expression), ParseError> {
        let key = self.parameter()?;
        self.expect(Kind::Colon, "`:`")?;
        Ok((key, self.parameter()?))
    }

    /// `'as it is'` or `"with $references"`.
    pub(super) fn string(&mut self) -> Result<Expression, ParseError> {
        let token = self.take()?;
        let image = self.image(token);
        let span = self.span_of(token);
        let inner = image.get(1..image.len().saturating_sub(1)).unwrap_or_default();
        if image.starts_with('\'') {
            return Ok(Expression::String(inner.replace("''", "'").into()));
        }
        let text = unescape(inner)
            .ok_or_else(|| {
                ParseError::new(span, "`\\u` without four hexadecimal digits")
                    .help("in single quotes a backslash is a backslash")
            })?
            .replace("\"\"", "\"");
        if !inner.contains(['$', '#']) {
            return Ok(Expression::String(text.into()));
        }
        let origin = match self.origin {
            Origin::Shifted(_) if text == inner => Origin::Shifted(span.start + 1),
            _ => Origin::Within(span),
        };
        self.interpolated(text, origin, span)
    }

    fn interpolated(
        &mut self,
        mut text: String,
        origin: Origin,
        span: Span,
    ) -> Result<Expression, ParseError> {
        let has_comment = text.contains("##");
        if !has_comment {
            text.push(' ');
        }
        if self.depth >= self.names.depth_limit {
            return Err(ParseError::new(span, format!("nested deeper than {}", self.names.depth_limit)));
        }
        let mut body = Parser::new(&text, origin, self.depth + 1, self.names).whole()?;
        let chopped = !has_comment && !take_blank(&mut body);
        Ok(match body.0.as_mut() {
            [] => Expression::String(Box::default()),
            [Node::Text(text)] if !chopped => Expression::String(std::mem::take(text)),
            _ => Expression::Interpolated(Box::new(Interpolated { body, chopped })),
        })
    }
}

/// Takes the blank behind the text of a string away again, where it ended up as text.
fn take_blank(body: &mut Body) -> bool {
    let Some(Node::Text(text)) = body.0.last_mut() else { return false };
    let Some(shorter) = text.strip_suffix(' ') else { return false };
    *text = shorter.into();
    true
}

/// `\uXXXX`, read as Java's `Integer.parseInt` reads it, is a UTF-16 unit. `None` where it cannot be read.
fn unescape(text: &str) -> Option<String> {
    if !text.contains("\\u") {
        return Some(text.to_owned());
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once("\\u") {
        units.extend(before.encode_utf16());
        let (digits, after) = escape.split_at_checked(4)?;
        let signed = i32::from_str_radix(digits, 16).ok()?;
        // Java's cast to `char` keeps the lower half.
        units.push((signed & 0xFFFF) as u16);
        rest = after;
    }
    units.extend(rest.encode_utf16());
    Some(String::from_utf16_lossy(&units))
}
