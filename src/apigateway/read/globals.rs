//! `Globals` of a SAM template: what it says of all APIs is said of each. Maps are put together, of lists the global
//! items come first, and a plain value gives way to the API's own.

use super::function::kind;
use crate::document::{Entry, Node, Value};

/// The sections that are about APIs, with the type of resource.
const SECTIONS: [(&str, &str); 2] =
    [("Api", "AWS::Serverless::Api"), ("HttpApi", "AWS::Serverless::HttpApi")];

/// The template with what is global said of each API, where there is something to be said.
pub fn spread(root: &Node) -> Option<Node> {
    let globals = &root.entry("Globals")?.node;
    let sections: Vec<(&Node, &str)> =
        SECTIONS.iter().filter_map(|(section, kind)| Some((&globals.entry(section)?.node, *kind))).collect();
    if sections.is_empty() {
        return None;
    }
    let mut spread = root.clone();
    let Value::Map(entries) = &mut spread.value else { return None };
    let resources = entries.iter_mut().find(|entry| entry.key == "Resources")?;
    let Value::Map(resources) = &mut resources.node.value else { return None };
    for resource in resources {
        let section = sections.iter().find(|(_, known)| *known == kind(&resource.node));
        if let Some((section, _)) = section {
            let Value::Map(entries) = &mut resource.node.value else { continue };
            match entries.iter_mut().find(|entry| entry.key == "Properties") {
                Some(properties) => merge(&mut properties.node, section),
                None => entries.push(Entry {
                    key: "Properties".to_owned(),
                    key_place: section.place.clone(),
                    node: (*section).clone(),
                }),
            }
        }
    }
    Some(spread)
}

fn merge(own: &mut Node, global: &Node) {
    match (&mut own.value, &global.value) {
        (Value::Map(own), Value::Map(global)) => {
            for entry in global {
                match own.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => merge(&mut known.node, &entry.node),
                    None => own.push(entry.clone()),
                }
            }
        }
        (Value::List(own), Value::List(global)) => own.splice(..0, global.iter().cloned()).for_each(drop),
        _ => {}
    }
}
