//! A real Envoy, started by the test, with a configuration that ships in `deploy/envoy/`.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::client::Client;
use super::{PATIENCE, files};

/// A running Envoy; it ends with the value.
pub struct Envoy {
    /// Where it takes traffic.
    pub address: SocketAddr,
    admin: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

/// How often an Envoy that starts is asked whether it has.
const POLL: Duration = Duration::from_millis(20);

/// The program: `CANDOR_ENVOY`. Without it, nothing can be played through Envoy, which CI takes for a failure.
pub fn program() -> Option<PathBuf> {
    let program = std::env::var_os("CANDOR_ENVOY").map(PathBuf::from);
    if program.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CANDOR_ENVOY does not say where Envoy is");
        eprintln!("skipped: CANDOR_ENVOY does not say where Envoy is (`.ci/run test` installs it)");
    }
    program
}

impl Envoy {
    /// Starts it with this configuration.
    pub fn start(program: &PathBuf, configuration: &str) -> Envoy {
        let folder = tempfile::tempdir().unwrap();
        let (config, admin) = (folder.path().join("envoy.yaml"), folder.path().join("admin"));
        std::fs::write(&config, configuration).unwrap();
        let mut process = Command::new(program)
            .args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"])
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .stderr(Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap()))
            .spawn()
            .unwrap();
        let log = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let mut polls = 0..PATIENCE.as_millis() / POLL.as_millis();
        let mut poll = || {
            assert!(process.try_wait().unwrap().is_none(), "Envoy ended: {}", log());
            assert!(polls.next().is_some(), "Envoy does not start: {}", log());
            // There is nothing to wait on: a file appears, a page says so.
            sleep(POLL);
        };
        let admin: SocketAddr = loop {
            match std::fs::read_to_string(&admin).ok().and_then(|text| text.parse().ok()) {
                Some(address) => break address,
                None => poll(),
            }
        };
        while !get(admin, "/ready").contains("LIVE") {
            poll();
        }
        let listeners = get(admin, "/listeners");
        let address = listeners.lines().find_map(|line| line.strip_prefix("traffic::")).expect(&listeners);
        let port = address.trim().rsplit(':').next().unwrap().parse::<u16>().unwrap();
        Envoy { address: ([127, 0, 0, 1], port).into(), admin, process, _folder: folder }
    }

    /// A page of its admin interface.
    pub fn page(&self, path: &str) -> String {
        get(self.admin, path)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn get(admin: SocketAddr, path: &str) -> String {
    let Ok(stream) = TcpStream::connect(admin) else { return String::new() };
    drop(stream);
    Client::connect(admin).exchange(&format!("GET {path}"), &[]).text().to_owned()
}

/// The configuration that ships under this name, for tests: on free ports, with these neighbours.
pub fn configuration(name: &str, backend: SocketAddr, candor: &str) -> String {
    let mut text = files::text(&format!("deploy/envoy/{name}"));
    let mut replace = |from: &str, to: &str| {
        assert!(text.contains(from), "{name} does not have {from}");
        text = text.replace(from, to);
    };
    replace("port_value: 9902", "port_value: 0");
    replace("port_value: 10000", "port_value: 0");
    replace(
        "address: 127.0.0.1, port_value: 9000",
        &format!("address: {}, port_value: {}", backend.ip(), backend.port()),
    );
    match candor.parse::<SocketAddr>() {
        Ok(address) => replace("port_value: 9191", &format!("port_value: {}", address.port())),
        Err(_) => replace("/run/candor/ext_proc.sock", candor),
    }
    text
}
