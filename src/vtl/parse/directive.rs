//! `#name(arguments)`: the directives besides `#set` and `#if`, and words that only look like one.

use super::super::ast::{Body, Broken, Define, Expression, Foreach, Node, Span};
use super::super::error::ParseError;
use super::super::template::Note;
use super::Parser;
use super::reference::Mention;
use super::statement::Nodes;
use super::token::Kind;

/// Whether `#name` is a directive besides `#set`, `#if` and its kin. There is no `#evaluate` on API Gateway.
pub(super) fn is_directive(name: &str) -> bool {
    is_block(name) || matches!(name, "break" | "stop" | "include" | "parse")
}

fn is_block(name: &str) -> bool {
    matches!(name, "foreach" | "define" | "macro" | "literal")
}

/// An error among the arguments of what may not have been meant as a directive.
fn explained(error: ParseError, name: &str) -> ParseError {
    if is_directive(name) {
        return error;
    }
    error.help(format!(
        "`#{name}` is no directive, but Velocity reads the parentheses after it; to print them, write `#[[(…)]]#`"
    ))
}

/// One argument of a directive.
enum Argument {
    /// A word without quotes.
    Word,
    /// A reference, and the words it was read from.
    Reference(Box<Mention>),
    /// Any other value.
    Value(Expression),
}

impl Argument {
    fn into_expression(self) -> Expression {
        match self {
            Argument::Word => Expression::Null,
            Argument::Reference(mention) => mention.into_expression(),
            Argument::Value(value) => value,
        }
    }
}

/// An argument and the numbers of its first and last word.
struct Given {
    argument: Argument,
    first: usize,
    last: usize,
}

impl Parser<'_, '_> {
    pub(super) fn directive(&mut self, nodes: &mut Nodes) -> Result<(), ParseError> {
        let bracketed = self.kind()? == Kind::BracketedWord;
        let word = self.take()?;
        let image = self.image(word);
        let name = image.get(1..).unwrap_or_default();
        let name = if bracketed { name.trim_matches(['{', '}']) } else { name };
        let arguments = if self.scanner.begin_directive() {
            Some(self.arguments(name).map_err(|error| explained(error, name))?)
        } else {
            None
        };
        if name == "macro" && arguments.as_ref().is_none_or(Vec::is_empty) {
            return Err(ParseError::new(self.span_of(word), "a `#macro` needs a name")
                .help("API Gateway runs no macros; `#define` stores a block"));
        }
        match arguments {
            Some(arguments) if is_block(name) || name.starts_with('@') => {
                self.block_directive(word, name, arguments, nodes)
            }
            None if is_block(name) => {
                let message = format!("`{image}` needs arguments in parentheses");
                Err(ParseError::new(self.span_of(word), message))
            }
            arguments if is_directive(name) => {
                let node = self.line_directive(word, name, arguments.unwrap_or_default())?;
                node.into_iter().for_each(|node| nodes.push(node));
                Ok(())
            }
            _ => {
                if name == "evaluate" || self.names.macros.contains(name) {
                    let message = format!("`#{name}` prints as it is written");
                    self.note(self.span_of(word), message, "API Gateway runs neither macros nor `#evaluate`");
                }
                self.print_source(word, nodes);
                Ok(())
            }
        }
    }

    fn note(&mut self, span: Span, message: impl Into<String>, help: &'static str) {
        self.names.notes.push(Note { span, message: message.into(), help });
    }

    /// A word that is no directive prints its source, with whatever stood in parentheses.
    fn print_source(&self, word: usize, nodes: &mut Nodes) {
        for token in word..self.taken {
            nodes.text(self.image(token));
        }
    }

    fn arguments(&mut self, name: &str) -> Result<Vec<Given>, ParseError> {
        self.skip_blank()?;
        self.expect(Kind::Open, "`(`")?;
        let mut arguments = Vec::new();
        loop {
            self.skip_blank()?;
            if self.take_if(Kind::Close)? {
                return Ok(arguments);
            }
            if self.take_if(Kind::Comma)? {
                self.skip_blank()?;
            }
            let position = arguments.len();
            let first = self.taken;
            let argument = self.argument()?;
            let is_word = matches!(argument, Argument::Word);
            if is_word && is_directive(name) {
                let allowed = matches!((name, position), ("macro", 0) | ("foreach", 1));
                if !allowed {
                    let message = format!("`{}` cannot be an argument of `#{name}`", self.image(first));
                    return Err(ParseError::new(self.span_of(first), message)
                        .help("text stands in quotes, a variable after `$`"));
                }
            } else if name == "macro" && position == 0 {
                return Err(ParseError::new(self.span_of(first), "the name of a `#macro` is a bare word"));
            }
            arguments.push(Given { argument, first, last: self.taken - 1 });
        }
    }

