//! Expressions: what `#set` and `#if` calculate, and the plain values that arguments are.

use super::super::ast::{Chain, Expression, Link, Operator};
use super::super::error::ParseError;
use super::Parser;
use super::token::Kind;

/// An expression and the words whose source Velocity shows for it.
struct Operand {
    expression: Expression,
    first: usize,
    last: usize,
}

/// The operators of each rank, the weakest first.
const RANKS: &[&[(Kind, Operator)]] = &[
    &[(Kind::Equal, Operator::Equal), (Kind::NotEqual, Operator::NotEqual)],
    &[
        (Kind::Less, Operator::Less),
        (Kind::Greater, Operator::Greater),
        (Kind::LessOrEqual, Operator::LessOrEqual),
        (Kind::GreaterOrEqual, Operator::GreaterOrEqual),
    ],
    &[(Kind::Plus, Operator::Add), (Kind::Minus, Operator::Subtract)],
    &[
        (Kind::Times, Operator::Multiply),
        (Kind::Divide, Operator::Divide),
        (Kind::Remainder, Operator::Remainder),
    ],
];

impl Parser<'_, '_> {
    pub(super) fn expression(&mut self) -> Result<Expression, ParseError> {
        self.nested(|parser| {
            let either = |parser: &mut Self| {
                parser.joined(Kind::And, Expression::And, |parser| Ok(parser.ranked(RANKS)?.expression))
            };
            parser.joined(Kind::Or, Expression::Or, either)
        })
    }

    /// Operands between the same logical operator.
    fn joined(
        &mut self,
        operator: Kind,
        join: fn(Box<[Expression]>) -> Expression,
        operand: impl Fn(&mut Self) -> Result<Expression, ParseError>,
    ) -> Result<Expression, ParseError> {
        let first = operand(self)?;
        if self.kind()? != operator {
            return Ok(first);
        }
        let mut operands = vec![first];
        while self.take_if(operator)? {
            operands.push(operand(self)?);
        }
        Ok(join(operands.into()))
    }

    /// Operands of the ranks given; those of the first rank bind least.
    fn ranked(&mut self, ranks: &[&[(Kind, Operator)]]) -> Result<Operand, ParseError> {
        let Some((rank, tighter)) = ranks.split_first() else { return self.unary() };
        let first = self.ranked(tighter)?;
        let mut rest = Vec::new();
        let mut left = (first.first, first.last, first.expression.may_be_null());
        while let Some(operator) = self.operator(rank)? {
            self.take()?;
            let start = self.taken;
            let right = self.ranked(tighter)?;
            let null = right.expression.may_be_null();
            let sources = (operator == Operator::Add && (left.2 || null))
                .then(|| Box::new((self.literal(left.0, left.1), self.literal(right.first, right.last))));
            // What has been calculated goes, in Velocity's tree, by its right operand.
            left = (start, self.taken - 1, operator.is_arithmetic());
            rest.push(Link { operator, operand: right.expression, sources });
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let chain = Chain { first: first.expression, rest: rest.into() };
        Ok(Operand { expression: Expression::Chain(Box::new(chain)), first: left.0, last: left.1 })
    }

    fn operator(&mut self, rank: &[(Kind, Operator)]) -> Result<Option<Operator>, ParseError> {
        let kind = self.kind()?;
        Ok(rank.iter().find(|(spelling, _)| *spelling == kind).map(|(_, operator)| *operator))
    }

    fn unary(&mut self) -> Result<Operand, ParseError> {
        let mut negations = 0;
        while self.is_negated()? {
            self.skip_blank()?;
            self.take()?;
            negations += 1;
        }
        let operand = self.primary()?;
        let inner = operand.expression;
        let expression = match negations {
            0 => inner,
            odd if odd % 2 == 1 => Expression::Not(Box::new(inner)),
            _ => Expression::Truth(Box::new(inner)),
        };
        Ok(Operand { expression, ..operand })
    }

    fn is_negated(&mut self) -> Result<bool, ParseError> {
        Ok(match self.kind()? {
            Kind::Not => true,
            Kind::Blank => self.kind_at(1)? == Kind::Not,
            _ => false,
        })
    }

    /// A value or an expression in parentheses, with the blanks around it.
    fn primary(&mut self) -> Result<Operand, ParseError> {
        self.skip_blank()?;
        let operand = if self.take_if(Kind::Open)? {
            let first = self.taken;
            let expression = self.expression()?;
            let last = self.taken - 1;
            self.expect(Kind::Close, "an operator or `)`")?;
            Operand { expression, first, last }
        } else {
            let first = self.taken;
            let expression = self.value("a value")?;
            Operand { expression, first, last: self.taken - 1 }
        };
        self.skip_blank()?;
        Ok(operand)
    }

    /// An argument of a method or an element of a list, with the blanks around it.
    pub(super) fn parameter(&mut self) -> Result<Expression, ParseError> {
        self.skip_blank()?;
        let value = self.value("a value")?;
        self.skip_blank()?;
        Ok(value)
    }

    /// A literal or a reference.
    pub(super) fn value(&mut self, expected: &str) -> Result<Expression, ParseError> {
        match self.kind()? {
            Kind::String => self.string(),
            Kind::Identifier | Kind::BraceOpen => Ok(self.reference()?.into_expression()),
            Kind::Integer => self.integer(),
            Kind::Float => self.float(),
            Kind::ListOpen => self.nested(Self::list),
            Kind::MapOpen => self.nested(Self::map),
            Kind::True | Kind::False => {
                let value = self.kind()? == Kind::True;
                self.take()?;
                Ok(Expression::Boolean(value))
            }
            _ => Err(self.unexpected(expected)),
        }
    }
}
