//! What expressions say of samples, in every encoding.

use serde_json::{Value as Json, json};
use tidewire_filter::Filter;
use tidewire_idl::{Encoding, KeyReader, TypeHandle, TypeRegistry, TypeSupport, Value};
use tidewire_types::{event, market, sensor};

const ENCODINGS: [Encoding; 4] =
    [Encoding::XCDR1, Encoding::XCDR1.big_endian(), Encoding::XCDR2, Encoding::XCDR2.big_endian()];

fn types(idl: &str) -> TypeRegistry {
    let mut types = TypeRegistry::new();
    types.add_str("t.idl", idl).unwrap();
    types
}

/// Each expression with what it says of the value.
fn check(ty: &TypeHandle, value: &Value, expected: &[(&str, bool)]) {
    for encoding in ENCODINGS {
        let payload = tidewire_idl::encode(ty, value, encoding).unwrap();
        for (expression, expected) in expected {
            let filter = Filter::new(ty, expression, &[]);
            let filter = filter.unwrap_or_else(|error| panic!("{error}"));
            let said = filter.matches(&payload).unwrap();
            assert_eq!(said, *expected, "{expression} {encoding:?}\n{value}");
        }
    }
}

fn check_json(ty: &TypeHandle, json: &Json, expected: &[(&str, bool)]) {
    check(ty, &Value::from_json(ty, json).unwrap(), expected);
}

fn check_typed<T: TypeSupport>(value: &T, expected: &[(&str, bool)]) {
    let ty = T::descriptor();
    let mut payload = Vec::new();
    value.encode(Encoding::default(), &mut payload);
    check(&ty, &tidewire_idl::decode(&ty, &payload).unwrap(), expected);
}

#[test]
fn shipped_types() {
    let trade = market::Trade {
        point: "xetra".into(),
        symbol: "SAP".into(),
        price: 181.25,
        size: 4_000_000_000,
        side: market::Side::Sell,
    };
    check_typed(
        &trade,
        &[
            ("symbol = 'SAP'", true),
            ("symbol < 'SAQ' AND symbol > 'SA'", true),
            ("symbol LIKE 'S%' AND point LIKE '_etr_'", true),
            ("price BETWEEN 181 AND 181.25", true),
            ("price NOT BETWEEN 181 AND 181.25", false),
            ("size > 3999999999", true),
            ("size = 4e9", true),
            ("size < 0", false),
            ("side = SELL", true),
            ("side = 'SELL' AND side <> BUY AND side = market::Side::SELL", true),
            ("side = 1 AND side > BUY", true),
            ("symbol = 'SAP' AND side = BUY OR price > 181", true),
            ("symbol = 'SAP' AND (side = BUY OR price > 182)", false),
            ("NOT symbol = 'X' AND NOT (side = BUY)", true),
            ("NOT symbol = 'SAP' OR side = BUY", false),
        ],
    );
    let imu = sensor::Imu {
        point: "arm".into(),
        orientation: [0.0, 0.0, 0.0, 1.0],
        angular_velocity: [0.25, -0.5, 0.0],
        linear_acceleration: [0.0, 0.0, 9.81],
    };
    check_typed(
        &imu,
        &[
            ("linear_acceleration[2] > 9.8", true),
            ("orientation[3] = 1 AND orientation[0] = -0.0", true),
            ("angular_velocity[1] < angular_velocity[0]", true),
            ("linear_acceleration[2] > 9.8 AND point = 'leg'", false),
        ],
    );
    let anomaly = event::Anomaly {
        point: "p".into(),
        topic: "vibration".into(),
        fields: vec!["x".into(), "z".into()],
        score: 3.5,
        ..Default::default()
    };
    check_typed(
        &anomaly,
        &[
            ("fields[1] = 'z'", true),
            ("fields[2] = 'z'", false),
            ("fields[2] <> 'z'", false),
            ("NOT fields[2] = 'z'", true),
            ("score > threshold AND model = ''", true),
        ],
    );
    let health = event::Health { state: event::State::Degraded, ..Default::default() };
    check_typed(&health, &[("state >= DEGRADED", true), ("state BETWEEN OK AND FAILED", true)]);
    let vibration = sensor::Vibration { x: 0.1, y: f32::NAN, ..Default::default() };
    check_typed(
        &vibration,
        &[
            ("x = 0.1 AND x BETWEEN 0.1 AND 0.1", true),
            ("x > 0.1 OR x < 0.1", false),
            ("y = 0 OR y < 0 OR y > 0 OR y BETWEEN -1e30 AND 1e30", false),
            ("y NOT BETWEEN -1e30 AND 1e30", false),
            ("y <> 0", true),
            ("y <> y", true),
            ("x <> x", false),
            ("y = y", false),
        ],
    );
}

