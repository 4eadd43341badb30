//! CloudFormation's functions, as far as their values are known before anything is deployed.

use super::Options;
use super::budget::{Budget, VALUE_BYTES};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// Functions within functions, through parameters and conditions too.
const DEPTH_MAX: usize = 40;

/// Values that every template has. None of them is ever sent anywhere by Candor.
const PSEUDO: [(&str, &str); 5] = [
    ("AWS::AccountId", "123456789012"),
    ("AWS::Partition", "aws"),
    ("AWS::Region", "us-east-1"),
    ("AWS::StackName", "stack"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// Keys of a definition that nobody looks at: what a function there would give need not be known.
const NEVER_ASKED: [&str; 11] = [
    "credentials",
    "connectionId",
    "authorizerUri",
    "authorizerCredentials",
    "authorizerId",
    "providerARNs",
    "description",
    "summary",
    "x-amazon-apigateway-authorizer",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-policy",
];
/// What begins a reference to Parameter Store or Secrets Manager.
const DYNAMIC: &str = "{{resolve:";
/// Keys of a definition under which anything may stand, and is meant as it is.
const EXAMPLES: [&str; 2] = ["example", "examples"];

/// Whether a value is the call of a function. What a schema says of a property `Ref` is none.
fn is_function(node: &Node) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    let [only] = entries.as_slice() else { return false };
    only.key == "Ref" && only.node.scalar_text().is_some() || only.key.starts_with("Fn::")
}

/// Whether there is a call of a function anywhere in a value.
pub fn are_in(node: &Node) -> bool {
    is_function(node)
        || match &node.value {
            Value::List(items) => items.iter().any(are_in),
            Value::Map(entries) => entries.iter().any(|entry| are_in(&entry.node)),
            _ => false,
        }
}

/// A value of a definition without the calls of functions in it.
fn without_functions(node: &Node) -> Option<Node> {
    let value = match &node.value {
        _ if is_function(node) => return None,
        Value::List(items) => Value::List(items.iter().filter_map(without_functions).collect()),
        Value::Map(entries) => {
            let kept = |entry: &Entry| Some(Entry { node: without_functions(&entry.node)?, ..entry.clone() });
            Value::Map(entries.iter().filter_map(kept).collect())
        }
        scalar => scalar.clone(),
    };
    Some(Node { place: node.place.clone(), value })
}

pub struct Functions<'a> {
    pub template: &'a Node,
    pub options: &'a Options,
    pub problems: &'a mut Diagnostics,
    depth: usize,
    budget: Budget,
    /// The definition stands alone, and what its functions name is in a template elsewhere.
    is_alone: bool,
}

impl<'a> Functions<'a> {
    pub fn new(template: &'a Node, options: &'a Options, problems: &'a mut Diagnostics) -> Functions<'a> {
        Functions {
            template,
            options,
            problems,
            depth: 0,
            budget: Budget::of_bytes("the functions of the template"),
            is_alone: false,
        }
    }

    /// For a definition that a template brings in.
    pub fn without_template(
        definition: &'a Node,
        options: &'a Options,
        problems: &'a mut Diagnostics,
    ) -> Functions<'a> {
        Functions { is_alone: true, ..Functions::new(definition, options, problems) }
    }

    fn makes(&mut self, bytes: usize, place: &Place) -> bool {
        self.budget.takes(bytes, place, self.problems)
    }

