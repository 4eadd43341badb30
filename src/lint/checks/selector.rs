//! A choice of rules that is open to everybody.

use ipnet::IpNet;

use super::super::advice::{Advice, Lint};
use super::super::{Given, Report};

/// Reports `selector.from` where it is all addresses of IPv4 or IPv6, in one network or in several.
pub fn check(given: &Given<'_>, report: &mut Report) {
    let Some(selection) = &given.rules.selection else { return };
    let Some(from) = given
        .document
        .and_then(|document| document.entry("selector"))
        .and_then(|entry| entry.node.entry("from"))
        .map(|entry| &entry.node)
    else {
        return;
    };
    let all = IpNet::aggregate(&selection.from).into_iter().find(|network| network.prefix_len() == 0);
    let Some(all) = all else { return };
    let written = all.to_string();
    let node =
        from.list_or_one().iter().find(|node| node.scalar_text() == Some(written.as_str())).unwrap_or(from);
    let addresses = if all.addr().is_ipv4() { "IPv4" } else { "IPv6" };
    let advice = Advice::new(
        Lint::OpenSelector,
        format!("every {addresses} client may choose the rules"),
        &node.place,
    )
    .because(format!(
        "whoever reaches the listener can send `{}` and get answers by other rules, or by none",
        selection.header
    ))
    .fix("name the networks of your own clients: `[127.0.0.0/8, 10.0.0.0/8]`")
    .witness(if all.addr().is_ipv4() { "203.0.113.7" } else { "2001:db8::7" });
    report.advice.push(advice);
}
