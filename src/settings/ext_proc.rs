//! Where Envoy finds Candor, as its external processor.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::diagnostic::Diagnostics;
use crate::document::{Node, Value};

use super::listen::Listen;
use super::section::Section;

/// The listener for Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtProc {
    /// Where Envoy connects to.
    pub listen: Listen,
    /// Bytes of a body that Envoy buffers, its `per_connection_buffer_limit_bytes`; 1 MiB unless set, as there.
    pub buffer_bytes: u64,
    /// Whether Candor has no listener for traffic beside it: nothing says `server.listen`.
    pub is_alone: bool,
}

impl ExtProc {
    /// [`ExtProc::buffer_bytes`] unless set.
    pub const BUFFER_BYTES: u64 = 1 << 20;

    /// What is proposed to somebody who gives half an address.
    const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9191);

    /// Reads the section; `None` when there is none, or it is `off`.
    pub(super) fn read(document: &Node, top: Section<'_>, diagnostics: &mut Diagnostics) -> Option<ExtProc> {
        if top.given("ext_proc")?.scalar_text() == Some("off") {
            return None;
        }
        let section = top.section("ext_proc", &["listen", "buffer_bytes"], diagnostics);
        let Some(node) = section.given("listen") else {
            if let Some(node) = top.given("ext_proc") {
                diagnostics.error(&node.place, "`ext_proc` needs `listen`, where Envoy connects to");
            }
            return None;
        };
        let buffer_bytes =
            section.read("buffer_bytes", Node::bytes, diagnostics).unwrap_or(ExtProc::BUFFER_BYTES);
        Some(ExtProc {
            listen: Listen::read(node, ExtProc::LISTEN, diagnostics)?,
            buffer_bytes,
            is_alone: ExtProc::is_alone(document),
        })
    }

    /// Whether a configuration is for Envoy alone, and so needs no upstream.
    pub fn is_alone(document: &Node) -> bool {
        let says =
            |section: &str| document.entry(section).is_some_and(|entry| entry.node.value != Value::Null);
        let listens = document.entry("server").is_some_and(|server| server.node.entry("listen").is_some());
        says("ext_proc") && !listens
    }
}
