//! Where Candor listens, for traffic and for its operators, and whom it trusts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Node, Value};

use super::bounds::{ServerLimits, ServerTimeouts};
use super::listen::{Listen, address};
use super::retry;
use super::section::{Section, list};
use super::server_tls::ServerTls;

/// The listener for traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where requests come in; `0.0.0.0:8080` unless set.
    pub listen: Listen,
    /// Who may use the socket in the file system that is listened on: the bits of `chmod`; `None` leaves them to the
    /// process's mask.
    pub socket_mode: Option<u32>,
    /// How TLS is spoken there, where it is.
    pub tls: Option<ServerTls>,
    /// Whether connections begin with a header that says who the client is.
    pub proxy_protocol: ProxyProtocol,
    /// Threads that carry traffic, 1 to 512; `None` takes what the cgroup allows.
    pub workers: Option<usize>,
    /// Peers whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Who is told what the upstream said.
    pub proxy_status: ProxyStatus,
    /// How much of a request's body is kept while the request may have to be sent again; 64 KiB unless set.
    pub retry_body_bytes: u64,
    /// What `CONNECT` gets.
    pub connect: Connect,
    /// Whether `Via` (RFC 9110, section 7.6.3) names Candor, on requests and answers.
    pub via: bool,
    /// Whether the upstream is told who asked in `Forwarded` (RFC 7239), beside `X-Forwarded-*`.
    pub forwarded: bool,
    /// How long clients are waited for.
    pub timeouts: ServerTimeouts,
    /// How much clients may send.
    pub limits: ServerLimits,
}

/// Whether connections begin with a header of the PROXY protocol, in which a load balancer says who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocol {
    /// They do not.
    #[default]
    Off,
    /// Those of trusted proxies may.
    Optional,
    /// All must; others are closed, as are those of peers that are no trusted proxies where there are any.
    Required,
}

/// What a `CONNECT` request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connect {
    /// 501.
    #[default]
    Refuse,
    /// A tunnel to the upstream of its route, whatever authority it asks for.
    Tunnel,
}

/// Who gets a `Proxy-Status` header (RFC 9209) that says what the upstream said and which rule changed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxyStatus {
    /// Nobody.
    #[default]
    Off,
    /// Everybody.
    Always,
    /// Peers in these networks.
    Peers(Vec<IpNet>),
}

/// The listener for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where the admin API is; `127.0.0.1:9901` unless set, `None` when `off`.
    pub listen: Option<SocketAddr>,
    /// What whoever asks must show, where there is one.
    pub token: Option<Token>,
    /// The file that holds it, where it is in one, which has not been read.
    pub token_file: Option<(String, Place)>,
}

