//! Opens the place the picture goes to: a file, a running viewer, a spawned one, or the web page.
//!
//! ```
//! assert!(tidewire_viewer::sink::speaks("rerun-cli 0.36.1 [rustc 1.92.0]", "0.36.3"));
//! assert!(!tidewire_viewer::sink::speaks("rerun-cli 0.41.0", "0.36.3"));
//! ```

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use rerun::{RecordingStream, RecordingStreamBuilder};

use crate::{RERUN_VERSION, Target, ViewError, ViewOptions};

/// An open target. Dropping it ends its servers.
pub struct Sink {
    /// Where samples are logged.
    pub stream: RecordingStream,
    /// One line for the person at the terminal: where to look.
    pub notice: String,
    /// Rerun's page server, whose type it keeps to itself.
    _page: Option<Box<dyn std::any::Any>>,
}

/// Opens `options.target`.
///
/// # Errors
/// A busy port, an unwritable file, or no viewer where one was asked for.
pub fn open(options: &ViewOptions) -> Result<Sink, ViewError> {
    match &options.target {
        Target::Save(path) => {
            let stream = builder().save(path).map_err(|error| ViewError::Save {
                path: path.clone(),
                detail: error.to_string(),
            })?;
            Ok(Sink { stream, notice: format!("writing {}", path.display()), _page: None })
        }
        Target::Connect(url) => {
            let stream = builder().connect_grpc_opts(url.clone())?;
            Ok(Sink { stream, notice: format!("sending to {url}"), _page: None })
        }
        Target::Spawn => spawn(options),
        Target::Web => web(options),
        Target::Auto if has_screen() && installed_viewer().is_ok() => spawn(options),
        Target::Auto => web(options),
    }
}

fn builder() -> RecordingStreamBuilder {
    RecordingStreamBuilder::new("tidewire")
}

fn spawn(options: &ViewOptions) -> Result<Sink, ViewError> {
    installed_viewer()?;
    let port = if options.port == 0 { free_port("--port", 0)? } else { options.port };
    let spawn = rerun::SpawnOptions {
        port,
        wait_for_bind: true,
        memory_limit: format!("{}MB", options.memory_mib.max(256) * 4),
        hide_welcome_screen: true,
        // Its server would listen on every interface otherwise.
        extra_args: vec!["--bind".into(), "127.0.0.1".into()],
        ..Default::default()
    };
    let stream = builder().spawn_opts(&spawn)?;
    Ok(Sink { stream, notice: "opened the Rerun viewer".into(), _page: None })
}

fn web(options: &ViewOptions) -> Result<Sink, ViewError> {
    let port = free_port("--port", options.port)?;
    let web_port = free_port("--web-port", options.web_port)?;
    let server = rerun::ServerOptions {
        memory_limit: rerun::MemoryLimit::from_bytes(options.memory_mib << 20),
        ..Default::default()
    };
    let stream = builder().serve_grpc_opts("127.0.0.1", port, server)?;
    let page = rerun::serve_web_viewer(rerun::web_viewer::WebViewerConfig {
        bind_ip: "127.0.0.1".into(),
        web_port: web_port.into(),
        open_browser: false,
        ..Default::default()
    })
    .map_err(|error| ViewError::Rerun(error.to_string()))?;
    let notice = format!(
        "live view: http://127.0.0.1:{web_port}/?url=rerun%2Bhttp%3A%2F%2F127.0.0.1%3A{port}%2Fproxy"
    );
    Ok(Sink { stream, notice, _page: Some(Box::new(page)) })
}

/// Finds out early that a port is taken: Rerun's servers bind in a thread and only log it.
fn free_port(option: &'static str, port: u16) -> Result<u16, ViewError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| ViewError::PortBusy { option, port, source })
}

fn has_screen() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Asks the `rerun` in PATH for its version.
///
/// # Errors
/// There is none, or it is of another release.
pub fn installed_viewer() -> Result<String, ViewError> {
    let missing =
        |found: &str| ViewError::NoViewer { wanted: RERUN_VERSION, found: found.trim().to_owned() };
    let output = Command::new("rerun").arg("--version").output().map_err(|_| missing("none"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if speaks(&text, RERUN_VERSION) { Ok(text.trim().to_owned()) } else { Err(missing(&text)) }
}

/// Whether a viewer that prints `version_line` is of the minor release of `ours`.
pub fn speaks(version_line: &str, ours: &str) -> bool {
    let minor = |version: &str| {
        let mut parts = version.split('.').map(str::to_owned);
        Some((parts.next()?, parts.next()?))
    };
    version_line
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .is_some_and(|word| minor(word) == minor(ours))
}
