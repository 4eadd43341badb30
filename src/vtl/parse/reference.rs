//! `$name.property.method(arguments)[index]`, and what stands before and around it.

use super::super::ast::{Action, Expression, Node, Print, Reference, Step};
use super::super::error::ParseError;
use super::Parser;
use super::statement::Nodes;
use super::token::Kind;

/// A reference as it stands in the template.
pub(super) struct Mention {
    pub reference: Reference,
    /// How it is written, without what stood before its `$`.
    source: Box<str>,
    /// Half the backslashes before it.
    backslashes: Box<str>,
    /// An odd number of backslashes: the source is printed.
    escaped: bool,
    /// `$` and `#` that ran into it.
    prefix: Box<str>,
    /// `$!`.
    quiet: bool,
    /// No `$` at all: a bare word.
    bare: bool,
}

impl Mention {
    /// As a value.
    pub fn into_expression(self) -> Expression {
        if self.bare { Expression::Null } else { Expression::Reference(Box::new(self.reference)) }
    }

    /// In text.
    pub fn into_print(self) -> Node {
        if self.escaped {
            let text: Box<str> = [&*self.backslashes, &*self.source].concat().into();
            return Node::Escaped(Box::new(self.reference), text);
        }
        let prefix: Box<str> = [&*self.backslashes, &*self.prefix].concat().into();
        let source = if self.quiet { "" } else { &*self.source };
        let unresolved = [&*self.backslashes, &*prefix, source].concat().into();
        Node::Print(Box::new(Print { prefix, unresolved, reference: self.reference }))
    }
}

/// What the first word of a reference says.
#[derive(Default)]
struct Head<'s> {
    backslashes: usize,
    prefix: &'s str,
    quiet: bool,
    bare: bool,
    /// The variable, where the next word is not its name.
    name: Option<String>,
    has_value: bool,
}

impl<'s> Parser<'_, 's> {
    /// Whether a reference comes next.
    pub(super) fn begins_reference(&mut self) -> Result<bool, ParseError> {
        Ok(matches!(self.kind()?, Kind::Identifier | Kind::BraceOpen))
    }

    pub(super) fn printed_reference(&mut self, nodes: &mut Nodes) -> Result<(), ParseError> {
        let first = self.taken;
        let mention = self.reference()?;
        if mention.bare {
            nodes.text(self.image(first));
        } else if mention.escaped && mention.reference.steps.is_empty() {
            nodes.text(&mention.backslashes);
            nodes.text(&mention.source);
        } else {
            nodes.push(mention.into_print());
        }
        Ok(())
    }

    pub(super) fn reference(&mut self) -> Result<Mention, ParseError> {
        let first = self.taken;
        let braced = self.kind()? == Kind::BraceOpen;
        self.take()?;
        if braced {
            self.expect(Kind::Identifier, "a name")?;
        }
        let name_word = self.taken - 1;
        let steps = self.nested(Self::steps)?;
        if braced && !self.take_if(Kind::BraceClose)? {
            return Err(self.unclosed(first));
        }
        let last = self.taken - 1;
        let span = self.span(first, last);
        let head = self.head(first);
        let name = head.name.as_deref().unwrap_or(self.image(name_word));
        let variable = if head.bare { usize::MAX } else { self.names.variable(name) };
        Ok(Mention {
            reference: Reference { variable, steps: steps.into(), has_value: head.has_value, span },
            source: self.literal(first, last),
            backslashes: "\\".repeat(head.backslashes / 2).into(),
            escaped: head.backslashes % 2 == 1,
            prefix: head.prefix.into(),
            quiet: head.quiet,
            bare: head.bare,
        })
    }

    fn unclosed(&self, first: usize) -> ParseError {
        let error = ParseError::new(
            self.span(first, self.taken - 1),
            format!("`{}` is not closed", self.image(first).trim_start_matches('\\')),
        );
        let next = self.image(self.taken);
        if next.starts_with('|') {
            error.help("there are no default values: test with `#if($x != \"\")`")
        } else if next.starts_with(' ') {
            error.help("no blank can stand before the `}`")
        } else {
            error.help("a `}` must end the reference")
        }
    }

    /// Takes off the first word what is not part of the reference.
    fn head(&mut self, first: usize) -> Head<'s> {
        let image = self.image(first);
        if let Some(name) = slashed_bang(image) {
            return Head { name: Some(name), ..Head::default() };
        }
        let backslashes = image.len() - image.trim_start_matches('\\').len();
        self.cut(first, backslashes);
        let image = self.image(first);
        let dollar = image.rfind('$').unwrap_or(0);
        let prefix = image.get(..dollar).unwrap_or_default();
        self.cut(first, dollar);
        let image = self.image(first);
        let name = image.strip_prefix("$!").or(image.strip_prefix('$')).filter(|name| *name != "{");
        Head {
            backslashes,
            prefix,
            quiet: image.starts_with("$!"),
            bare: !image.starts_with('$'),
            name: name.map(str::to_owned),
            has_value: true,
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, ParseError> {
        let mut steps = Vec::new();
        self.indexes(&mut steps)?;
        while self.kind()? == Kind::Dot && self.kind_at(1)? == Kind::Identifier {
            self.take()?;
            let name = self.take()?;
            let image = self.image(name).into();
            let action = if self.begins_call()? {
                self.take()?;
                Action::Call(image, self.call_arguments()?.into())
            } else {
                Action::Property(image)
            };
            let span = self.span(name, self.taken - 1);
            steps.push(Step { action, span });
            self.indexes(&mut steps)?;
        }
        Ok(steps)
    }

    fn indexes(&mut self, steps: &mut Vec<Step>) -> Result<(), ParseError> {
        while self.kind()? == Kind::IndexOpen {
            let open = self.take()?;
            self.skip_blank()?;
            let key = match self.kind()? {
                Kind::Float => return Err(self.unexpected("a string, a whole number or a reference")),
                _ => self.value("a string, a whole number or a reference")?,
            };
            self.skip_blank()?;
            self.expect(Kind::IndexClose, "`]`")?;
            steps.push(Step { action: Action::Index(key), span: self.span(open, self.taken - 1) });
        }
        Ok(())
    }

    /// Whether `(` and something that can stand behind it come next; else the `(` is text.
    fn begins_call(&mut self) -> Result<bool, ParseError> {
        use Kind::*;
        Ok(self.kind()? == Open
            && matches!(
                self.kind_at(1)?,
                ArgumentsClose
                    | Blank
                    | String
                    | Integer
                    | ListOpen
                    | MapOpen
                    | True
                    | False
                    | Identifier
                    | BraceOpen
                    | Float
            ))
    }

    fn call_arguments(&mut self) -> Result<Vec<Expression>, ParseError> {
        let mut arguments = Vec::new();
        if self.take_if(Kind::ArgumentsClose)? {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.parameter()?);
            if self.take_if(Kind::ArgumentsClose)? {
                return Ok(arguments);
            }
            self.expect(Kind::Comma, "`,` or `)`")?;
        }
    }
}

/// `$\!name` is a variable whose name begins with `$` and cannot be set: one backslash is lost, the rest is the name.
fn slashed_bang(image: &str) -> Option<String> {
    image.find("\\!")?;
    let dollar = image.find('$')?;
    let (before, rest) = image.split_at_checked(image.get(dollar..)?.find('\\')? + dollar)?;
    Some([before, rest.get(1..)?].concat())
}
