//! Which upstream an exchange goes to and which rule set its answer meets, by host, path and method.
//! Paths are API Gateway's: `/orders/{id}` stands for one segment, `/{proxy+}` for one or more at the end.
//! A static segment beats a parameter, a parameter beats `{proxy+}`, an exact host beats a wildcard.

use std::fmt;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;

use super::ruleset::RuleSet;

/// All routes, the most specific first.
#[derive(Debug, Default)]
pub struct Routes(Vec<Route>);

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The name in logs and metrics: its path, or the name it was given.
    pub name: Arc<str>,
    /// What it fits.
    pub host: HostPattern,
    /// What it fits.
    pub path: PathPattern,
    /// Methods it fits; empty means every method.
    pub methods: Vec<Method>,
    /// Index of the upstream in the settings.
    pub upstream: usize,
    /// The rules for its answers; `None` leaves them alone.
    pub rule_set: Option<Arc<RuleSet>>,
    /// What a request header may choose instead.
    pub selectable: Selectable,
}

/// Which rule sets a request header may choose on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selectable {
    /// Any that the selector allows.
    All,
    /// These, of those the selector allows.
    Only(Vec<String>),
    /// None: the header has no effect here.
    Off,
}

/// What was found for a request.
#[derive(Debug)]
pub enum Found<'a> {
    /// This route.
    Route(&'a Route),
    /// Routes fit the path, none the method; `allow` is the value of the `Allow` header.
    MethodNotAllowed {
        /// Methods that fit, joined with a comma.
        allow: String,
    },
    /// No route fits the path.
    NotFound,
}

/// The hosts of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host, lower case, without port.
    Exact(String),
    /// Any host that ends with this, `.example.com` for `*.example.com`.
    Suffix(String),
    /// Any.
    Any,
}

/// A path of literal segments and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<Segment>,
}

// The order of the variants is their precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Parameter(String),
    Greedy(String),
}

impl Routes {
    /// Routes in order of precedence; of two equal ones the first written wins.
    pub fn new(mut routes: Vec<Route>) -> Routes {
        routes.sort_by(|a, b| a.host.rank().cmp(&b.host.rank()).then_with(|| a.path.precedence(&b.path)));
        Routes(routes)
    }

    /// The route for a request. `host` is the request's authority, with or without port.
    pub fn find(&self, host: Option<&str>, method: &Method, path: &str) -> Found<'_> {
        let host = host.map(without_port);
        let mut others: Vec<&str> = Vec::new();
        for route in self.0.iter().filter(|route| route.host.fits(host) && route.path.fits(path)) {
            if route.methods.is_empty() || route.methods.contains(method) {
                return Found::Route(route);
            }
            others.extend(route.methods.iter().map(Method::as_str));
        }
        if others.is_empty() {
            return Found::NotFound;
        }
        others.sort_unstable();
        others.dedup();
        Found::MethodNotAllowed { allow: others.join(", ") }
    }

    /// All routes, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }
}

/// What a client is told where no route takes its host and path.
pub const NO_ROUTE: &str = "no route matches this host and path";

/// What a client is told where the routes for its path take other methods.
pub const NO_METHOD: &str = "no route for this path takes this method";

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 literal are not a port's.
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

impl HostPattern {
    /// `api.example.com`, `*.example.com` or `*`.
    pub fn parse(text: &str) -> Result<HostPattern, String> {
        let lower = text.to_ascii_lowercase();
        let valid = |host: &str| !host.is_empty() && !host.contains(['/', '*', ' ', '@']);
        match lower.strip_prefix('*') {
            Some("") => Ok(HostPattern::Any),
            Some(suffix) if suffix.starts_with('.') && valid(suffix) => {
                Ok(HostPattern::Suffix(suffix.to_owned()))
            }
            None if valid(&lower) => Ok(HostPattern::Exact(lower)),
            _ => Err(format!("`{text}` is not a host, `*.domain` or `*`")),
        }
    }

