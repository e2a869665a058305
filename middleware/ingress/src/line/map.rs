use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Number, Value as Json};
use tidewire_bus::now_ns;
use tidewire_idl::cdr::Codec;
use tidewire_idl::{
    CdrType, Definition, Encoding, Primitive, TypeDescriptor, TypeRef, TypeRegistry, TypeSupport,
};
use tidewire_types::line::{Field, Kind};

use super::{FieldValue, Line, parse};
use crate::frame::Frame;
use crate::intake::Write;
use crate::{IngressError, IngressOptions, Reason, Reject};

/// What lines become.
pub(crate) struct LineMap {
    targets: HashMap<String, Target>,
    point: String,
    point_tag: String,
    nanos: i64,
}

/// A type of the user's.
struct Target {
    topic: String,
    type_name: String,
    codec: Codec,
    members: BTreeMap<String, TypeRef>,
}

impl LineMap {
    /// Looks up the types that measurements are mapped to.
    ///
    /// # Errors
    /// A type that is not known or is no struct.
    pub fn new(options: &IngressOptions, types: &TypeRegistry) -> Result<Self, IngressError> {
        let mut targets = HashMap::new();
        for (measurement, target) in &options.measurements {
            let (type_name, topic) =
                target.split_once('@').unwrap_or((target.as_str(), measurement.as_str()));
            let wrong = |what: String| IngressError::Type {
                measurement: measurement.clone(),
                type_name: type_name.to_owned(),
                what,
            };
            let ty = types.get(type_name).ok_or_else(|| {
                let names = types.names();
                match tidewire_idl::nearest(type_name, names.iter().map(String::as_str)) {
                    Some(near) => wrong(format!("no such type; did you mean `{near}`?")),
                    None => wrong("no such type; give the folder of its IDL with --types".into()),
                }
            })?;
            let codec = Codec::new(&ty).map_err(|error| wrong(error.to_string()))?;
            let members = members(&ty).ok_or_else(|| wrong("it is no struct".into()))?;
            let target =
                Target { topic: topic.to_owned(), type_name: ty.name.clone(), codec, members };
            targets.insert(measurement.clone(), target);
        }
        Ok(Self {
            targets,
            point: options.point.clone(),
            point_tag: options.point_tag.clone(),
            nanos: options.precision.nanos(),
        })
    }