    /// A resource's entry.
    pub fn resource(&self, name: &str) -> Option<&'a Node> {
        self.section("Resources", name)
    }

    fn section(&self, section: &str, name: &str) -> Option<&'a Node> {
        let entry = self.template.entry(section)?.node.entry(name);
        entry.map(|entry| &entry.node)
    }

    /// A value with all functions in it carried out. Nothing for `AWS::NoValue`, and for what has no value, which is
    /// told.
    pub fn fill(&mut self, node: &Node) -> Option<Node> {
        if self.depth >= DEPTH_MAX {
            self.problems.error(&node.place, "a function of the template leads back to itself");
            return None;
        }
        self.depth += 1;
        let filled = self.filled(node);
        self.depth -= 1;
        filled
    }

    fn filled(&mut self, node: &Node) -> Option<Node> {
        if !self.makes(VALUE_BYTES, &node.place) {
            return None;
        }
        let value = match &node.value {
            Value::List(items) => Value::List(items.iter().filter_map(|item| self.filled(item)).collect()),
            Value::Map(entries) => {
                if let [only] = entries.as_slice()
                    && is_function(node)
                {
                    return self.call(only);
                }
                let filled = |entry: &Entry| {
                    let node = match entry.key.as_str() {
                        key if NEVER_ASKED.contains(&key) => without_functions(&entry.node),
                        key if EXAMPLES.contains(&key) => Some(entry.node.clone()),
                        _ => self.filled(&entry.node),
                    };
                    Some(Entry { key: entry.key.clone(), key_place: entry.key_place.clone(), node: node? })
                };
                Value::Map(entries.iter().filter_map(filled).collect())
            }
            Value::Text(text) if text.contains(DYNAMIC) => Value::Text(self.resolved(text, &node.place)),
            scalar => scalar.clone(),
        };
        Some(Node { place: node.place.clone(), value })
    }

    /// A text with what `{{resolve:…}}` in it stands for: values that only the cloud knows.
    fn resolved(&mut self, text: &str, place: &Place) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, begun)) = rest.split_once(DYNAMIC)
            && let Some((name, after)) = begun.split_once("}}")
        {
            resolved.push_str(before);
            match self.options.parameters.iter().find(|(known, _)| known == name) {
                Some((_, value)) => resolved.push_str(value),
                None => {
                    let message = format!("`{name}` is only known when it is deployed");
                    let problem = Diagnostic::warning(message).at(place).approximated();
                    let help = format!("its last part stands in for it; or give `{name}` as a parameter");
                    self.problems.push(problem.help(help));
                    resolved.push_str(name.rsplit(['/', ':']).next().unwrap_or(name));
                }
            }
            rest = after;
        }
        resolved + rest
    }

    /// The text of a value.
    pub fn text(&mut self, node: &Node) -> Option<String> {
        self.fill(node)?.text("text", self.problems).map(str::to_owned)
    }

    fn call(&mut self, function: &Entry) -> Option<Node> {
        let (argument, place) = (&function.node, &function.node.place);
        let text = match function.key.as_str() {
            "Ref" => {
                let name = argument.text("a name", self.problems)?;
                self.reference(name, place)
            }
            "Fn::Sub" => self.substitute(argument),
            "Fn::GetAtt" => {
                let text = match &argument.value {
                    Value::List(parts) => {
                        parts.iter().filter_map(Node::scalar_text).collect::<Vec<_>>().join(".")
                    }
                    _ => argument.text("a name", self.problems)?.to_owned(),
                };
                self.attribute(&text, place)
            }
            "Fn::Join" => {
                let [separator, items] = self.arguments(function)?;
                let separator = separator.text("text", self.problems)?.to_owned();
                let items = items.list("texts", self.problems)?;
                let texts: Vec<&str> = items.iter().filter_map(Node::scalar_text).collect();
                Some(texts.join(&separator))
            }
            "Fn::Split" => {
                let [separator, text] = self.arguments(function)?;
                let parts = text.text("text", self.problems)?.split(separator.scalar_text()?);
                let node = |part: &str| Node { place: place.clone(), value: Value::Text(part.to_owned()) };
                return Some(Node { place: place.clone(), value: Value::List(parts.map(node).collect()) });
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(function)?;
                let index = index.integer("an index", 0..=1000, self.problems)?;
                let found = items.list("values", self.problems)?.get(index as usize).cloned();
                return found.or_else(|| self.unknown(function));
            }
            "Fn::FindInMap" => {
                let [map, first, second] = self.arguments(function)?;
                let found = self.section("Mappings", map.scalar_text()?);
                let found = found.and_then(|it| Some(&it.entry(first.scalar_text()?)?.node));
                let found = found.and_then(|it| Some(it.entry(second.scalar_text()?)?.node.clone()));
                return found.or_else(|| self.unknown(function));
            }
            "Fn::ImportValue" => self.import(argument),
            "Fn::If" => return self.choose(function),
            "Fn::Transform" => {
                let problem =
                    Diagnostic::error("`Fn::Transform` brings in what is not in this file").at(place);
                self.problems
                    .push(problem.help("give the file that it names, or the template it was made into"));
                None
            }
            _ => {
                self.unknown(function);
                None
            }
        }?;
        let text = if text.contains(DYNAMIC) { self.resolved(&text, place) } else { text };
        self.makes(text.len(), place).then(|| Node { place: place.clone(), value: Value::Text(text) })
    }

    fn unknown(&mut self, function: &Entry) -> Option<Node> {
        self.problems.error(&function.key_place, format!("`{}` has no value here", function.key));
        None
    }

    /// The arguments of a function that has as many.
    fn arguments<const N: usize>(&mut self, function: &Entry) -> Option<[Node; N]> {
        let filled = self.fill(&function.node)?;
        let Value::List(items) = filled.value else {
            self.problems.error(&function.node.place, format!("`{}` takes a list", function.key));
            return None;
        };
        let arguments = items.try_into().ok();
        if arguments.is_none() {
            self.problems.error(&function.node.place, format!("`{}` takes {N} values", function.key));
        }
        arguments
    }

    fn choose(&mut self, function: &Entry) -> Option<Node> {
        let items = function.node.list("values", self.problems)?;
        let [name, yes, no] = items else {
            self.problems.error(&function.node.place, "`Fn::If` takes a condition and two values");
            return None;
        };
        let name = name.text("a condition's name", self.problems)?;
        match self.condition(name, &function.node.place)? {
            true => self.fill(yes),
            false => self.fill(no),
        }
    }

    fn condition(&mut self, name: &str, place: &Place) -> Option<bool> {
        let Some(condition) = self.section("Conditions", name) else {
            self.problems.error(place, format!("there is no condition `{name}`"));
            return None;
        };
        self.holds(condition)
    }

    fn holds(&mut self, node: &Node) -> Option<bool> {
        if self.depth >= DEPTH_MAX {
            self.problems.error(&node.place, "a condition leads back to itself");
            return None;
        }
        if !self.makes(VALUE_BYTES, &node.place) {
            return None;
        }
        let entries = node.entries("a condition", self.problems)?;
        let [function] = entries else {
            self.problems.error(&node.place, "a condition is one function");
            return None;
        };
        self.depth += 1;
        let holds = self.one_holds(function);
        self.depth -= 1;
        holds
    }

    fn one_holds(&mut self, function: &Entry) -> Option<bool> {
        let place = &function.node.place;
        let parts = function.node.list_or_one();
        match function.key.as_str() {
            "Condition" => {
                let name = function.node.text("a condition's name", self.problems)?;
                self.condition(name, place)
            }
            "Fn::Equals" => {
                let [one, other] = self.arguments(function)?;
                Some(one.scalar_text() == other.scalar_text())
            }
            "Fn::Not" => self.holds(parts.first()?).map(|holds| !holds),
            "Fn::And" => parts.iter().try_fold(true, |all, part| Some(self.holds(part)? && all)),
            "Fn::Or" => parts.iter().try_fold(false, |any, part| Some(self.holds(part)? || any)),
            _ => self.unknown(function).map(|_| false),
        }
    }

    fn reference(&mut self, name: &str, place: &Place) -> Option<String> {
        if name == "AWS::NoValue" {
            return None;
        }
        if let Some((_, value)) = self.options.parameters.iter().find(|(known, _)| known == name) {
            return Some(value.clone());
        }
        if let Some((_, value)) = PSEUDO.iter().find(|(known, _)| *known == name) {
            return Some((*value).to_owned());
        }
        if let Some(parameter) = self.section("Parameters", name) {
            return self.default(name, parameter, place);
        }
        if let Some(alias) = name.strip_suffix(".Alias").and_then(|function| self.sam_alias(function)) {
            return Some(alias);
        }
        if self.is_alone {
            return Some(self.elsewhere(name, place));
        }
        let Some(resource) = self.resource(name) else {
            self.problems.error(place, format!("`{name}` is neither a parameter nor a resource"));
            return None;
        };
        match kind(resource) {
            "AWS::Lambda::Function" | "AWS::Serverless::Function" => self.function_name(name),
            "AWS::Lambda::Alias" => self.alias(resource),
            _ => {
                let message = format!("the name of `{name}` is only known when it is deployed");
                let problem = Diagnostic::warning(message).at(place).approximated();
                self.problems.push(
                    problem.help(format!("its logical id stands in for it; or give `{name}` as a parameter")),
                );
                Some(name.to_owned())
            }
        }
    }

    /// What the template has that this definition is brought in by.
    fn elsewhere(&mut self, name: &str, place: &Place) -> String {
        let problem = Diagnostic::warning(format!("`{name}` is not in this file")).at(place).approximated();
        self.problems.push(problem.help(format!("it stands in for itself; or give `{name}` as a parameter")));
        name.to_owned()
    }

    /// A value of another stack, which stands for itself.
    fn import(&mut self, argument: &Node) -> Option<String> {
        let name = self.text(argument)?;
        if let Some((_, value)) = self.options.parameters.iter().find(|(known, _)| *known == name) {
            return Some(value.clone());
        }
        let message = format!("`{name}` is another stack's, and only known when it is deployed");
        let problem = Diagnostic::warning(message).at(&argument.place).approximated();
        self.problems.push(problem.help(format!("it stands in for itself; or give `{name}` as a parameter")));
        Some(name)
    }

    fn default(&mut self, name: &str, parameter: &Node, place: &Place) -> Option<String> {
        let default = parameter.entry("Default").and_then(|entry| entry.node.scalar_text());
        if default.is_none() {
            let problem = Diagnostic::error(format!("parameter `{name}` has no value")).at(place);
            self.problems.push(problem.help(format!("give it one: `--parameter {name}=…`")));
        }
        default.map(str::to_owned)
    }

    /// `NAME.Attribute`.
    fn attribute(&mut self, text: &str, place: &Place) -> Option<String> {
        if let Some((_, value)) = self.options.parameters.iter().find(|(known, _)| known == text) {
            return Some(value.clone());
        }
        let (name, attribute) = text.split_once('.').unwrap_or((text, ""));
        if self.is_alone {
            return match attribute {
                "Arn" => self.arn_of(name),
                _ => Some(self.elsewhere(text, place)),
            };
        }
        let Some(resource) = self.resource(name) else {
            self.problems.error(place, format!("there is no resource `{name}`"));
            return None;
        };
        match (kind(resource), attribute) {
            ("AWS::Lambda::Function" | "AWS::Serverless::Function", "Arn") => self.function_arn(name),
            _ => {
                let problem = Diagnostic::warning(format!("`{text}` is only known when it is deployed"))
                    .at(place)
                    .approximated();
                self.problems
                    .push(problem.help(format!("it stands in for itself; or give `{text}` as a parameter")));
                Some(text.to_owned())
            }
        }
    }

    /// A function's name: the one it is given, else its logical id.
    fn function_name(&mut self, name: &str) -> Option<String> {
        let given = self.resource(name).and_then(|resource| property(resource, "FunctionName"));
        given.map_or(Some(name.to_owned()), |given| self.text(given))
    }

    fn function_arn(&mut self, name: &str) -> Option<String> {
        let name = self.function_name(name)?;
        self.arn_of(&name)
    }

    fn arn_of(&mut self, function: &str) -> Option<String> {
        let value = |name: &str| {
            let given = self
                .options
                .parameters
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone());
            given.or_else(|| {
                PSEUDO.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let (partition, region, account) =
            (value("AWS::Partition")?, value("AWS::Region")?, value("AWS::AccountId")?);
        Some(format!("arn:{partition}:lambda:{region}:{account}:function:{function}"))
    }

    /// `Ref` of an alias is its ARN.
    fn alias(&mut self, resource: &Node) -> Option<String> {
        let function = self.text(property(resource, "FunctionName")?)?;
        let name = self.text(property(resource, "Name")?)?;
        match function.starts_with("arn:") {
            true => Some(format!("{function}:{name}")),
            false => Some(format!("{}:{name}", self.arn_of(&function)?)),
        }
    }

    /// What SAM makes of `AutoPublishAlias`.
    fn sam_alias(&mut self, function: &str) -> Option<String> {
        let alias = property(self.resource(function)?, "AutoPublishAlias")?;
        let alias = self.text(alias)?;
        Some(format!("{}:{alias}", self.function_arn(function)?))
    }

    /// `Fn::Sub`: a text, or a list of a text and a map.
    fn substitute(&mut self, argument: &Node) -> Option<String> {
        let (text, own) = match &argument.value {
            Value::List(items) => (items.first()?, items.get(1)),
            _ => (argument, None),
        };
        let text = text.text("text", self.problems)?.to_owned();
        let mut filled = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, begun)) = rest.split_once("${")
            && let Some((name, after)) = begun.split_once('}')
        {
            filled.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => filled.push_str(&format!("${{{literal}}}")),
                None => {
                    let value = self.named(name.trim(), own, &argument.place).unwrap_or_default();
                    if self.makes(value.len(), &argument.place) {
                        filled.push_str(&value);
                    }
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }

    fn named(&mut self, name: &str, own: Option<&Node>, place: &Place) -> Option<String> {
        if let Some(entry) = own.and_then(|own| own.entry(name)) {
            return self.text(&entry.node);
        }
        match name.split_once('.') {
            Some(("stageVariables" | "context", _)) => {
                // CloudFormation would refuse it; what is meant is plain.
                let problem =
                    Diagnostic::warning(format!("`${{{name}}}` in `Fn::Sub` is taken for API Gateway's"))
                        .at(place);
                self.problems.push(problem.help(format!("CloudFormation wants it written `${{!{name}}}`")));
                Some(format!("${{{name}}}"))
            }
            Some((_, "Alias")) => self.reference(name, place),
            Some(_) => self.attribute(name, place),
            None => self.reference(name, place),
        }
    }
}

/// A resource's type.
pub fn kind(resource: &Node) -> &str {
    resource.entry("Type").and_then(|entry| entry.node.scalar_text()).unwrap_or_default()
}

/// A property of a resource.
pub fn property<'n>(resource: &'n Node, name: &str) -> Option<&'n Node> {
    resource.entry("Properties")?.node.entry(name).map(|entry| &entry.node)
}
