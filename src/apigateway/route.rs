//! Which method of an API a request is for. A static part of a path beats `{name}`, that beats `{name+}`, and a method of
//! its own beats `ANY`; where a resource has no method for the request, less exact resources are asked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::Method as HttpMethod;
use percent_encoding::percent_decode_str;

use super::model::{Method, Verb};

/// All methods by path.
#[derive(Debug)]
pub struct Routes {
    nodes: Vec<Branch>,
    /// In the order of the API's methods: the names of the parameters in their paths.
    names: Vec<Vec<Name>>,
    catch_all: Option<usize>,
}

/// The parameters of a path, as they stand in it: percent-encoded.
pub type PathParameters<'a> = Vec<(&'a str, &'a str)>;

#[derive(Debug, Default)]
struct Branch {
    literals: HashMap<Box<str>, usize>,
    parameter: Option<usize>,
    here: Verbs,
    greedy: Verbs,
}

#[derive(Debug, Default)]
struct Verbs {
    only: Vec<(HttpMethod, usize)>,
    any: Option<usize>,
}

/// A parameter: at which segment, and whether it takes all that follow.
#[derive(Debug)]
struct Name {
    segment: usize,
    is_greedy: bool,
    name: Box<str>,
}

/// The path of an HTTP API that takes what no other does.
pub const CATCH_ALL: &str = "/$default";

impl Default for Routes {
    fn default() -> Routes {
        Routes::new(&[])
    }
}

impl Routes {
    /// Of two methods for the same, the first counts.
    pub fn new(methods: &[Arc<Method>]) -> Routes {
        let mut routes = Routes { nodes: vec![Branch::default()], names: Vec::new(), catch_all: None };
        for (index, method) in methods.iter().enumerate() {
            routes.add(index, &method.resource, &method.verb);
        }
        routes
    }

    fn add(&mut self, index: usize, resource: &str, verb: &Verb) {
        let (mut at, mut names, mut is_greedy) = (0, Vec::new(), false);
        if resource == CATCH_ALL {
            self.names.push(names);
            self.catch_all.get_or_insert(index);
            return;
        }
        for (segment, text) in segments(resource).enumerate() {
            match Segment::of(text) {
                Segment::Literal(text) => at = self.literal(at, text),
                Segment::Parameter(name) => {
                    at = self.parameter(at);
                    names.push(Name { segment, is_greedy: false, name: name.into() });
                }
                Segment::Greedy(name) => {
                    names.push(Name { segment, is_greedy: true, name: name.into() });
                    is_greedy = true;
                    break;
                }
            }
        }
        self.names.push(names);
        let Some(branch) = self.nodes.get_mut(at) else { return };
        let verbs = if is_greedy { &mut branch.greedy } else { &mut branch.here };
        match verb {
            Verb::Any => _ = verbs.any.get_or_insert(index),
            Verb::Only(method) => verbs.only.push((method.clone(), index)),
        }
    }

    fn literal(&mut self, at: usize, text: &str) -> usize {
        let next = self.nodes.len();
        let Some(branch) = self.nodes.get_mut(at) else { return at };
        if let Some(known) = branch.literals.get(text) {
            return *known;
        }
        branch.literals.insert(text.into(), next);
        self.nodes.push(Branch::default());
        next
    }

    fn parameter(&mut self, at: usize) -> usize {
        let next = self.nodes.len();
        let Some(branch) = self.nodes.get_mut(at) else { return at };
        if let Some(known) = branch.parameter {
            return known;
        }
        branch.parameter = Some(next);
        self.nodes.push(Branch::default());
        next
    }

    /// The number of the method for a path without query, and the path's parameters.
    pub fn find<'a>(&'a self, method: &HttpMethod, path: &'a str) -> Option<(usize, PathParameters<'a>)> {
        let index = self.descend(0, path, method).or(self.catch_all)?;
        Some((index, self.parameters(index, path)))
    }

    fn descend(&self, at: usize, rest: &str, method: &HttpMethod) -> Option<usize> {
        let branch = self.nodes.get(at)?;
        let rest = rest.trim_start_matches('/');
        if rest.is_empty() {
            return branch.here.find(method);
        }
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        let literal = branch.literals.get(&*decoded(segment)).copied();
        let exact = literal.and_then(|next| self.descend(next, after, method));
        exact
            .or_else(|| branch.parameter.and_then(|next| self.descend(next, after, method)))
            .or_else(|| branch.greedy.find(method))
    }

    fn parameters<'a>(&'a self, index: usize, path: &'a str) -> PathParameters<'a> {
        let names = self.names.get(index).map(Vec::as_slice).unwrap_or_default();
        let value = |name: &'a Name| {
            let rest = nth_on(path, name.segment);
            let value = match name.is_greedy {
                true => rest.trim_end_matches('/'),
                false => rest.split('/').next().unwrap_or_default(),
            };
            (&*name.name, value)
        };
        names.iter().map(value).collect()
    }
}