#[test]
fn all_primitive_types() {
    let idl = "enum E { A, @value(-3) B }; @bit_bound(64) bitmask M { @position(63) TOP, @position(0) LOW };
        struct T { boolean b; octet o; int8 i8; short s; unsigned short us; long l; unsigned long ul;
                   long long ll; unsigned long long ull; float f; double d; char c; wchar wc;
                   string t; wstring w; E e; M m; };";
    let ty = types(idl).get("T").unwrap();
    let json = json!({
        "b": true, "o": 200, "i8": -100, "s": -30000, "us": 60000, "l": -2000000000,
        "ul": 4000000000u32, "ll": i64::MIN, "ull": u64::MAX, "f": -2.5, "d": 1e300, "c": "é",
        "wc": "€", "t": "grün", "w": "日本", "e": "B", "m": "TOP",
    });
    check_json(
        &ty,
        &json,
        &[
            ("b = TRUE AND b <> FALSE AND TRUE = b AND b > FALSE", true),
            ("o = 200 AND o > -1 AND o = 0xc8", true),
            ("o > i8 AND i8 < o AND i8 = -100 AND i8 = -100.0", true),
            ("s = -30000 AND us = 60000 AND us > s", true),
            ("l < ul AND ul > l AND ul = 4000000000", true),
            ("ll < ull AND ull > ll AND ll = -9223372036854775808", true),
            ("ull = 18446744073709551615 AND ull > 9223372036854775807", true),
            ("ull < 18446744073709551616.0", true),
            ("ull = -1", false),
            ("ll > 0 OR ull < 0", false),
            ("f = -2.5 AND f < l", false),
            ("f > l AND d > ull AND d = 1e300", true),
            ("c = 'é' AND c > 'e' AND wc = '€' AND c < wc", true),
            ("c = t", false),
            ("t = 'grün' AND t LIKE 'gr_n' AND t < 'z' AND t > 'gruen'", true),
            ("w = '日本' AND w LIKE '_本' AND w > t", true),
            ("e = B AND e = -3 AND e < A AND e = i8", false),
            ("e = B AND e = -3 AND e < A AND e > i8", true),
            ("m = 0x8000000000000000 AND m > ll", true),
        ],
    );
    let nan = |d: f64| {
        let mut value = Value::from_json(&ty, &json).unwrap();
        let Value::Struct(members) = &mut value else { unreachable!() };
        for (name, value) in members {
            match name.as_str() {
                "d" => *value = Value::F64(d),
                "f" => *value = Value::F32(d as f32),
                _ => {}
            }
        }
        value
    };
    check(
        &ty,
        &nan(f64::NAN),
        &[("d = d OR d > l OR d < l OR d >= l OR f <= d", false), ("d <> l AND f <> d", true)],
    );
    check(&ty, &nan(f64::INFINITY), &[("d > ull AND f = d AND d > 1e308", true)]);
    check(&ty, &nan(f64::NEG_INFINITY), &[("d < ll AND f = d AND NOT d > 0", true)]);
}

#[test]
fn nested_optional_and_union_members() {
    for kind in ["final", "appendable", "mutable"] {
        let ty = types(&format!(
            "@{kind} struct In {{ string s; @optional double d; long grid[2][2]; }};
             @{kind} union U switch (short) {{ case 1: @id(1) In inner; case 2: @id(2) long l; }};
             @{kind} struct T {{ octet pad; octet raw[2][3]; sequence<octet> blob; In a; sequence<In> list; @optional In maybe; U u; In pair[2]; long tail; }};"
        ))
        .get("T")
        .unwrap();
        let inner = |s: &str, d: Json, n: i32| json!({ "s": s, "d": d, "grid": [[n, n + 1], [n + 2, n + 3]] });
        let json = json!({
            "pad": 1, "raw": "000102030405", "blob": "ff07", "a": inner("a", json!(1.5), 10), "maybe": null, "tail": 99,
            "list": [inner("l0", Json::Null, 20), inner("l1", json!(2.5), 30)],
            "u": { "$discriminator": 1, "inner": inner("u", Json::Null, 40) },
            "pair": [inner("p0", json!(3.5), 50), inner("p1", Json::Null, 60)],
        });
        check_json(
            &ty,
            &json,
            &[
                ("a.s = 'a' AND a.d = 1.5 AND a.grid[1][0] = 12", true),
                ("list[0].s = 'l0' AND list[1].d = 2.5 AND list[1].grid[1][1] = 33", true),
                ("list[0].d = 2.5 OR list[0].d <> 2.5", false),
                ("list[2].s = '' OR list[2].s <> '' OR list[2].grid[0][0] < 1e9", false),
                ("NOT list[2].s = ''", true),
                ("maybe.s = '' OR maybe.s <> '' OR maybe.d > 0", false),
                (
                    "maybe.grid[0][0] BETWEEN -1 AND 1 OR maybe.grid[0][0] NOT BETWEEN -1 AND 1",
                    false,
                ),
                ("u.inner.s = 'u' AND u.inner.grid[0][1] = 41 AND u.$discriminator = 1", true),
                ("u.inner.d = 1 OR u.l = 0 OR u.l <> 0", false),
                ("pair[0].d = 3.5 AND pair[1].s LIKE 'p_' AND pair[1].grid[0][0] = 60", true),
                ("tail = 99 AND u.inner.s = 'u' AND a.s = 'a'", true),
                ("tail > pair[1].grid[0][0] AND tail > list[1].grid[0][0]", true),
                ("raw[1][0] = 3 AND blob[1] = 7 AND blob[0] = 255", true),
                ("blob[2] = 0 OR blob[2] <> 0", false),
                ("maybe.s = a.s OR a.d = list[0].d", false),
            ],
        );
        let other = json!({ "u": { "$discriminator": 2, "l": 7 }, "tail": 1 });
        check_json(&ty, &other, &[("u.l = 7 AND tail = 1", true), ("u.inner.s = ''", false)]);
        let none = json!({ "u": { "$discriminator": 3 }, "tail": 1 });
        check_json(&ty, &none, &[("u.$discriminator = 3 AND tail = 1", true), ("u.l <> 1", false)]);
    }
}