/// A secret that stands for a right. It is in no log and no message.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Shorter ones can be guessed.
    const CHARACTERS_MIN: usize = 16;

    /// A token, unless it is too short or could not be sent in a header.
    ///
    /// # Errors
    /// What is wrong with it, in words that follow "the token".
    pub fn new(text: &str) -> Result<Token, String> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("has characters other than visible ASCII".to_owned());
        }
        if text.len() < Token::CHARACTERS_MIN {
            return Err(format!("is shorter than {} characters", Token::CHARACTERS_MIN));
        }
        Ok(Token(text.to_owned()))
    }

    /// Whether this is it. How long that takes tells nothing of it but its length.
    pub fn is(&self, text: &str) -> bool {
        let differing = self.0.bytes().zip(text.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
        self.0.len() == text.len() && differing == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Default for Server {
    fn default() -> Server {
        Server {
            listen: Listen::Tcp(Server::LISTEN),
            socket_mode: None,
            tls: None,
            proxy_protocol: ProxyProtocol::Off,
            workers: None,
            trusted_proxies: Vec::new(),
            proxy_status: ProxyStatus::Off,
            retry_body_bytes: retry::BODY_BYTES,
            connect: Connect::Refuse,
            via: false,
            forwarded: false,
            timeouts: ServerTimeouts::default(),
            limits: ServerLimits::default(),
        }
    }
}

impl Default for Admin {
    fn default() -> Admin {
        Admin { listen: Some(Admin::LISTEN), token: None, token_file: None }
    }
}

impl Server {
    const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);

    pub(super) fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Server {
        let keys = [
            "listen",
            "socket_mode",
            "tls",
            "proxy_protocol",
            "workers",
            "trusted_proxies",
            "proxy_status",
            "connect",
            "via",
            "forwarded",
            "retry",
            "timeouts",
            "limits",
        ];
        let section = top.section("server", &keys, diagnostics);
        let listen = section
            .read("listen", |node, found| Listen::read(node, Server::LISTEN, found), diagnostics)
            .unwrap_or(Listen::Tcp(Server::LISTEN));
        Server {
            socket_mode: section.read(
                "socket_mode",
                |node, found| socket_mode(node, &listen, found),
                diagnostics,
            ),
            listen,
            tls: section.read("tls", ServerTls::read, diagnostics),
            proxy_protocol: proxy_protocol(section, diagnostics),
            workers: section.read("workers", workers, diagnostics),
            trusted_proxies: section.read("trusted_proxies", networks, diagnostics).unwrap_or_default(),
            proxy_status: section.read("proxy_status", proxy_status, diagnostics).unwrap_or_default(),
            retry_body_bytes: retry::read_body_bytes(section, diagnostics),
            connect: section.read("connect", connect, diagnostics).unwrap_or_default(),
            via: section.read("via", Node::bool, diagnostics).unwrap_or_default(),
            forwarded: section.read("forwarded", Node::bool, diagnostics).unwrap_or_default(),
            timeouts: ServerTimeouts::read(section, diagnostics),
            limits: ServerLimits::read(section, diagnostics),
        }
    }
}

impl Admin {
    const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

    /// Reads the section, and reports an address that the other listener takes already.
    pub(super) fn read(top: Section<'_>, server: &Server, diagnostics: &mut Diagnostics) -> Admin {
        let section = top.section("admin", &["listen", "token", "token_file"], diagnostics);
        let given = section.given("listen");
        let listen = section.read_or_off(
            "listen",
            Some(Admin::LISTEN),
            |node, found| address(node, Admin::LISTEN, found),
            diagnostics,
        );
        let token = section.read("token", token, diagnostics);
        let token_file = section.read("token_file", file, diagnostics);
        if let (Some(node), Some(_)) = (section.given("token_file"), section.given("token")) {
            diagnostics.error(&node.place, "`token_file` beside `token`: there is one token");
        }
        let admin = Admin { listen, token, token_file };
        if let Some(address) = admin.listen.filter(|address| server.listen.collides_with(*address)) {
            let message = format!("`server.listen` and `admin.listen` both take port {}", address.port());
            let problem =
                Diagnostic::error(message).help("give them different ports, or set `admin.listen: off`");
            diagnostics.push(match given {
                Some(node) => problem.at(&node.place),
                None => problem,
            });
        }
        admin
    }
}

fn token(node: &Node, diagnostics: &mut Diagnostics) -> Option<Token> {
    let token = Token::new(node.text("a token", diagnostics)?);
    // A place is shown with the line it is on, and that line holds the secret.
    token
        .map_err(|wrong| diagnostics.push(Diagnostic::error(format!("the token at {} {wrong}", node.place))))
        .ok()
}

/// A path, and where it is written.
fn file(node: &Node, diagnostics: &mut Diagnostics) -> Option<(String, Place)> {
    node.text("a path", diagnostics).map(|path| (path.to_owned(), node.place.clone()))
}

/// The bits of `chmod`, in octal digits as there.
fn socket_mode(node: &Node, listen: &Listen, diagnostics: &mut Diagnostics) -> Option<u32> {
    let text = node.text("a mode, such as `0660`", diagnostics)?;
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
    let problem = match (mode, listen) {
        (None, _) => Diagnostic::error(format!("`{text}` is not the mode of a file"))
            .help("octal digits, as `chmod` takes them: `0660`"),
        (Some(_), Listen::Tcp(_)) => Diagnostic::error("`socket_mode` for a listener that is no file")
            .help("it is for a `listen` that begins with `unix:`"),
        (Some(mode), Listen::Unix(_)) => return Some(mode),
    };
    diagnostics.push(problem.at(&node.place));
    None
}

fn workers(node: &Node, diagnostics: &mut Diagnostics) -> Option<usize> {
    node.integer("`workers`", 1..=512, diagnostics).and_then(|count| usize::try_from(count).ok())
}

fn connect(node: &Node, diagnostics: &mut Diagnostics) -> Option<Connect> {
    let choices = [("refuse", Connect::Refuse), ("tunnel", Connect::Tunnel)];
    node.word("a choice of `connect`", &choices, diagnostics)
}

fn proxy_protocol(section: Section<'_>, diagnostics: &mut Diagnostics) -> ProxyProtocol {
    let choices = [
        ("off", ProxyProtocol::Off),
        ("optional", ProxyProtocol::Optional),
        ("required", ProxyProtocol::Required),
    ];
    let read = |node: &Node, found: &mut Diagnostics| {
        let chosen = node.word("a choice of `proxy_protocol`", &choices, found)?;
        if chosen == ProxyProtocol::Optional && section.given("trusted_proxies").is_none() {
            let message = "`proxy_protocol: optional` would let every client say who it is";
            found.push(
                Diagnostic::error(message).at(&node.place).help("name those who may in `trusted_proxies`"),
            );
        }
        Some(chosen)
    };
    section.read("proxy_protocol", read, diagnostics).unwrap_or_default()
}

fn proxy_status(node: &Node, diagnostics: &mut Diagnostics) -> Option<ProxyStatus> {
    match &node.value {
        Value::Text(text) if !text.contains(['.', ':']) => {
            let words = [("off", false), ("always", true)];
            let always = node.word("a choice of `proxy_status`", &words, diagnostics)?;
            Some(if always { ProxyStatus::Always } else { ProxyStatus::Off })
        }
        _ => networks(node, diagnostics).map(ProxyStatus::Peers),
    }
}

fn networks(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<IpNet>> {
    list(node, network, diagnostics)
}

fn network(node: &Node, diagnostics: &mut Diagnostics) -> Option<IpNet> {
    let text = node.text("a network", diagnostics)?;
    let network = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    if network.is_none() {
        let message = format!("`{text}` is not a network");
        let help = "an address, or a block of them: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`";
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(help));
    }
    network
}