    /// Writes what one line says; gives the number of samples.
    pub fn write(&self, bytes: &[u8], out: Write<'_>) -> Result<u64, Reject> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to() + 1;
            Reject::new(Reason::Malformed, format!("byte {at} is no UTF-8"))
        })?;
        let Some(line) = parse(text)? else { return Ok(0) };
        let time = match line.timestamp {
            None => now_ns(),
            Some(count) => count.checked_mul(self.nanos).ok_or_else(|| {
                let text =
                    format!("timestamp {count} is beyond the year 2262: check the precision");
                Reject::new(Reason::Malformed, text)
            })?,
        };
        match self.targets.get(&*line.measurement) {
            Some(target) => self.write_typed(&line, target, time, out).map(|()| 1),
            None => self.write_fields(&line, time, out),
        }
    }

    fn write_typed(
        &self,
        line: &Line<'_>,
        target: &Target,
        time: i64,
        out: Write<'_>,
    ) -> Result<(), Reject> {
        let mut object = Map::new();
        if is_string(target.members.get("point")) {
            object.insert("point".into(), self.point.as_str().into());
        }
        for (tag, value) in &line.tags {
            let name = if *tag == self.point_tag && !target.members.contains_key(&**tag) {
                "point"
            } else {
                tag
            };
            object.insert(name.to_owned(), from_tag(target.members.get(name), value));
        }
        for (field, value) in &line.fields {
            if line.tags.iter().any(|(tag, _)| tag == field) {
                let text = format!("`{field}` is both a tag and a field of `{}`", target.type_name);
                return Err(Reject::new(Reason::Type, text));
            }
            object.insert(field.to_string(), from_field(value));
        }
        let refuse = |error: tidewire_idl::CdrError| {
            Reject::new(Reason::Type, format!("does not fit `{}`: {error}", target.type_name))
        };
        let value = target.codec.value_from_json(&Json::Object(object)).map_err(refuse)?;
        let payload = target.codec.encode(&value, Encoding::XCDR1).map_err(refuse)?;
        out(&Frame {
            topic: &target.topic,
            type_name: &target.type_name,
            source_time: time,
            payload: &payload,
            ..Frame::default()
        })
    }

    fn write_fields(&self, line: &Line<'_>, time: i64, out: Write<'_>) -> Result<u64, Reject> {
        let point = line.tags.iter().find(|(tag, _)| *tag == self.point_tag);
        let point = point.map_or(self.point.as_str(), |(_, value)| value);
        let mut tags: Vec<_> = line.tags.iter().filter(|(tag, _)| *tag != self.point_tag).collect();
        tags.sort();
        let tags: Vec<_> =
            tags.iter().map(|(tag, value)| format!("{}={}", escape(tag), escape(value))).collect();
        let tags = tags.join(",");
        let mut payload = Vec::new();
        // All of a line or nothing of it.
        let samples = line
            .fields
            .iter()
            .map(|(name, value)| {
                let sample = sample(point, &tags, name, value);
                sample.validate().map(|()| sample).map_err(|error| {
                    Reject::new(
                        Reason::Type,
                        format!("does not fit `{}`: {error}", Field::TYPE_NAME),
                    )
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        for sample in &samples {
            payload.clear();
            sample.encode(Encoding::XCDR1, &mut payload);
            out(&Frame {
                topic: &line.measurement,
                type_name: Field::TYPE_NAME,
                source_time: time,
                payload: &payload,
                ..Frame::default()
            })?;
        }
        Ok(samples.len() as u64)
    }
}

fn sample(point: &str, tags: &str, name: &str, value: &FieldValue<'_>) -> Field {
    let mut sample = Field {
        point: point.to_owned(),
        tags: tags.to_owned(),
        field: name.to_owned(),
        ..Field::default()
    };
    match value {
        FieldValue::Float(v) => (sample.kind, sample.number) = (Kind::Float, *v),
        FieldValue::Integer(v) => {
            (sample.kind, sample.number, sample.integer) = (Kind::Integer, *v as f64, *v);
        }
        FieldValue::Unsigned(v) => {
            (sample.kind, sample.number) = (Kind::Unsigned, *v as f64);
            sample.integer = v.cast_signed();
        }
        FieldValue::Boolean(v) => {
            sample.kind = Kind::Boolean;
            (sample.number, sample.integer) = (f64::from(u8::from(*v)), i64::from(*v));
        }
        FieldValue::String(v) => (sample.kind, sample.text) = (Kind::Text, v.to_string()),
    }
    sample
}

fn escape(text: &str) -> String {
    text.replace(',', r"\,").replace('=', r"\=").replace(' ', r"\ ")
}

fn members(ty: &TypeDescriptor) -> Option<BTreeMap<String, TypeRef>> {
    let mut out = BTreeMap::new();
    let mut name = Some(ty.name.as_str());
    while let Some(Definition::Struct { base, members, .. }) = name.and_then(|name| ty.get(name)) {
        out.extend(members.iter().map(|m| (m.name.clone(), m.ty.clone())));
        name = base.as_deref();
    }
    matches!(ty.root(), Definition::Struct { .. }).then_some(out)
}

fn is_string(ty: Option<&TypeRef>) -> bool {
    matches!(ty, Some(TypeRef::String { .. } | TypeRef::WString { .. }))
}

/// Tags are text; where the member is a number or a boolean they are read as one.
fn from_tag(ty: Option<&TypeRef>, text: &str) -> Json {
    let as_number = || {
        let whole = text.parse::<i64>().ok().map(Number::from);
        let whole = whole.or_else(|| text.parse::<u64>().ok().map(Number::from));
        whole.or_else(|| text.parse().ok().and_then(Number::from_f64)).map(Json::Number)
    };
    let value = match ty {
        Some(TypeRef::Primitive(Primitive::Bool)) => text.parse().ok().map(Json::Bool),
        Some(TypeRef::Primitive(Primitive::Char | Primitive::WChar)) => None,
        Some(TypeRef::Primitive(_)) => as_number(),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}

fn from_field(value: &FieldValue<'_>) -> Json {
    match value {
        FieldValue::Float(v) => Json::from(*v),
        FieldValue::Integer(v) => Json::from(*v),
        FieldValue::Unsigned(v) => Json::from(*v),
        FieldValue::Boolean(v) => Json::from(*v),
        FieldValue::String(v) => Json::from(v.as_ref()),
    }
}