#[test]
fn members_an_older_writer_lacks_have_their_defaults() {
    let types = types(
        "@appendable struct Old { long a; }; @appendable struct New { long a; @default(7) long b; };",
    );
    let (old, new) = (types.get("Old").unwrap(), types.get("New").unwrap());
    let value = Value::from_json(&old, &json!({ "a": 1 })).unwrap();
    for encoding in ENCODINGS {
        let payload = tidewire_idl::encode(&old, &value, encoding).unwrap();
        let filter = Filter::new(&new, "b = 7 AND a = 1", &[]).unwrap();
        assert!(filter.matches(&payload).unwrap(), "{encoding:?}");
    }
}

#[test]
fn parameters_change_what_passes() {
    let quote = |bid| {
        let mut payload = Vec::new();
        market::Quote { symbol: "SAP".into(), bid, ..Default::default() }
            .encode(Encoding::default(), &mut payload);
        payload
    };
    let ty = market::Quote::descriptor();
    let mut filter = Filter::new(&ty, "bid > %0 AND symbol LIKE %1", &["10", "'S%'"]).unwrap();
    let other = filter.clone();
    assert!(filter.matches(&quote(11.0)).unwrap() && !filter.matches(&quote(9.0)).unwrap());
    filter.set_parameters(&["5", "S%"]).unwrap();
    assert!(filter.matches(&quote(9.0)).unwrap());
    assert!(!other.matches(&quote(9.0)).unwrap(), "clones are apart");
    filter.set_parameters(&["5", "X%"]).unwrap();
    assert!(!filter.matches(&quote(9.0)).unwrap());
}

#[test]
fn keys_decide_where_they_can() {
    let ty = market::Trade::descriptor();
    let trade = market::Trade { point: "xetra".into(), symbol: "SAP".into(), ..Default::default() };
    let keys = KeyReader::new(&ty).unwrap();
    for encoding in ENCODINGS {
        let mut payload = Vec::new();
        trade.encode(encoding, &mut payload);
        let key = keys.key_payload(&payload).unwrap();
        for (expression, expected) in [
            ("symbol = 'SAP'", Some(true)),
            ("symbol = 'BMW'", Some(false)),
            ("NOT symbol = 'BMW' AND point LIKE 'x%'", Some(true)),
            ("price > 3", None),
            ("NOT price > 3", None),
            ("symbol = 'SAP' AND price > 3", None),
            ("symbol = 'BMW' AND price > 3", Some(false)),
            ("price > 3 AND symbol = 'BMW'", Some(false)),
            ("symbol = 'SAP' OR price > 3", Some(true)),
            ("price > 3 OR symbol = 'BMW'", None),
            ("price BETWEEN 1 AND 2 OR symbol LIKE 'S%'", Some(true)),
        ] {
            let filter = Filter::new(&ty, expression, &[]).unwrap();
            assert_eq!(filter.matches_key(&key).unwrap(), expected, "{expression} {encoding:?}");
        }
    }
    let filter = Filter::new(&ty, "symbol = 'SAP'", &[]).unwrap();
    assert!(filter.matches_key(&[]).is_err() && filter.matches(&[0, 1, 0, 0, 9]).is_err());
}
