//! A request header that chooses the rule set at run time, among allowed ones, for allowed peers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::HeaderName;
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

/// The choice for one exchange.
#[derive(Debug)]
pub enum Choice<'a> {
    /// Nothing was chosen: the route's own rules.
    Default,
    /// This rule set.
    RuleSet(&'a Arc<RuleSet>),
    /// No rules.
    Off,
    /// 400 with this detail.
    Rejected {
        /// For the client.
        detail: String,
    },
}

impl Selection {
    /// What the request chooses. The header is to be taken off the request whatever comes of it.
    pub fn choose<'a>(&'a self, route: &Route, headers: &HeaderMap, peer: IpAddr) -> Choice<'a> {
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
    pub fn choose_by_answer<'a>(&'a self, route: &Route, headers: &HeaderMap) -> Option<Choice<'a>> {
        let name = headers.get(self.upstream_header.as_ref()?)?.to_str().ok()?;
        self.allowed(route, name)
    }

    /// Whether what a client gets on this route can depend on the header, so that caches must know.
    pub fn varies(&self, route: &Route) -> bool {
        route.selectable != Selectable::Off
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
            Refusal::Reject => Choice::Rejected { detail: format!("the header `{}` {why}", self.header) },
            Refusal::Default => Choice::Default,
            Refusal::Pass => Choice::Off,
        }
    }
}
