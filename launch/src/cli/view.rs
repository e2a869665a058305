//! `tidewire view`: samples and anomalies in Rerun, live or from a recording.

use std::path::PathBuf;

use serde_json::json;
use tidewire_replay::ReplayOptions;

use super::bus::{Bus, Network};
use super::failure::Usage;
use super::output;
use crate::node::{Counts, Stop, kinds};
use crate::up::plan::NodeSpec;

/// `tidewire view`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tidewire view --domain 42\n  tidewire view --site plant=42 --site exchange=43\n  \
                  tidewire view -d run1\n  tidewire view -d run1 --rate inf --save run1.rrd\n\n\
                  Opens an installed Rerun viewer of the right version, else hosts Rerun's web viewer on 127.0.0.1 \
                  and prints\nthe link."
)]
pub struct Args {
    /// Play this recording and show it, instead of a live domain
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How many times faster than recorded to play it; `inf`: at once
    #[arg(long, default_value_t = 1.0, requires = "dir")]
    pub rate: f64,
    /// A site to show, may be given again [default: the one of --domain]
    #[arg(long, value_name = "NAME=DOMAIN", conflicts_with = "dir")]
    pub site: Vec<String>,
    /// Write an .rrd file instead
    #[arg(long, value_name = "FILE", group = "target")]
    pub save: Option<PathBuf>,
    /// Host the web viewer even where a native one is installed
    #[arg(long, group = "target")]
    pub web: bool,
    /// Open the native viewer or fail
    #[arg(long, group = "target")]
    pub spawn: bool,
    /// A viewer that runs already
    #[arg(long, value_name = "URL", group = "target")]
    pub connect: Option<String>,
    /// Port of the data server, 0: any
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Port of the web page, 0: any
    #[arg(long, default_value_t = 0)]
    pub web_port: u16,
    /// Topics to leave out
    #[arg(short = 'x', long, value_name = "TOPIC")]
    pub exclude: Vec<String>,
    #[command(flatten)]
    pub bus: Bus,
}

/// Shows until Ctrl-C; with `--save` until the recording has been played.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    if args.rate.is_nan() || args.rate <= 0.0 {
        return Err(Usage(format!(
            "--rate {} makes no sense: give how many times faster than recorded",
            args.rate
        ))
        .into());
    }
    let stop = Stop::at_keyboard()?;
    let counts = Counts::default();
    let sites = match &args.dir {
        // Nobody but this process is there.
        Some(dir) => vec![json!({ "name": stem(dir), "domain": private_domain(), "peers": [] })],
        None => args.site.iter().map(|s| site(s)).collect::<Result<_, _>>()?,
    };
    let target = match (&args.save, &args.connect) {
        (Some(file), _) => json!(format!("save:{}", file.display())),
        (_, Some(url)) => json!(format!("connect:{url}")),
        _ if args.web => json!("web"),
        _ if args.spawn => json!("spawn"),
        _ => json!("auto"),
    };
    let spec = NodeSpec {
        name: args.bus.name.clone().unwrap_or_else(|| "view".into()),
        kind: "view".into(),
        domain: args.bus.domain,
        network: args.bus.network.clone(),
        types: args.bus.types.clone(),
        qos: args.bus.qos.clone(),
        params: json!({
            "sites": sites, "target": target, "port": args.port, "web_port": args.web_port, "exclude": args.exclude,
            "name": args.bus.name,
        }),
        ..NodeSpec::default()
    };
    match &args.dir {
        Some(dir) => play(&spec, dir, args, &stop, &counts)?,
        None => kinds::run(&spec, &stop, &counts)?,
    }
    if json {
        output::json(&counts.get())?;
    }
    Ok(())
}

/// A recording is shown by playing it on a domain nobody else is in.
fn play(
    spec: &NodeSpec,
    dir: &std::path::Path,
    args: &Args,
    stop: &Stop,
    counts: &Counts,
) -> anyhow::Result<()> {
    // Before anything opens: a folder that is no recording is the likeliest mistake.
    tidewire_store::StoreReader::open(dir)?;
    std::thread::scope(|scope| {
        let viewer = scope.spawn(|| kinds::run(spec, stop, counts));
        stop.wait_or(|| viewer.is_finished() || counts.get().ready);
        if !viewer.is_finished() && !stop.is_set() {
            let options = ReplayOptions {
                rate: args.rate,
                keep_timestamps: true,
                wait: 10.0,
                ..ReplayOptions::new(dir)
            };
            let network = Network { peers: Vec::new(), ..args.bus.network.clone() };
            let participant = super::bus::join(private_domain(), "view-replay", &network, None)?;
            let played = tidewire_replay::run(&participant, &options, stop.flag(), &mut |_| {});
            if let Err(error) = played {
                stop.set();
                return Err(error.into());
            }
            if args.save.is_some() {
                // The viewer takes what the last samples left in its readers.
                std::thread::sleep(std::time::Duration::from_millis(500));
                stop.set();
            } else if !stop.is_set() {
                output::note("played to the end; Ctrl-C closes the viewer");
            }
        }
        viewer.join().map_err(|_| anyhow::anyhow!("the viewer panicked"))?
    })
}

/// High domains are seldom used; the process id keeps two viewers apart.
fn private_domain() -> u16 {
    190 + (std::process::id() % 40) as u16
}

fn stem(dir: &std::path::Path) -> String {
    let name =
        dir.file_name().map_or_else(|| "recording".into(), |n| n.to_string_lossy().into_owned());
    name.replace(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'), "_")
}

fn site(text: &str) -> Result<serde_json::Value, Usage> {
    let wrong = || {
        Usage(format!(
            "`{text}` is no site: write NAME=DOMAIN with a domain of 0 to 232, such as plant=42"
        ))
    };
    let (name, domain) = text.split_once('=').ok_or_else(wrong)?;
    let domain: u16 = domain.parse().ok().filter(|d| *d <= 232).ok_or_else(wrong)?;
    Ok(json!({ "name": name, "domain": domain }))
}
