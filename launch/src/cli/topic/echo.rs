use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;
use tidewire_bus::{BusError, Filter, FilterError};
use tidewire_idl::{InstanceState, KeyReader, Sample, SampleInfo, TypeDescriptor};

use super::{TYPE_PATIENCE, watch};
use crate::cli::bus::Bus;
use crate::cli::failure::{Remedy, Usage};
use crate::cli::output;
use crate::cli::ros::Names;
use crate::cli::time;
use crate::node::Stop;

/// `tidewire topic echo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Topic name
    pub topic: String,
    /// Print only samples for which this is true, in the filter language of DDS
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<String>,
    /// Stop after this many samples
    #[arg(short, value_name = "N")]
    pub n: Option<u64>,
    /// Give up when no sample comes for this long
    #[arg(long, value_name = "TIME", value_parser = time::duration)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    pub names: Names,
    #[command(flatten)]
    pub bus: Bus,
}

/// Prints samples until Ctrl-C, `-n` or `--timeout`.
pub fn run(args: &Args, json: bool) -> anyhow::Result<()> {
    if let Some(expression) = &args.filter {
        Filter::check_grammar(expression).map_err(wrong_filter)?;
    }
    let stop = Stop::at_keyboard()?;
    let registry = args.bus.registry()?;
    let profile = args.bus.profile()?;
    let participant = args.bus.participant("topic-echo")?;
    let topic = args.names.on_bus(&args.topic);
    let Some(info) = watch::topic(&participant, &topic, args.timeout, &stop)? else {
        return Ok(());
    };
    let desc = match registry.get(&info.type_name) {
        Some(known) => Some(known),
        None => match participant.discovered_type(&info.name, TYPE_PATIENCE) {
            Ok(announced) => Some(announced),
            Err(error) => {
                output::note(&format!(
                    "note: type `{}` is not known here, so samples are shown as bytes; give the folder of its IDL with --types DIR ({error})",
                    info.type_name
                ));
                None
            }
        },
    };
    let reader = match (&args.filter, &desc) {
        (None, ty) => watch::reader_of(&participant, &info, ty.as_ref(), profile.as_ref())?,
        (Some(expression), Some(ty)) => {
            let filter = watch::Only { ty, expression };
            watch::filtered(&participant, &info, profile.as_ref(), filter).map_err(|error| {
                match error {
                    BusError::Filter(error) => wrong_filter(error).into(),
                    other => anyhow::Error::from(other),
                }
            })?
        }
        (Some(_), None) => {
            let text =
                format!("samples of `{}` cannot be filtered: their type is not known", args.topic);
            return Err(anyhow::anyhow!(text))
                .remedy("give the folder of its IDL with --types DIR");
        }
    };
    // As a recorder does: the point a sample names is more than the name of who sent it.
    let key = desc.as_deref().and_then(KeyReader::new);
    let mut left = args.n.unwrap_or(u64::MAX);
    let mut heard = Instant::now();
    while left > 0 && !stop.is_set() {
        match reader.recv_timeout(Duration::from_millis(100))? {
            Some(mut sample) => {
                let point = key.as_ref().and_then(|key| match sample.info.state {
                    InstanceState::Alive => key.point(&sample.payload).ok().flatten(),
                    _ => key.point_of_key(&sample.payload).ok().flatten(),
                });
                if let Some(point) = point {
                    sample.info.point = point.into();
                }
                heard = Instant::now();
                left -= 1;
                show(&sample, desc.as_deref(), json)?;
            }
            None => {
                if let Some(timeout) = args.timeout.filter(|timeout| heard.elapsed() >= *timeout) {
                    let (topic, s) = (&args.topic, timeout.as_secs_f64());
                    match reader.filtered() {
                        0 => bail!("no sample on `{topic}` for {s:.1} s"),
                        n => bail!(
                            "no sample on `{topic}` passes the filter for {s:.1} s; it kept {n} back"
                        ),
                    }
                }
            }
        }
    }
    Ok(())
}

/// A filter expression that is wrong, as wrong usage.
fn wrong_filter(error: FilterError) -> Usage {
    let text = error.to_string();
    Usage(format!("--filter: {}", text.strip_prefix("error: ").unwrap_or(&text)))
}

fn show(sample: &Sample, desc: Option<&TypeDescriptor>, json: bool) -> anyhow::Result<()> {
    let info = &sample.info;
    let state = match info.state {
        InstanceState::Alive => "alive",
        InstanceState::Disposed => "disposed",
        InstanceState::Unregistered => "unregistered",
    };
    // A dispose carries the key alone, which is no value of the type.
    let value = desc
        .filter(|_| info.state == InstanceState::Alive)
        .map(|d| tidewire_idl::decode(d, &sample.payload));
    if json {
        let (value, error) = match value {
            Some(Ok(value)) => (value.to_json(), None),
            Some(Err(error)) => (serde_json::Value::Null, Some(error.to_string())),
            None => (serde_json::Value::Null, None),
        };
        let mut line = json!({
            "time": info.source_time,
            "received": info.reception_time,
            "point": &*info.point,
            "writer": info.writer.to_string(),
            "sequence": info.sequence,
            "state": state,
            "value": value,
        });
        if let Some(error) = error {
            line["error"] = json!(error);
        }
        if desc.is_none() || line["value"].is_null() {
            line["payload"] = json!(hex(&sample.payload, usize::MAX));
        }
        output::say(&serde_json::to_string(&line)?);
        return Ok(());
    }
    output::say(&output::paint("2", &head(info, state)));
    match value {
        Some(Ok(value)) => output::say(output::plain_lines(&value.to_string()).trim_end()),
        Some(Err(error)) => {
            let error = output::plain_lines(&error.to_string()).into_owned();
            output::say(&format!("not decoded: {error}\n{}", hex(&sample.payload, 64)))
        }
        None => {
            output::say(&format!("{} bytes: {}", sample.payload.len(), hex(&sample.payload, 64)))
        }
    }
    Ok(())
}

/// The line above a sample.
fn head(info: &SampleInfo, state: &str) -> String {
    // Source times are what writers say: any.
    let latency = info.reception_time.saturating_sub(info.source_time) as f64 / 1e3;
    format!(
        "--- {}  {}  #{}  {state}  {}",
        output::time(info.source_time),
        output::plain(&info.point),
        info.sequence,
        output::micros(latency)
    )
}

/// Bytes in hexadecimal, at most `most` of them.
fn hex(bytes: &[u8], most: usize) -> String {
    let mut text: String = bytes.iter().take(most).map(|b| format!("{b:02x}")).collect();
    if bytes.len() > most {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use tidewire_idl::{Guid, KeyHash};

    use super::*;

    fn info(source_time: i64, point: &str) -> SampleInfo {
        SampleInfo {
            source_time,
            reception_time: 1_700_000_000_000_000_000,
            writer: Guid::default(),
            sequence: 7,
            key: KeyHash::default(),
            state: InstanceState::Alive,
            point: point.into(),
        }
    }

    #[test]
    fn a_point_cannot_drive_the_terminal() {
        let head = head(&info(0, "pump\x1b[2J\r\n1"), "alive");
        assert!(head.contains("  pump\\u{1b}[2J\\r\\n1  #7  alive"), "{head:?}");
    }

    #[test]
    fn any_source_time_can_be_shown() {
        for time in [i64::MIN, i64::MAX] {
            assert!(head(&info(time, "p"), "alive").contains("  p  #7  alive  "));
        }
    }
}