    fn fits(&self, host: Option<&str>) -> bool {
        let ends_with = |host: &str, suffix: &str| {
            host.len() > suffix.len()
                && host.get(host.len() - suffix.len()..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        };
        match (self, host) {
            (HostPattern::Any, _) => true,
            (HostPattern::Exact(name), Some(host)) => name.eq_ignore_ascii_case(host),
            (HostPattern::Suffix(suffix), Some(host)) => ends_with(host, suffix),
            (_, None) => false,
        }
    }

    fn rank(&self) -> (u8, std::cmp::Reverse<usize>) {
        match self {
            HostPattern::Exact(_) => (0, std::cmp::Reverse(0)),
            HostPattern::Suffix(suffix) => (1, std::cmp::Reverse(suffix.len())),
            HostPattern::Any => (2, std::cmp::Reverse(0)),
        }
    }
}

impl PathPattern {
    /// Reads a path such as `/orders/{id}` or `/files/{proxy+}`.
    pub fn parse(text: &str) -> Result<PathPattern, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("path `{text}` must begin with `/`"));
        };
        let mut segments = Vec::new();
        for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
            if matches!(segments.last(), Some(Segment::Greedy(_))) {
                return Err(format!("nothing can follow `+}}` in path `{text}`"));
            }
            segments.push(Segment::parse(segment).ok_or_else(|| {
                format!("segment `{segment}` is neither plain text nor `{{name}}` nor `{{name+}}`")
            })?);
        }
        Ok(PathPattern { segments })
    }

    /// The pattern that fits every path, `/{proxy+}`.
    pub fn everything() -> PathPattern {
        PathPattern { segments: vec![Segment::Greedy("proxy".to_owned())] }
    }

    /// The parameters of a path that fits, and what stands in their places, percent-encoding undone.
    pub fn parameters(&self, path: &str) -> Vec<(String, String)> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut rest = path.strip_prefix('/').unwrap_or(path);
        let mut parameters = Vec::new();
        for segment in &self.segments {
            let (given, after) = rest.split_once('/').unwrap_or((rest, ""));
            match segment {
                Segment::Literal(_) => {}
                Segment::Parameter(name) => parameters.push((name.clone(), decoded(given))),
                Segment::Greedy(name) => parameters.push((name.clone(), decoded(rest))),
            }
            rest = after;
        }
        parameters
    }

    fn fits(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        // API Gateway's `/{proxy+}` leaves out `/` itself; for a sidecar's catch-all that would be a trap.
        if path.is_empty() && matches!(self.segments.as_slice(), [Segment::Greedy(_)]) {
            return true;
        }
        let mut given = path.split('/').filter(|_| !path.is_empty());
        for segment in &self.segments {
            let fits = match (segment, given.next()) {
                (_, None) => false,
                (Segment::Greedy(_), Some(_)) => return true,
                (Segment::Parameter(_), Some(text)) => !text.is_empty(),
                (Segment::Literal(literal), Some(text)) => literal == text,
            };
            if !fits {
                return false;
            }
        }
        given.next().is_none()
    }

    /// Segment by segment: literal before parameter before greedy; a longer path before a shorter one.
    fn precedence(&self, other: &PathPattern) -> std::cmp::Ordering {
        let ranks = |path: &PathPattern| path.segments.iter().map(Segment::rank).collect::<Vec<_>>();
        let (mine, theirs) = (ranks(self), ranks(other));
        let differing = mine.iter().zip(&theirs).map(|(a, b)| a.cmp(b)).find(|order| order.is_ne());
        differing.unwrap_or_else(|| theirs.len().cmp(&mine.len()))
    }

    /// Whether two patterns fit the same paths.
    pub fn same_as(&self, other: &PathPattern) -> bool {
        let key = |segment: &Segment| match segment {
            Segment::Literal(text) => (0, text.clone()),
            Segment::Parameter(_) => (1, String::new()),
            Segment::Greedy(_) => (2, String::new()),
        };
        self.segments.iter().map(key).eq(other.segments.iter().map(key))
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Segment> {
        let Some(inner) = text.strip_prefix('{') else {
            return (!text.contains(['{', '}', '?', '#', '*'])).then(|| Segment::Literal(text.to_owned()));
        };
        let name = inner.strip_suffix('}')?;
        let (name, greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
        let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let segment = if greedy { Segment::Greedy } else { Segment::Parameter };
        valid.then(|| segment(name.to_owned()))
    }

    fn rank(&self) -> u8 {
        match self {
            Segment::Literal(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 2,
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Parameter(name) => write!(f, "/{{{name}}}"),
            Segment::Greedy(name) => write!(f, "/{{{name}+}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, host: &str, path: &str) -> Route {
        Route {
            name: format!("{method} {host}{path}").into(),
            host: HostPattern::parse(host).unwrap(),
            path: PathPattern::parse(path).unwrap(),
            methods: method.split(',').filter(|m| *m != "ANY").map(|m| m.parse().unwrap()).collect(),
            upstream: 0,
            rule_set: None,
            selectable: Selectable::All,
        }
    }

    #[track_caller]
    fn check(request: &str, expected: &str) {
        let routes = Routes::new(vec![
            route("ANY", "*", "/{proxy+}"),
            route("GET", "*", "/orders/{id}"),
            route("GET,POST", "*", "/orders"),
            route("GET", "*", "/orders/new"),
            route("ANY", "api.example.com", "/{proxy+}"),
            route("ANY", "*.example.com", "/x"),
            route("PUT", "api.example.com", "/only/put"),
        ]);
        let (method, target) = request.split_once(' ').unwrap();
        let (host, path) = target.split_once('/').unwrap();
        let found = match routes.find(Some(host), &method.parse().unwrap(), &format!("/{path}")) {
            Found::Route(route) => route.name.to_string(),
            Found::MethodNotAllowed { allow } => format!("405 {allow}"),
            Found::NotFound => "404".to_owned(),
        };
        assert_eq!(found, expected, "{request}");
    }

    #[test]
    fn parameters_are_what_stands_in_their_places() {
        let check = |pattern: &str, path: &str, expected: &[(&str, &str)]| {
            let expected = expected.iter().map(|(name, value)| (name.to_string(), value.to_string()));
            let parameters = PathPattern::parse(pattern).unwrap().parameters(path);
            assert_eq!(parameters, expected.collect::<Vec<_>>(), "{path}");
        };
        check("/orders/{id}", "/orders/a%20b", &[("id", "a b")]);
        check("/{a}/x/{b}", "/1/x/2/", &[("a", "1"), ("b", "2")]);
        check("/files/{proxy+}", "/files/a/b.txt", &[("proxy", "a/b.txt")]);
        check("/{proxy+}", "/", &[("proxy", "")]);
        check("/orders", "/orders", &[]);
    }

    #[test]
    fn the_most_specific_route_wins() {
        check("GET h/orders/new", "GET */orders/new");
        check("GET h/orders/17", "GET */orders/{id}");
        check("GET h/orders/17/", "GET */orders/{id}");
        check("GET h/orders/17/items", "ANY */{proxy+}");
        check("DELETE h/orders/new", "ANY */{proxy+}");
        check("POST h:8080/orders", "GET,POST */orders");
        check("GET API.example.com:443/orders/17", "ANY api.example.com/{proxy+}");
        check("GET b.example.com/x", "ANY *.example.com/x");
        check("GET [::1]:80/orders", "GET,POST */orders");
        check("GET h/", "ANY */{proxy+}");
    }

    #[test]
    fn a_path_without_its_method_is_405() {
        let routes = Routes::new(vec![route("GET", "*", "/a"), route("PUT,GET", "*", "/{x}")]);
        let Found::MethodNotAllowed { allow } = routes.find(None, &Method::POST, "/a") else { panic!() };
        assert_eq!(allow, "GET, PUT");
        assert!(matches!(routes.find(None, &Method::GET, "/a/b"), Found::NotFound));
    }

    #[test]
    fn bad_paths_are_refused() {
        for bad in ["orders", "/{id", "/{}", "/a{id}", "/{proxy+}/more", "/a?b"] {
            assert!(PathPattern::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(PathPattern::parse("/orders/{id}/").unwrap().to_string(), "/orders/{id}");
    }
}