impl Verbs {
    fn find(&self, method: &HttpMethod) -> Option<usize> {
        let own = self.only.iter().find(|(known, _)| known == method).map(|(_, index)| *index);
        own.or_else(|| self.any.filter(|_| is_any(method)))
    }
}

/// What `ANY` stands for.
fn is_any(method: &HttpMethod) -> bool {
    matches!(method.as_str(), "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PATCH" | "POST" | "PUT")
}

/// A segment of a resource's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Text as it is.
    Literal(&'a str),
    /// `{name}`.
    Parameter(&'a str),
    /// `{name+}`.
    Greedy(&'a str),
}

impl Segment<'_> {
    /// What a segment says.
    pub fn of(text: &str) -> Segment<'_> {
        let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return Segment::Literal(text);
        };
        match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name),
            None => Segment::Parameter(name),
        }
    }
}

/// The segments of a path. Slashes side by side count as one, and one at the end for nothing.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The rest of a path from its nth segment on.
fn nth_on(path: &str, number: usize) -> &str {
    let mut rest = path.trim_start_matches('/');
    for _ in 0..number {
        rest = rest.split_once('/').map_or("", |(_, after)| after).trim_start_matches('/');
    }
    rest
}

fn decoded(segment: &str) -> Cow<'_, str> {
    match segment.contains('%') {
        true => percent_decode_str(segment).decode_utf8_lossy(),
        false => Cow::Borrowed(segment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resources: &[(&str, &str)], request: (&str, &str), expected: Option<(usize, &[(&str, &str)])>) {
        let mut routes = Routes::default();
        for (index, (verb, resource)) in resources.iter().enumerate() {
            let verb = match *verb {
                "ANY" => Verb::Any,
                method => Verb::Only(method.parse().unwrap()),
            };
            routes.add(index, resource, &verb);
        }
        let found = routes.find(&request.0.parse().unwrap(), request.1);
        assert_eq!(found, expected.map(|(index, parameters)| (index, parameters.to_vec())), "{request:?}");
    }

    #[test]
    fn static_beats_parameter_beats_greedy() {
        let resources = [
            ("GET", "/{proxy+}"),
            ("GET", "/a/{id}"),
            ("GET", "/a/b"),
            ("ANY", "/a/{id}"),
            ("GET", "/a/{id}/c"),
        ];
        check(&resources, ("GET", "/a/b"), Some((2, &[])));
        check(&resources, ("GET", "/a/x"), Some((1, &[("id", "x")])));
        check(&resources, ("GET", "/a/b/c"), Some((4, &[("id", "b")])));
        check(&resources, ("GET", "/a/b/d/"), Some((0, &[("proxy", "a/b/d")])));
        check(&resources, ("PUT", "/a/b"), Some((3, &[("id", "b")])));
        check(&resources, ("PUT", "/b"), None);
    }

    #[test]
    fn a_resource_without_the_method_leaves_it_to_a_greedy_one() {
        let resources = [("GET", "/test"), ("ANY", "/{proxy+}")];
        check(&resources, ("OPTIONS", "/test"), Some((1, &[("proxy", "test")])));
        check(&resources, ("TRACE", "/test"), None);
    }

    #[test]
    fn a_greedy_path_leaves_out_its_parent() {
        check(&[("ANY", "/{proxy+}")], ("GET", "/"), None);
        check(&[("ANY", "/files/{proxy+}")], ("GET", "/files/"), None);
        check(&[("ANY", "/"), ("ANY", "/{proxy+}")], ("GET", "/"), Some((0, &[])));
    }

    #[test]
    fn the_default_route_of_an_http_api_takes_all_that_is_left() {
        let resources = [("ANY", CATCH_ALL), ("GET", "/a")];
        check(&resources, ("GET", "/a"), Some((1, &[])));
        check(&resources, ("GET", "/"), Some((0, &[])));
        check(&resources, ("TRACE", "/a/b"), Some((0, &[])));
    }

    #[test]
    fn slashes_too_many_do_not_count_between_segments() {
        check(&[("GET", "/hardcoded")], ("GET", "//hardcoded/"), Some((0, &[])));
        check(&[("GET", "/{proxy+}")], ("GET", "/a//b//"), Some((0, &[("proxy", "a//b")])));
    }

    #[test]
    fn parameters_stay_encoded_and_static_parts_do_not() {
        check(&[("GET", "/a b/{id}")], ("GET", "/a%20b/c%2Fd"), Some((0, &[("id", "c%2Fd")])));
    }
}
