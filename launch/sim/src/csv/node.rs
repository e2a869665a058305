use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tidewire_bus::{Participant, now_ns};
use tidewire_idl::{
    Definition, Encoding, KeyReader, Member, Primitive, TypeHandle, TypeRef, TypeRegistry, Value,
    encode,
};
use tidewire_qos::Qos;
use tidewire_types::sensor::Reading;

use super::columns::{Origin, idl, pair};
use super::{Options, Row, Stamp, Table};
use crate::error::SimError;
use crate::source::{Stats, Wiring};

/// Publishes the file's rows on its topic, and their labels on `<topic>_label`, until the end of
/// the file (returns) or until `stop` is set.
pub fn run(
    participant: &Participant,
    options: &Options,
    registry: &TypeRegistry,
    wiring: &Wiring,
    stop: &AtomicBool,
    stats: &Stats,
) -> Result<(), SimError> {
    if !(options.speed >= 0.0 && options.speed.is_finite()) {
        let remedy = "give how many times faster than recorded, 0 for as fast as can be".to_owned();
        return Err(SimError::Option { option: "speed", value: options.speed.to_string(), remedy });
    }
    let table = Table::open(&options.file, &options.labels)?;
    let desc = row_type(options, registry, &table)?;
    let members = pair(&options.file, &desc, &table.columns)?;
    let keyed =
        matches!(desc.root(), Definition::Struct { members, .. } if members.iter().any(|m| m.key));
    let (rows, count) = wiring.raw_writer(participant, &options.topic, &desc.name, keyed, stats)?;
    let labels = if table.labels.is_empty() {
        None
    } else {
        let topic = format!("{}_label", options.topic);
        Some(wiring.writer::<Reading>(participant, &topic, Qos::reliable(), stats)?)
    };
    wiring.wait_for_readers(
        participant,
        rows.topic(),
        rows.qos(),
        || rows.matched_readers(),
        stop,
    )?;
    if let Some(labels) = &labels {
        labels.wait(wiring, participant, stop)?;
    }
    stats.set_ready();

    let keys = KeyReader::new(&desc);
    let end = || {
        let acknowledged = rows.wait_for_acknowledgments(Duration::from_secs(1));
        if !acknowledged {
            tracing::warn!(
                topic = options.topic,
                "not every reader has acknowledged the last samples"
            );
        }
        if let Some(labels) = &labels {
            labels.finish();
        }
        Ok(())
    };
    let encode_error = |source| SimError::Encode { type_name: desc.name.clone(), source };
    loop {
        let begun = Instant::now();
        let first = table.rows.first().map_or(0, |row| row.time_ns);
        for row in &table.rows {
            if !sleep_until(begun, row.time_ns.saturating_sub(first), options.speed, stop) {
                return end();
            }
            let payload = encode(&desc, &value(&members, &options.point, row), Encoding::default())
                .map_err(encode_error)?;
            let key =
                keys.as_ref().map(|k| k.key_hash(&payload)).transpose().map_err(encode_error)?;
            let time = if options.stamp == Stamp::File { row.time_ns } else { now_ns() };
            count.note(&options.topic, rows.write(&payload, time, key));
            if let Some(labels) = &labels {
                for (channel, value) in table.labels.iter().zip(&row.labels) {
                    let reading = Reading {
                        point: options.point.clone(),
                        channel: channel.clone(),
                        value: *value,
                    };
                    labels.write_at(&reading, time);
                }
            }
        }
        if !options.repeat {
            return end();
        }
    }
}

/// The type of a row: the one asked for, else one made from the header.
fn row_type(
    options: &Options,
    registry: &TypeRegistry,
    table: &Table,
) -> Result<TypeHandle, SimError> {
    let unknown = || SimError::UnknownType { type_name: options.type_name.clone() };
    if !options.type_name.is_empty() {
        return registry.get(&options.type_name).ok_or_else(unknown);
    }
    let text = idl("csv", "Row", &table.columns);
    if let Some(path) = &options.idl_out {
        std::fs::write(path, &text)
            .map_err(|source| SimError::File { path: path.clone(), source })?;
    }
    let mut made = TypeRegistry::new();
    let wrong = |what: String| SimError::Columns {
        path: options.file.clone(),
        type_name: "csv::Row".into(),
        what,
    };
    made.add_str("csv.idl", &text)
        .map_err(|e| wrong(format!("{e}; rename the columns or give `type`")))?;
    made.get("csv::Row").ok_or_else(|| wrong("give `type` and its IDL".into()))
}

/// The row as a value of the type.
fn value(members: &[(Member, Origin)], point: &str, row: &Row) -> Value {
    let fields = members.iter().map(|(member, from)| {
        let value = match from {
            Origin::Point => Value::String(point.to_owned()),
            Origin::Column(index) => cast(&member.ty, row.values[*index]),
        };
        (member.name.clone(), value)
    });
    Value::Struct(fields.collect())
}

/// A number as the primitive a member has; out of range saturates.
fn cast(ty: &TypeRef, number: f64) -> Value {
    let TypeRef::Primitive(primitive) = ty else { return Value::F64(number) };
    match primitive {
        Primitive::Bool => Value::Bool(number != 0.0),
        Primitive::U8 | Primitive::Octet => Value::U8(number as u8),
        Primitive::I8 => Value::I8(number as i8),
        Primitive::I16 => Value::I16(number as i16),
        Primitive::U16 | Primitive::WChar => Value::U16(number as u16),
        Primitive::I32 => Value::I32(number as i32),
        Primitive::U32 => Value::U32(number as u32),
        Primitive::I64 => Value::I64(number as i64),
        Primitive::U64 => Value::U64(number as u64),
        Primitive::F32 => Value::F32(number as f32),
        Primitive::F64 => Value::F64(number),
        Primitive::Char => Value::Char(char::from(number as u8)),
    }
}

/// Sleeps until a row's time has come; `false` once `stop` is set.
fn sleep_until(begun: Instant, since_first_ns: i64, speed: f64, stop: &AtomicBool) -> bool {
    let due = if speed > 0.0 {
        Duration::from_secs_f64(since_first_ns.max(0) as f64 * 1e-9 / speed)
    } else {
        Duration::ZERO
    };
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let left = due.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}
