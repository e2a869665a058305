use std::path::PathBuf;

/// What can stop the viewer node, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    #[error("port {port} on 127.0.0.1 is busy ({source}); free it or pass another {option}")]
    PortBusy { option: &'static str, port: u16, source: std::io::Error },
    #[error("cannot write {path}: {detail}; choose a folder that exists and is writable")]
    Save { path: PathBuf, detail: String },
    #[error(
        "no Rerun viewer {wanted} in PATH (found: {found}); install it with \
         `pip install rerun-sdk=={wanted}`, or leave --spawn out to use the web viewer"
    )]
    NoViewer { wanted: &'static str, found: String },
    #[error("cannot use QoS `{spec}`: {source}")]
    Qos { spec: String, source: tidewire_qos::QosError },
    #[error("Rerun: {0}")]
    Rerun(String),
    #[error("no site to show; pass --domain N or --site NAME=DOMAIN")]
    NoSite,
    #[error("joining site {site} (domain {domain}): {source}")]
    Join { site: String, domain: u16, source: tidewire_bus::BusError },
}

impl From<rerun::RecordingStreamError> for ViewError {
    fn from(error: rerun::RecordingStreamError) -> Self {
        Self::Rerun(error.to_string())
    }
}
