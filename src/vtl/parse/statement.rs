//! Text, comments, escapes and the references between them.

use super::super::ast::{Body, Expression, If, Node, Set};
use super::super::error::ParseError;
use super::Parser;
use super::directive::is_directive;
use super::token::Kind;

/// The nodes of a body; text that follows text becomes one piece.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    text: String,
}

impl Nodes {
    pub fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn push(&mut self, node: Node) {
        self.finish_text();
        self.nodes.push(node);
    }

    fn finish_text(&mut self) {
        if !self.text.is_empty() {
            self.nodes.push(Node::Text(std::mem::take(&mut self.text).into()));
        }
    }

    fn into_body(mut self) -> Body {
        self.finish_text();
        Body(self.nodes.into())
    }
}

impl Parser<'_, '_> {
    /// All statements up to what cannot begin one.
    pub(super) fn statements(&mut self) -> Result<Body, ParseError> {
        self.nested(|parser| {
            let mut nodes = Nodes::default();
            loop {
                let kind = parser.kind()?;
                if !kind.begins_statement() {
                    return Ok(nodes.into_body());
                }
                parser.statement(kind, &mut nodes)?;
            }
        })
    }

    fn statement(&mut self, kind: Kind, nodes: &mut Nodes) -> Result<(), ParseError> {
        match kind {
            Kind::If => {
                let node = self.if_statement()?;
                nodes.push(Node::If(Box::new(node)));
            }
            Kind::Identifier => self.printed_reference(nodes)?,
            Kind::BraceOpen if self.kind_at(1)? == Kind::Identifier => self.printed_reference(nodes)?,
            Kind::LineComment | Kind::Comment | Kind::FormalComment => {
                let token = self.take()?;
                if kind == Kind::LineComment {
                    self.take_if(Kind::LineCommentEnd)?;
                }
                nodes.text(before_comment(self.image(token)));
            }
            Kind::Raw => {
                let token = self.take()?;
                nodes.text(self.image(token).trim_start_matches("#[[").trim_end_matches("]]#"));
            }
            Kind::Set => {
                let node = self.set_directive()?;
                nodes.push(Node::Set(Box::new(node)));
            }
            Kind::EscapedDirective => self.escaped_directive(nodes)?,
            Kind::DoubleBackslash => self.backslashes(nodes)?,
            Kind::Word | Kind::BracketedWord => self.directive(nodes)?,
            _ => {
                let token = self.take()?;
                let mut text = String::new();
                self.push_literal(token, &mut text);
                nodes.text(&text);
            }
        }
        Ok(())
    }

    /// `\#if`: of the backslashes before a directive half are printed, before another word all.
    fn escaped_directive(&mut self, nodes: &mut Nodes) -> Result<(), ParseError> {
        let token = self.take()?;
        let image = self.image(token);
        let backslashes = image.find('#').unwrap_or(0);
        let word = image.get(backslashes + 1..).unwrap_or_default();
        let name = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')).unwrap_or(word);
        if is_directive(name)
            || matches!(name, "if" | "end" | "set" | "else" | "elseif")
            || self.names.macros.contains(name)
        {
            self.cut(token, backslashes - (backslashes - 1) / 2);
        }
        nodes.text(self.image(token));
        Ok(())
    }

    /// An even number of backslashes: half of them are printed if a directive follows.
    fn backslashes(&mut self, nodes: &mut Nodes) -> Result<(), ParseError> {
        let mut pairs = 0;
        while self.take_if(Kind::DoubleBackslash)? {
            pairs += 1;
        }
        let follows = self.kind()?;
        let mut word = self.image(self.taken).chars();
        word.next();
        let halved = matches!(follows, Kind::If | Kind::Else | Kind::ElseIf | Kind::End)
            || is_directive(word.as_str())
            || self.names.macros.contains(word.as_str());
        nodes.text(&"\\".repeat(if halved { pairs } else { 2 * pairs }));
        Ok(())
    }

    /// Takes characters off the front of a word.
    pub(super) fn cut(&mut self, token: usize, length: usize) {
        if let Some(token) = self.tokens.get_mut(token) {
            token.start = (token.start + length).min(token.end);
        }
    }

    fn if_statement(&mut self) -> Result<If, ParseError> {
        let opening = self.take()?;
        let mut branches = vec![(self.condition("#if")?, self.statements()?)];
        while self.take_if(Kind::ElseIf)? {
            branches.push((self.condition("#elseif")?, self.statements()?));
        }
        let otherwise = if self.take_if(Kind::Else)? { self.statements()? } else { Body::default() };
        self.expect_end(opening)?;
        Ok(If { branches: branches.into(), otherwise, span: self.span_of(opening) })
    }

    fn condition(&mut self, directive: &str) -> Result<Expression, ParseError> {
        self.skip_blank()?;
        self.expect(Kind::Open, &format!("the `(` of `{directive}`"))?;
        let condition = self.expression()?;
        self.expect(Kind::Close, "an operator or `)`")?;
        Ok(condition)
    }

    /// Takes the `#end` of a directive.
    pub(super) fn expect_end(&mut self, opening: usize) -> Result<(), ParseError> {
        if self.take_if(Kind::End)? {
            return Ok(());
        }
        let name = self.image(opening).trim_start_matches(['$', '\\', '!']);
        match self.kind()? {
            Kind::EndOfTemplate => {
                let error = ParseError::new(self.span_of(opening), format!("`{name}` has no `#end`"));
                let text = self.scanner.text;
                Err(if ["#endif", "#END", "#End"].iter().any(|word| text.contains(word)) {
                    error.help("the word is `#end`, in lowercase and with no letter after it")
                } else if text.match_indices("#end").any(|(at, word)| glued(text, at + word.len())) {
                    error.help("a letter right after `#end` makes another word of it: write `#{end}`")
                } else {
                    error
                })
            }
            Kind::Else => Err(ParseError::new(self.span_of(self.taken), "a second `#else`")),
            Kind::ElseIf => {
                Err(ParseError::new(self.span_of(self.taken), "`#elseif` cannot come after `#else`"))
            }
            _ => Err(self.unexpected("`#end`")),
        }
    }

    fn set_directive(&mut self) -> Result<Set, ParseError> {
        self.take()?;
        self.skip_blank()?;
        if !self.begins_reference()? {
            return Err(self.unexpected("the reference to set"));
        }
        let first = self.taken;
        let target = self.reference()?;
        self.skip_blank()?;
        self.expect(Kind::Assign, "`=`")?;
        let value = self.expression()?;
        self.expect(Kind::Close, "an operator or `)`")?;
        self.scanner.end_set();
        // Velocity takes the first word for the name, which a `${` is not.
        let mut name = self.image(first).chars();
        name.next();
        let variable = self.names.variable(name.as_str());
        let span = target.reference.span;
        let target = (!target.reference.steps.is_empty()).then_some(target.reference);
        Ok(Set { variable, target, value, span })
    }
}

/// The `$`s that ran into a comment.
fn before_comment(image: &str) -> &str {
    let start = image.find("##").or_else(|| image.find("#*")).unwrap_or(0);
    image.get(..start).unwrap_or_default()
}

fn glued(text: &str, at: usize) -> bool {
    let next = text.get(at..).and_then(|rest| rest.chars().next());
    next.is_some_and(|next| next.is_ascii_alphanumeric() || matches!(next, '_' | '@'))
}
