//! What a template says, after parsing. Variables are numbers here: the place of their name in
//! [`Template::variables`](super::Template::variables).

use num_bigint::BigInt;

/// A stretch of the template, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What is rendered one after the other.
#[derive(Debug, Default)]
pub struct Body(pub Box<[Node]>);

/// One thing to render.
#[derive(Debug)]
pub enum Node {
    /// Text as it is printed.
    Text(Box<str>),
    /// A reference that prints its value.
    Print(Box<Print>),
    /// A reference behind a backslash: it is evaluated, and its source is printed.
    Escaped(Box<Reference>, Box<str>),
    /// `#set(…)`.
    Set(Box<Set>),
    /// `#if … #elseif … #else … #end`.
    If(Box<If>),
    /// `#foreach(…) … #end`.
    Foreach(Box<Foreach>),
    /// `#define(…) … #end`.
    Define(Box<Define>),
    /// `#break`, of the loop it names if it names one.
    Break(Option<Box<Expression>>, Span),
    /// `#stop`, with a message that nobody sees.
    Stop(Option<Box<Expression>>),
    /// What cannot run, and is an error only when it is reached.
    Broken(Box<Broken>),
}

/// A reference in text.
#[derive(Debug)]
pub struct Print {
    /// What stands before the value: halved backslashes, `$` and `#` that ran into it.
    pub prefix: Box<str>,
    /// What is printed instead of the value when a `#define` has called itself too deep.
    pub unresolved: Box<str>,
    /// What is printed.
    pub reference: Reference,
}

/// `$name.property.method(arguments)[index]`.
#[derive(Debug)]
pub struct Reference {
    /// The variable.
    pub variable: usize,
    /// What is done with it, in order.
    pub steps: Box<[Step]>,
    /// `$\!name` has no value in an expression.
    pub has_value: bool,
    /// Where it stands.
    pub span: Span,
}

/// One step along a reference.
#[derive(Debug)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Where it stands.
    pub span: Span,
}

/// What a step of a reference does.
#[derive(Debug)]
pub enum Action {
    /// `.name`.
    Property(Box<str>),
    /// `.name(arguments)`.
    Call(Box<str>, Box<[Expression]>),
    /// `[key]`.
    Index(Expression),
}

/// `#set(target = value)`.
#[derive(Debug)]
pub struct Set {
    /// The variable when the target is nothing else.
    pub variable: usize,
    /// The whole target when it has steps: the last of them is written to.
    pub target: Option<Reference>,
    /// The value.
    pub value: Expression,
    /// Where the target stands.
    pub span: Span,
}

/// `#if` with all its branches.
#[derive(Debug)]
pub struct If {
    /// Conditions and what they guard.
    pub branches: Box<[(Expression, Body)]>,
    /// What `#else` guards.
    pub otherwise: Body,
    /// Where it stands.
    pub span: Span,
}

/// `#foreach($element in source) body #end`.
#[derive(Debug)]
pub struct Foreach {
    /// The variable of the element.
    pub element: usize,
    /// What is gone through.
    pub source: Expression,
    /// What is rendered each turn.
    pub body: Body,
    /// Where it stands.
    pub span: Span,
}

/// The block of a `#define`.
#[derive(Debug)]
pub struct Define {
    /// The variable that stands for the block.
    pub variable: usize,
    /// The block.
    pub body: Body,
    /// Where it stands.
    pub span: Span,
}

/// A directive that fails when it is reached.
#[derive(Debug)]
pub struct Broken {
    /// Why.
    pub message: String,
    /// What to do about it.
    pub help: Option<&'static str>,
    /// Where it stands.
    pub span: Span,
}

/// What has a value.
#[derive(Debug)]
pub enum Expression {
    /// A bare word among a method's arguments: Java's `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// A whole number that fits an `int`.
    Integer(i32),
    /// A whole number that fits a `long`.
    Long(i64),
    /// Any other whole number.
    BigInteger(Box<BigInt>),
    /// A number with a fraction or an exponent.
    Double(f64),
    /// A string that is the same each time.
    String(Box<str>),
    /// A string in double quotes with references or directives.
    Interpolated(Box<Interpolated>),
    /// A reference.
    Reference(Box<Reference>),
    /// `[a, b]`.
    List(Box<[Expression]>),
    /// `{key: value}`.
    Map(Box<[(Expression, Expression)]>),
    /// `[first..last]`.
    Range(Box<(Expression, Expression)>),
    /// `a || b || c`.
    Or(Box<[Expression]>),
    /// `a && b && c`.
    And(Box<[Expression]>),
    /// An odd number of `!`.
    Not(Box<Expression>),
    /// An even number of `!`: what was there, as a Boolean.
    Truth(Box<Expression>),
    /// Operators of one rank, from left to right.
    Chain(Box<Chain>),
}

/// The template within a string.
#[derive(Debug)]
pub struct Interpolated {
    /// What is rendered.
    pub body: Body,
    /// Velocity puts a blank behind the text of a string and takes the last character of what was rendered away.
    /// That is the blank, unless a comment has swallowed it.
    pub chopped: bool,
}

/// `first operator operand operator operand …`, all operators of one rank.
#[derive(Debug)]
pub struct Chain {
    /// The operand on the left.
    pub first: Expression,
    /// What is done with it, in order.
    pub rest: Box<[Link]>,
}

/// An operator and its right operand.
#[derive(Debug)]
pub struct Link {
    /// The operator.
    pub operator: Operator,
    /// What stands right of it.
    pub operand: Expression,
    /// The source of both sides of a `+`, which prints it for a side that is `null`.
    pub sources: Option<Box<(Box<str>, Box<str>)>>,
}

/// An operator with two sides that are both evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// Whether the result is a number or text, not a Boolean.
    pub fn is_arithmetic(self) -> bool {
        matches!(
            self,
            Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder
        )
    }
}

impl Expression {
    /// Whether the value may be `null`: a reference never is.
    pub(super) fn may_be_null(&self) -> bool {
        match self {
            Expression::Null | Expression::Range(_) => true,
            Expression::Reference(reference) => !reference.has_value,
            Expression::Chain(chain) => chain.rest.iter().any(|link| link.operator.is_arithmetic()),
            _ => false,
        }
    }
}
