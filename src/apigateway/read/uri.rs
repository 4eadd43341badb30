//! URIs of integrations: URLs and ARNs, with stage variables filled in and parameters left open.

use super::reader::Reader;
use crate::apigateway::model::{Function, UriPart, UriPattern};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::Node;

/// What begins the name of a stage variable in a definition's URIs.
pub const STAGE_VARIABLES: &str = "stageVariables.";

/// A URI with stage variables.
pub struct Uri {
    /// As written.
    written: String,
    /// With the values of stage variables.
    filled: String,
    /// A stage variable has no value.
    is_open: bool,
}

/// What an `aws` or `aws_proxy` integration names.
#[derive(Clone)]
pub enum Arn {
    /// A Lambda function.
    Lambda { arn: String, name: String, qualifier: Option<String> },
    /// Another service.
    Service { name: String, region: String, path: String },
}

impl Uri {
    /// With the values of stage variables, and as written.
    pub fn into_parts(self) -> (String, String) {
        (self.filled, self.written)
    }
}

impl Reader<'_> {
    /// The text of a URI, and what it is with stage variables, whose names begin as given.
    pub fn uri(&mut self, node: &Node, variables: &str) -> Option<Uri> {
        let text = node.text("a URI (text)", self.problems)?;
        let written = text.replace(&format!("${{{variables}"), &format!("${{{STAGE_VARIABLES}"));
        let mut filled = String::with_capacity(text.len());
        let (mut rest, mut is_open, mut is_known) = (text, false, true);
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                self.error(&node.place, "`${` without its `}`");
                return None;
            };
            match name.strip_prefix(variables) {
                Some(name) => match self.stage_variable(name, &node.place) {
                    Some(value) => filled.push_str(&value),
                    None => is_open = true,
                },
                None => {
                    self.not_a_variable(name, variables, &node.place);
                    is_known = false;
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        is_known.then_some(Uri { written, filled, is_open })
    }

    fn not_a_variable(&mut self, name: &str, variables: &str, place: &Place) {
        let problem = match variables {
            STAGE_VARIABLES => Diagnostic::error(format!("`${{{name}}}` has no value")).help(format!(
                "give it one: `--parameter {name}=…`; stage variables are `${{{STAGE_VARIABLES}NAME}}`"
            )),
            _ => Diagnostic::error(format!("`${{{name}}}` is not a stage variable")),
        };
        self.problems.push(problem.at(place));
    }

    /// A URL that HTTP can be spoken to.
    pub fn url(&mut self, node: &Node, variables: &str) -> Option<UriPattern> {
        let Uri { written, filled, is_open } = self.uri(node, variables)?;
        // API Gateway takes a URL whose host is a stage variable, and answers 500 as long as that has no value.
        let text = if is_open { with_scheme(&filled) } else { filled };
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !matches!(scheme, "http" | "https") || authority.is_empty() && !is_open {
            self.not_a_url(&text, &node.place);
            return None;
        }
        Some(pattern(&text, written))
    }

    fn not_a_url(&mut self, text: &str, place: &Place) {
        self.error(place, format!("`{text}` is not a URL of `http` or `https`"));
    }

    /// What an ARN of API Gateway names, and the same with stage variables left open.
    pub fn arn(&mut self, node: &Node) -> Option<(Arn, Option<Arn>)> {
        let Uri { written, filled: text, is_open } = self.uri(node, STAGE_VARIABLES)?;
        let as_written = gateway_arn(&written).or_else(|| lambda(&written));
        let arn = match &as_written {
            // Its name without a part of it would be another function's.
            Some(arn @ Arn::Lambda { .. }) if is_open => Some(arn.clone()),
            _ => gateway_arn(&text).or_else(|| lambda(&text)),
        };
        let Some(arn) = arn else {
            let problem = Diagnostic::error(format!("`{text}` names no function and no service"));
            let help = "such as `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations`";
            self.problems.push(problem.at(&node.place).help(help));
            return None;
        };
        Some((arn, as_written))
    }

    /// A function by its name or ARN.
    pub fn function(&mut self, node: &Node, variables: &str) -> Option<Function> {
        let Uri { written, filled, is_open } = self.uri(node, variables)?;
        let filled = if is_open { written.clone() } else { filled };
        let Some(Arn::Lambda { arn, name, qualifier }) = lambda(&filled) else {
            let problem = Diagnostic::error(format!("`{filled}` is not the name of a function"));
            self.problems
                .push(problem.at(&node.place).help("such as `orders`, or `orders:live` with its alias"));
            return None;
        };
        Some(Function {
            arn,
            name,
            qualifier,
            written: lambda(&written).as_ref().map_or(written, Arn::named),
            method: None,
        })
    }
}

