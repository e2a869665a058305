//! Line protocol: onto generic fields and onto types of the user's.

mod common;

use std::net::UdpSocket;
use std::time::Duration;

use common::{Site, next};
use tidewire_idl::{TypeRegistry, Value};
use tidewire_ingress::line::{self, FieldValue};
use tidewire_ingress::{IngressOptions, Precision, Running};
use tidewire_qos::Qos;
use tidewire_types::line::{Field, Kind};

#[test]
fn a_line_becomes_a_sample_for_each_field() {
    let options = IngressOptions {
        point: "plant/gw".into(),
        point_tag: "host".into(),
        precision: Precision::Ms,
        ..IngressOptions::default()
    };
    let site = Site::new(&["line+unix://DIR/in"], options);
    let reader = site.bus.reader::<Field>("cpu", &Qos::reliable()).unwrap();
    let mut client = site.client("in");
    let mut samples = loop {
        client.send(
            b"# a comment\r\ncpu,z=2,host=web\\ 1,a=x\\=y idle=97.5,n=-3i,big=18446744073709551615u,up=t,\
              note=\"a \\\"b\\\"\" 1700000000123\n\n",
        );
        let first = reader.recv_timeout(Duration::from_millis(100)).unwrap();
        if first.as_ref().is_some_and(|sample| sample.data.field == "idle") {
            break vec![first.unwrap()];
        }
    };
    while samples.len() < 5 {
        samples.push(reader.recv_timeout(common::PATIENCE).unwrap().expect("five fields"));
    }
    for sample in &samples {
        assert_eq!((&*sample.data.point, &*sample.data.tags), ("web 1", r"a=x\=y,z=2"));
        assert_eq!(sample.info.source_time, 1_700_000_000_123_000_000);
    }
    let fields: Vec<_> = samples
        .iter()
        .map(|s| (&*s.data.field, s.data.kind, s.data.number, s.data.integer, &*s.data.text))
        .collect();
    assert_eq!(
        fields,
        [
            ("idle", Kind::Float, 97.5, 0, ""),
            ("n", Kind::Integer, -3.0, -3, ""),
            ("big", Kind::Unsigned, u64::MAX as f64, -1, ""),
            ("up", Kind::Boolean, 1.0, 1, ""),
            ("note", Kind::Text, 0.0, 0, "a \"b\""),
        ]
    );
    assert!(client.farewell().is_empty());
}

const IDL: &str = "module plant { enum Mode { OFF, ON }; struct Base { @key string<63> point; }; \
    struct Pump : Base { @key long unit; double pressure; float flow; boolean alarm; Mode mode; \
    string note; unsigned long long total; }; };";

#[test]
fn a_line_becomes_a_type_of_the_users_by_names() {
    let mut types = TypeRegistry::new();
    types.add_str("plant.idl", IDL).unwrap();
    let (bus, dir) = (common::bus(), tempfile::tempdir().unwrap());
    let options = IngressOptions {
        listen: vec![format!("line+unix://{}", dir.path().join("in").display())],
        point: "plant/gw".into(),
        measurements: [("pump".to_owned(), "plant::Pump@plant/pumps".to_owned())].into(),
        ..IngressOptions::default()
    };
    let ingress = Running::with(&bus, options, types.clone(), None).unwrap();
    let site = Site { dir, bus, ingress };
    let reader = site.reader("plant/pumps", "plant::Pump", true);
    let mut client = site.client("in");
    let sample = loop {
        client.send(
            b"pump,unit=7 pressure=4,flow=1.5,alarm=true,mode=\"ON\",note=\"ok\",total=9u 5\n",
        );
        if let Some(sample) = reader.recv_timeout(Duration::from_millis(100)).unwrap() {
            break sample;
        }
    };
    let pump = types.get("plant::Pump").unwrap();
    let value = tidewire_idl::decode(&pump, &sample.payload).unwrap();
    let of = |path: &str| value.get(path).cloned().unwrap();
    assert_eq!(of("point"), Value::String("plant/gw".into()));
    assert_eq!((of("unit"), of("pressure")), (Value::I32(7), Value::F64(4.0)));
    assert_eq!((of("alarm"), of("total")), (Value::Bool(true), Value::U64(9)));
    assert_eq!(of("mode").as_str(), Some("ON"));
    assert_eq!(sample.info.source_time, 5);
    let keys = tidewire_idl::KeyReader::new(&pump).unwrap();
    assert_eq!(sample.info.key, keys.key_hash(&sample.payload).unwrap());

    client.send(b"pump,unit=x pressure=4\npump presure=4\npump,unit=1 unit=2i\npump total=-1i\n");
    client.send(b"pump pressure=\"high\"\npump,unit=8 pressure=1\n");
    loop {
        let sample = next(&reader);
        let value = tidewire_idl::decode(&pump, &sample.payload).unwrap();
        if value.get("unit") == Some(&Value::I32(8)) {
            break;
        }
    }
    let said = String::from_utf8(client.farewell()).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    for (line, word) in
        lines.iter().zip(["unit", "did you mean `pressure`", "both a tag and", "total", "pressure"])
    {
        assert!(line.contains(word) && line.ends_with("(type)"), "{line}");
    }
}