    fn argument(&mut self) -> Result<Argument, ParseError> {
        match self.kind()? {
            Kind::Word => {
                self.take()?;
                Ok(Argument::Word)
            }
            _ if self.begins_reference()? => Ok(Argument::Reference(Box::new(self.reference()?))),
            _ => Ok(Argument::Value(self.value("an argument or `)`")?)),
        }
    }

    fn block_directive(
        &mut self,
        word: usize,
        name: &str,
        arguments: Vec<Given>,
        nodes: &mut Nodes,
    ) -> Result<(), ParseError> {
        let body_start = self.taken;
        let body = self.statements()?;
        let body_end = self.taken;
        self.expect_end(word)?;
        let span = self.span_of(word);
        match name {
            "foreach" => {
                let node = self.foreach(arguments, body, body_start, span);
                node.into_iter().for_each(|node| nodes.push(node));
            }
            "define" => {
                if arguments.len() != 1 {
                    return Err(ParseError::new(span, "`#define` takes one argument, the name of the block")
                        .help("`#define($block) … #end`"));
                }
                let variable = self.stored_name(arguments.first().map_or(word, |name| name.first));
                nodes.push(Node::Define(Box::new(Define { variable, body, span })));
            }
            "literal" => match arguments.first() {
                Some(given) => nodes.text(&self.literal(given.first, given.last)),
                None if body_end > body_start => nodes.text(&self.literal(body_start, body_end - 1)),
                None => return Err(ParseError::new(span, "`#literal` is empty")),
            },
            "macro" => {
                let name = arguments.first().map_or("", |name| self.image(name.first));
                self.names.macros.insert(name.into());
                self.note(
                    span,
                    "a `#macro` defines nothing",
                    "API Gateway runs no macros; `#define` stores a block",
                );
            }
            _ => self.print_source(word, nodes),
        }
        Ok(())
    }

    /// The `Foreach`, or what Velocity makes of one with too few or too many arguments.
    fn foreach(&mut self, arguments: Vec<Given>, body: Body, body_start: usize, span: Span) -> Option<Node> {
        let element_word = arguments.first().map_or(body_start, |element| element.first);
        let mut arguments = arguments.into_iter().map(|given| given.argument);
        let element = match arguments.next() {
            Some(Argument::Reference(mention)) => mention.reference.variable,
            _ => self.stored_name(element_word),
        };
        let needs = "`#foreach` needs an element and a list";
        let broken = |message: &str| {
            Some(Node::Broken(Box::new(Broken {
                message: message.to_owned(),
                help: Some("`#foreach($item in $list) … #end`"),
                span,
            })))
        };
        if arguments.next().is_none() {
            return broken(needs);
        }
        let source = arguments.next()?.into_expression();
        // What stands where the body is looked for, is rendered in its place.
        let body = match arguments.next() {
            None => body,
            Some(Argument::Reference(mention)) => Body([mention.into_print()].into()),
            Some(_) => Body::default(),
        };
        Some(Node::Foreach(Box::new(Foreach { element, source, body, span })))
    }

    /// The variable that a word names after its first character.
    fn stored_name(&mut self, word: usize) -> usize {
        let mut name = self.image(word).chars();
        name.next();
        self.names.variable(name.as_str())
    }

    fn line_directive(
        &mut self,
        word: usize,
        name: &str,
        arguments: Vec<Given>,
    ) -> Result<Option<Node>, ParseError> {
        let span = self.span(word, self.taken.saturating_sub(1));
        let count = arguments.len();
        let mut arguments = arguments.into_iter().map(|given| given.argument.into_expression());
        match name {
            "break" | "stop" if count > 1 => {
                Err(ParseError::new(span, format!("`#{name}` takes one argument at most")))
            }
            "break" => Ok(Some(Node::Break(arguments.next().map(Box::new), span))),
            "stop" => Ok(Some(Node::Stop(arguments.next().map(Box::new)))),
            "include" if count == 0 => Ok(None),
            _ => {
                let message = format!("`#{name}` finds nothing: a template is alone");
                let help = "API Gateway fails here too; put the text into the template";
                self.note(span, message.clone(), help);
                Ok(Some(Node::Broken(Box::new(Broken { message, help: Some(help), span }))))
            }
        }
    }
}