impl Arn {
    /// The name of a function with its qualifier, or the path of another service.
    pub fn named(&self) -> String {
        match self {
            Arn::Lambda { name, qualifier: Some(qualifier), .. } => format!("{name}:{qualifier}"),
            Arn::Lambda { name, .. } => name.clone(),
            Arn::Service { path, .. } => path.clone(),
        }
    }
}

/// `arn:aws:apigateway:REGION:SERVICE:path|action/REST`.
fn gateway_arn(text: &str) -> Option<Arn> {
    let mut parts = text.splitn(6, ':');
    let ["arn", _, "apigateway", region, service, rest] =
        std::array::from_fn(|_| parts.next().unwrap_or_default())
    else {
        return None;
    };
    let (kind, rest) = rest.split_once('/')?;
    if service == "lambda" {
        let (_, function) = rest.split_once("functions/")?;
        return lambda(function.split_once('/').map_or(function, |(function, _)| function));
    }
    let path = match kind {
        "path" => format!("/{rest}"),
        "action" => format!("/?Action={rest}"),
        _ => return None,
    };
    // A service may have a host of its own in front: `bucket.s3`.
    Some(Arn::Service { name: service.to_owned(), region: region.to_owned(), path })
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`, or `NAME[:QUALIFIER]` alone.
fn lambda(text: &str) -> Option<Arn> {
    let named = match text.split_once(":function:") {
        Some((before, named)) if before.starts_with("arn:") => named,
        None if !text.starts_with("arn:") && !text.contains('/') => text,
        _ => return None,
    };
    let (name, qualifier) =
        named.split_once(':').map_or((named, None), |(name, it)| (name, Some(it.to_owned())));
    let is_named = !name.is_empty() && !named.contains('/') && qualifier.as_deref() != Some("");
    is_named.then(|| Arn::Lambda { arn: text.to_owned(), name: name.to_owned(), qualifier })
}

/// A URL whose scheme or host is missing, so that what there is of it has its place.
fn with_scheme(text: &str) -> String {
    match text.split_once("://") {
        Some(("", rest)) => format!("http://{rest}"),
        Some(_) => text.to_owned(),
        None => format!("http://{text}"),
    }
}

/// Text with `{name}` in it, and how it was written.
pub fn pattern(text: &str, written: String) -> UriPattern {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        match after
            .find(['{', '}'])
            .and_then(|end| Some((after.get(..end)?, after.get(end..)?.strip_prefix('}')?)))
        {
            Some((name, after)) if !name.is_empty() => {
                if !plain.is_empty() {
                    parts.push(UriPart::Text(std::mem::take(&mut plain)));
                }
                // `{proxy+}` is met in URIs too, where it means `{proxy}`.
                parts.push(UriPart::Parameter(name.trim_end_matches('+').to_owned()));
                rest = after;
            }
            _ => {
                plain.push('{');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(UriPart::Text(plain));
    }
    UriPattern { written, parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_say_what_they_name() {
        let check = |text: &str, expected: &str| {
            let shown =
                gateway_arn(text).or_else(|| lambda(text)).map_or("nothing".to_owned(), |arn| match arn {
                    Arn::Lambda { name, qualifier, .. } => format!("{name} {qualifier:?}"),
                    Arn::Service { name, region, path } => format!("{name} in {region}: {path}"),
                });
            assert_eq!(shown, expected, "{text}");
        };
        let invoke = |function: &str| {
            format!("arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{function}/invocations")
        };
        check(&invoke("arn:aws:lambda:eu-west-1:123456789012:function:orders"), "orders None");
        check(
            &invoke("arn:aws:lambda:eu-west-1:123456789012:function:orders:live"),
            r#"orders Some("live")"#,
        );
        check(&invoke("orders"), "orders None");
        check(&invoke("orders:live"), r#"orders Some("live")"#);
        check("arn:aws:lambda:eu-west-1:1:function:orders", "orders None");
        check("arn:aws:apigateway:us-east-1:s3:path/bucket/{key}", "s3 in us-east-1: /bucket/{key}");
        check(
            "arn:aws:apigateway:us-east-1:sqs:action/SendMessage",
            "sqs in us-east-1: /?Action=SendMessage",
        );
        check("arn:aws:apigateway:us-east-1:sqs", "nothing");
        check("http://example.com/", "nothing");
    }

    #[test]
    fn parameters_are_found_in_a_uri() {
        let text = |text: &str| UriPart::Text(text.to_owned());
        let parameter = |name: &str| UriPart::Parameter(name.to_owned());
        let check = |uri: &str, expected: Vec<UriPart>| {
            assert_eq!(pattern(uri, String::new()).parts, expected, "{uri}")
        };
        check(
            "http://h/a/{id}/b?c={d}",
            vec![text("http://h/a/"), parameter("id"), text("/b?c="), parameter("d")],
        );
        check("http://h/{proxy+}", vec![text("http://h/"), parameter("proxy")]);
        check("http://h/{", vec![text("http://h/{")]);
        check("http://h/{}", vec![text("http://h/{}")]);
    }
}
