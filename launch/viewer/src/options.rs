use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A DDS domain to show, under a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSource {
    /// Top level of the entity tree.
    pub name: String,
    /// DDS domain id, 0 to 232.
    pub domain: u16,
    /// Network interfaces to use, by name or address; none or empty: all.
    pub interfaces: Option<Vec<String>>,
    /// Addresses of hosts to look for participants on instead of by multicast.
    pub peers: Option<Vec<String>>,
}

/// Where the picture goes. Written `auto`, `spawn`, `web`, `connect:URL` or `save:FILE`.
///
/// ```
/// use tidewire_viewer::Target;
///
/// assert_eq!("save:run.rrd".parse(), Ok(Target::Save("run.rrd".into())));
/// assert!("paint".parse::<Target>().unwrap_err().contains("auto, spawn, web"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Target {
    /// A native viewer of the right version where one is installed and there is a screen, else
    /// the web viewer.
    #[default]
    Auto,
    /// The native viewer from PATH.
    Spawn,
    /// Rerun's own web viewer, hosted on 127.0.0.1.
    Web,
    /// A viewer that already runs, e.g. `rerun+http://127.0.0.1:9876/proxy`.
    Connect(String),
    /// An `.rrd` file, for later.
    Save(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "spawn" => Ok(Self::Spawn),
            None if text == "web" => Ok(Self::Web),
            Some(("save", path)) if !path.is_empty() => Ok(Self::Save(path.into())),
            Some(("connect", url)) if !url.is_empty() => Ok(Self::Connect(url.into())),
            _ => {
                Err(format!("target {text:?} is none of auto, spawn, web, connect:URL, save:FILE"))
            }
        }
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        match target {
            Target::Auto => "auto".into(),
            Target::Spawn => "spawn".into(),
            Target::Web => "web".into(),
            Target::Connect(url) => format!("connect:{url}"),
            Target::Save(path) => format!("save:{}", path.display()),
        }
    }
}

/// Settings of a viewer node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ViewOptions {
    /// The buses to show.
    pub sites: Vec<SiteSource>,
    /// Where to show them.
    pub target: Target,
    /// Port of the data server (gRPC), 0 = any free one.
    pub port: u16,
    /// Port of the web page, 0 = any free one.
    pub web_port: u16,
    /// Points per second and curve. Faster topics keep the least and greatest value of each
    /// interval, so peaks stay visible.
    pub max_hz: f64,
    /// Topics to leave out (exact names).
    pub exclude: Vec<String>,
    /// `FILE[::PROFILE]` or a shipped QoS profile to read with; else best effort.
    pub qos: Option<String>,
    /// What the data server keeps for viewers that connect late, in MiB.
    pub memory_mib: u64,
    /// Name of its participants; else `SITE/viewer`.
    pub name: Option<String>,
}

impl Default for ViewOptions {
    fn default() -> Self {
        Self {
            sites: Vec::new(),
            target: Target::Auto,
            port: 0,
            web_port: 0,
            max_hz: 100.0,
            exclude: Vec::new(),
            qos: None,
            memory_mib: 512,
            name: None,
        }
    }
}
