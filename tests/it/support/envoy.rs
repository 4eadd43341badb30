//! A real Envoy, started by the test, with a configuration that ships in `deploy/envoy/`.

use std::collections::BTreeMap;
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
    /// The same of each listener, by its name.
    pub addresses: BTreeMap<String, SocketAddr>,
    admin: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

/// How often an Envoy that starts is asked whether it has.
const POLL: Duration = Duration::from_millis(20);

/// The program: `ENVOY`. Without it, nothing can be played through Envoy, which CI takes for a failure.
pub fn program() -> Option<PathBuf> {
    let program = std::env::var_os("ENVOY").map(PathBuf::from);
    if program.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "ENVOY does not say where Envoy is");
        eprintln!("skipped: ENVOY does not say where Envoy is (`.ci/run test` installs it)");
    }
    program
}

/// The folder of `libcandor_envoy.so`: `ENVOY_MODULE`. Without it, nothing can be played inside Envoy, which CI takes
/// for a failure.
pub fn module() -> Option<PathBuf> {
    let folder = std::env::var_os("ENVOY_MODULE").map(PathBuf::from);
    if folder.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "ENVOY_MODULE does not say where the module is"
        );
        eprintln!("skipped: ENVOY_MODULE does not say where the module is (`.ci/run test` builds it)");
    }
    folder
}

impl Envoy {
    /// Starts it with this configuration.
    pub fn start(program: &PathBuf, configuration: &str) -> Envoy {
        let folder = tempfile::tempdir().unwrap();
        let (config, admin) = (folder.path().join("envoy.yaml"), folder.path().join("admin"));
        std::fs::write(&config, configuration).unwrap();
        let mut command = Command::new(program);
        command
            .args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning"])
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(&admin)
            .envs(
                std::env::var_os("ENVOY_MODULE").map(|folder| ("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder)),
            )
            .stderr(Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap()));
        let mut process = with_module(&mut command).spawn().unwrap();
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
        let line = |line: &str| {
            let (name, address) = line.trim().split_once("::")?;
            let port = address.rsplit(':').next()?.parse::<u16>().ok()?;
            Some((name.to_owned(), SocketAddr::from(([127, 0, 0, 1], port))))
        };
        let addresses: BTreeMap<String, SocketAddr> = listeners.lines().filter_map(line).collect();
        let address = *addresses.get("traffic").unwrap_or_else(|| panic!("no listener: {listeners}"));
        Envoy { address, addresses, admin, process, _folder: folder }
    }

    /// What an Envoy says that does not start with this configuration.
    pub fn refuses(program: &PathBuf, configuration: &str) -> String {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), configuration).unwrap();
        let mut command = Command::new(program);
        command.args([
            "--mode",
            "validate",
            "--use-dynamic-base-id",
            "--log-level",
            "warning",
            "--config-path",
        ]);
        let output = with_module(command.arg(file.path())).output().unwrap();
        assert!(!output.status.success(), "it starts");
        String::from_utf8_lossy(&output.stderr).into_owned()
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

/// Tells where modules are.
fn with_module(command: &mut Command) -> &mut Command {
    command.envs(std::env::var_os("ENVOY_MODULE").map(|folder| ("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", folder)))
}

fn get(admin: SocketAddr, path: &str) -> String {
    let Ok(stream) = TcpStream::connect(admin) else { return String::new() };
    drop(stream);
    Client::connect(admin).exchange(&format!("GET {path}"), &[]).text().to_owned()
}

/// The configuration that ships under this name, for tests: on free ports, with these neighbours. Candor has an address,
/// the path of a socket, or none where it is inside.
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
    if candor.is_empty() {
        return text;
    }
    match candor.parse::<SocketAddr>() {
        Ok(address) => replace("port_value: 9191", &format!("port_value: {}", address.port())),
        Err(_) => replace("/run/candor/ext_proc.sock", candor),
    }
    text
}