#[test]
fn wrong_mappings_are_refused_at_the_start() {
    let bus = common::bus();
    for (target, word) in [
        ("tidewire::sensor::Temperatur", "did you mean `tidewire::sensor::Temperature`"),
        ("nothing::Alike", "--types"),
    ] {
        let options = IngressOptions {
            listen: vec!["line+udp://127.0.0.1:0".into()],
            measurements: [("m".to_owned(), target.to_owned())].into(),
            ..IngressOptions::default()
        };
        let error = Running::start(&bus, options).map(drop).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn fields_too_long_for_the_bus_are_refused_whole() {
    let site = Site::new(&["line+unix://DIR/in"], IngressOptions::default());
    let mut client = site.client("in");
    let line = format!(
        "m ok=1,{}=2\nm,point={} f=1\nm f=1 9223372036854775807999\n",
        "f".repeat(300),
        "p".repeat(64)
    );
    client.send(line.as_bytes());
    let said = String::from_utf8(client.farewell()).unwrap();
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(site.ingress.stats().topics().iter().all(|(_, written, _)| *written == 0));
}

#[test]
fn what_is_said_of_a_line_steers_no_terminal() {
    let site =
        Site::new(&["line+unix://DIR/in", "line+udp://127.0.0.1:0"], IngressOptions::default());
    let line = b"m,\x1b[2J=1,\x1b[2J=1 f=1\n";
    let check = |said: &str| {
        assert!(said.contains(r"`\u{1b}[2J` is given twice"), "{said:?}");
        assert!(!said.contains(char::is_control), "{said:?}");
    };
    let mut client = site.client("in");
    client.send(line);
    let said = String::from_utf8(client.farewell()).unwrap();
    check(said.strip_suffix('\n').unwrap());
    check(&site.report().last_problem);

    let udp = || site.ingress.stats().endpoints().remove(1);
    let address = udp().endpoint.replace("line+udp://", "");
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(line, address).unwrap();
    let start = std::time::Instant::now();
    while udp().last_problem.is_empty() {
        assert!(start.elapsed() < common::PATIENCE, "{:#?}", udp());
        std::thread::sleep(Duration::from_millis(5));
    }
    check(&udp().last_problem);
}

/// What InfluxData's own parser makes of a thousand lines, right ones and wrong ones
/// (`tests/interop/lines` makes the file).
#[test]
fn lines_mean_what_the_reference_parser_says() {
    let golden = include_str!("golden/lines.jsonl");
    let (mut both, mut neither) = (0, 0);
    for golden in golden.lines() {
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let text = golden["line"].as_str().unwrap();
        match (line::parse(text), &golden["means"]) {
            (Ok(Some(line)), theirs) if !theirs.is_null() => {
                assert_eq!(meaning(&line), *theirs, "{text}");
                both += 1;
            }
            (Err(_) | Ok(None), serde_json::Value::Null) => neither += 1,
            (Ok(_), _) => assert!(only_ours(text), "{text}: only we take it"),
            (Err(error), _) => assert!(only_theirs(&error.text, text), "{text}: {error}"),
        }
    }
    assert!(both > 300 && neither > 300, "{both} {neither}");
}

fn meaning(line: &line::Line<'_>) -> serde_json::Value {
    let field = |value: &FieldValue<'_>| match value {
        FieldValue::Float(v) => serde_json::json!(["f", v.to_bits().to_string()]),
        FieldValue::Integer(v) => serde_json::json!(["i", v.to_string()]),
        FieldValue::Unsigned(v) => serde_json::json!(["u", v.to_string()]),
        FieldValue::Boolean(v) => serde_json::json!(["b", v.to_string()]),
        FieldValue::String(v) => serde_json::json!(["s", v]),
    };
    let fields: Vec<_> = line.fields.iter().map(|(name, value)| (name, field(value))).collect();
    serde_json::json!({
        "measurement": line.measurement,
        "tags": line.tags,
        "fields": fields,
        "timestamp": line.timestamp,
    })
}

/// The reference refuses a plus sign and spaces at the end; the specification knows neither rule.
fn only_ours(line: &str) -> bool {
    line.contains("=+1") || line.ends_with(' ')
}

/// The reference reads numbers beyond a double as infinite, and takes fields given twice.
fn only_theirs(error: &str, line: &str) -> bool {
    error.contains("is given twice") || line.contains("=1e400")
}
