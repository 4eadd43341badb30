//! The rule set of an exchange: the route's, or one that a request header or a header of the answer chooses at run
//! time, among allowed ones, for allowed peers. The choosing headers go no further.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderMap, Method};
use ipnet::IpNet;

use super::route::{Route, Selectable};
use super::ruleset::RuleSet;

/// The selector of a configuration.
#[derive(Debug)]
pub struct Selection {
    /// The request header that chooses; taken off before the upstream sees the request.
    pub header: HeaderName,
    /// A header of the upstream's answer that chooses, too; taken off before the client sees the answer.
    pub upstream_header: Option<HeaderName>,
    /// What may be chosen: a rule set by its name, or nothing at all (`off`).
    pub allow: HashMap<String, Option<Arc<RuleSet>>>,
    /// Who may choose.
    pub from: Vec<IpNet>,
    /// A name that may not be chosen.
    pub unknown: Refusal,
    /// A peer that may not choose.
    pub forbidden: Refusal,
}

/// What becomes of a request whose choice is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400.
    Reject,
    /// The route's own rules.
    Default,
    /// No rules.
    Pass,
}

/// What a header chooses.
#[derive(Debug)]
enum Choice<'a> {
    /// Nothing was chosen: the route's own rules.
    Default,
    /// This rule set.
    RuleSet(&'a Arc<RuleSet>),
    /// No rules.
    Off,
    /// 400 with this detail.
    Rejected(Rejected),
}

/// A choice that is refused with 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why, for the client.
    pub detail: String,
}

/// The rules of one exchange, as far as the request can choose.
#[derive(Debug)]
pub struct Chosen<'a> {
    route: &'a Route,
    selection: Option<&'a Selection>,
    choice: Choice<'a>,
}

impl<'a> Chosen<'a> {
    /// What the request chooses; takes the choosing header off it.
    ///
    /// # Errors
    /// When the choice is refused.
    pub fn by_request(
        selection: Option<&'a Selection>,
        route: &'a Route,
        headers: &mut HeaderMap,
        peer: IpAddr,
    ) -> Result<Chosen<'a>, Rejected> {
        let choice = match selection {
            Some(selection) => {
                let choice = selection.choose(route, headers, peer);
                headers.remove(&selection.header);
                choice
            }
            None => Choice::Default,
        };
        match choice {
            Choice::Rejected(rejected) => Err(rejected),
            choice => Ok(Chosen { route, selection, choice }),
        }
    }

    /// Whether the rules may look at the request's headers, which otherwise need no copy.
    pub fn reads_request_headers(&self) -> bool {
        self.upstream_header().is_some()
            || self.of_request().is_some_and(|rules| rules.reads_request_headers())
    }

    /// Whether a template may ask how the request came.
    pub fn reads_circumstances(&self) -> bool {
        self.upstream_header().is_some() || self.of_request().is_some_and(|rules| rules.reads_circumstances())
    }

    /// Whether the rules might have this request, as the upstream sees it, sent again.
    pub fn may_retry(&self, method: &Method, headers: &HeaderMap) -> bool {
        let upstream = self.upstream_header().into_iter();
        let by_upstream = upstream.flat_map(|(selection, _)| selection.allow.values().flatten());
        self.of_request().into_iter().chain(by_upstream).any(|rules| rules.may_retry(method, headers))
    }

    /// The rule set in force. A choice of the upstream's counts where the client made none; its header is taken
    /// off the answer.
    pub fn settle(&self, headers: &mut HeaderMap) -> Option<&'a Arc<RuleSet>> {
        let Some((selection, header)) = self.upstream_header() else { return self.of_request() };
        let by_answer = selection.choose_by_answer(self.route, headers);
        headers.remove(header);
        match (&self.choice, by_answer) {
            (Choice::Default, Some(Choice::RuleSet(rule_set))) => Some(rule_set),
            (Choice::Default, Some(Choice::Off)) => None,
            _ => self.of_request(),
        }
    }

    /// The request header that answers vary by.
    pub fn vary(&self) -> Option<&'a HeaderName> {
        self.selection.filter(|_| self.route.selectable != Selectable::Off).map(|selection| &selection.header)
    }

    fn of_request(&self) -> Option<&'a Arc<RuleSet>> {
        match self.choice {
            Choice::RuleSet(rule_set) => Some(rule_set),
            Choice::Off | Choice::Rejected(_) => None,
            Choice::Default => self.route.rule_set.as_ref(),
        }
    }

    fn upstream_header(&self) -> Option<(&'a Selection, &'a HeaderName)> {
        let selection = self.selection?;
        Some((selection, selection.upstream_header.as_ref()?))
    }
}

impl Selection {
    /// What the request chooses.
    fn choose<'a>(&'a self, route: &Route, headers: &HeaderMap, peer: IpAddr) -> Choice<'a> {
        let mut names = headers.get_all(&self.header).iter();
        let Some(name) = names.next() else { return Choice::Default };
        if route.selectable == Selectable::Off {
            return Choice::Default;
        }
        if !self.from.iter().any(|network| network.contains(&peer.to_canonical())) {
            return self.refuse(self.forbidden, "may not be sent by this peer");
        }
        if names.next().is_some() {
            return self.refuse(self.unknown, "is given more than once");
        }
        match name.to_str().ok().and_then(|name| self.allowed(route, name)) {
            Some(choice) => choice,
            None => self.refuse(self.unknown, "names no rule set that may be chosen here"),
        }
    }

    /// What the upstream's answer chooses; `None` when it does not, or names something that is not allowed.
    fn choose_by_answer<'a>(&'a self, route: &Route, headers: &HeaderMap) -> Option<Choice<'a>> {
        let name = headers.get(self.upstream_header.as_ref()?)?.to_str().ok()?;
        self.allowed(route, name)
    }

    fn allowed<'a>(&'a self, route: &Route, name: &str) -> Option<Choice<'a>> {
        let name = name.trim();
        let here = match &route.selectable {
            Selectable::All => true,
            Selectable::Only(names) => names.iter().any(|allowed| allowed == name),
            Selectable::Off => false,
        };
        let rule_set = self.allow.get(name).filter(|_| here)?;
        Some(rule_set.as_ref().map_or(Choice::Off, Choice::RuleSet))
    }

    fn refuse(&self, refusal: Refusal, why: &str) -> Choice<'_> {
        match refusal {
            Refusal::Reject => {
                Choice::Rejected(Rejected { detail: format!("the header `{}` {why}", self.header) })
            }
            Refusal::Default => Choice::Default,
            Refusal::Pass => Choice::Off,
        }
    }
}
