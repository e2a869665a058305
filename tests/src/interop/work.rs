use serde_json::{Value, json};
use tidewire_idl::{Definition, Encoding, Extensibility, KeyReader, TypeHandle, TypeRegistry};

use crate::root;

/// A type of `tests/interop/works.idl`, and its samples as the native peers make them (`model.hpp`).
#[derive(Clone, Debug)]
pub struct Work {
    /// The peers' word for it, such as `OrderV1`.
    pub word: &'static str,
    /// Its DDS type name, which versions share.
    pub type_name: String,
    /// Its description.
    pub ty: TypeHandle,
    /// Whether it has a key.
    pub keyed: bool,
}

impl Work {
    /// The type the peers call `word`.
    ///
    /// # Panics
    /// There is none.
    pub fn of(word: &'static str) -> Self {
        let mut types = TypeRegistry::new();
        types.add_file(root().join("tests/interop/works.idl")).expect("the peers' IDL is right");
        let name = format!("works::{word}");
        let ty = types.get(&name).unwrap_or_else(|| panic!("{name} is not in works.idl"));
        let keyed = KeyReader::new(&ty).is_some();
        let type_name = name.trim_end_matches("V1").trim_end_matches("V2").to_owned();
        Self { word, type_name, ty, keyed }
    }

    /// Sample number `i` as JSON; octets are shown by [`octets`].
    ///
    /// # Panics
    /// The type is not one of the peers'.
    pub fn json(&self, i: u32, size: usize) -> Value {
        let data = || octets(&pattern(i, size));
        match self.word {
            "Valve" => json!({
                "line": format!("line-{}", i % 3),
                "number": i % 2,
                "position": f64::from(i) * 0.25,
                "alarms": (0..i % 4).map(|n| format!("alarm {n}")).collect::<Vec<_>>(),
                "opened": -i64::from(i),
            }),
            "Tick" => json!({ "count": i, "note": "x".repeat(i as usize % 7) }),
            "Frame" => json!({ "count": i, "data": data() }),
            "View" => json!({ "camera": i % 5, "count": i, "data": data() }),
            "OrderV1" => json!({
                "id": i % 4, "item": format!("item {i}"), "price": f64::from(i) * 0.5,
            }),
            "OrderV2" => json!({
                "id": i % 4, "item": format!("item {i}"), "price": f64::from(i) * 0.5,
                "quantity": i + 1, "notes": vec!["note"; i as usize % 3],
            }),
            "RecipeV1" => json!({
                "number": i % 4, "name": format!("recipe {i}"), "temperature": f64::from(i) * 0.5,
            }),
            "RecipeV2" => json!({
                "number": i % 4,
                "steps": (0..i % 3).map(|n| f64::from(n) + 0.5).collect::<Vec<_>>(),
                "name": format!("recipe {i}"),
            }),
            other => panic!("no samples of {other}"),
        }
    }

    /// Sample number `i` as CDR with its encapsulation header.
    ///
    /// # Panics
    /// The type is not one of the peers'.
    pub fn payload(&self, i: u32, size: usize, encoding: Encoding) -> Vec<u8> {
        use tidewire_idl::Value as Field;
        let json = self.json(i, 0);
        let mut value = match self.word {
            // Octets are not shown as JSON.
            "Frame" | "View" => Field::Struct(
                json.as_object()
                    .expect("a struct")
                    .iter()
                    .map(|(name, value)| {
                        let number = value.as_u64().unwrap_or_default() as u32;
                        (name.clone(), Field::U32(number))
                    })
                    .collect(),
            ),
            _ => Field::from_json(&self.ty, &json).expect("samples fit their type"),
        };
        if let Field::Struct(members) = &mut value
            && let Some((_, data)) = members.iter_mut().find(|(name, _)| name == "data")
        {
            *data = Field::Bytes(pattern(i, size));
        }
        tidewire_idl::encode(&self.ty, &value, encoding).expect("samples fit their type")
    }

    /// A received payload as JSON; octets are shown by [`octets`].
    ///
    /// # Panics
    /// The payload is no sample of the type.
    pub fn decode(&self, payload: &[u8]) -> Value {
        use tidewire_idl::Value as Field;
        let value = tidewire_idl::decode(&self.ty, payload).expect("a sample of the type");
        let Field::Struct(members) = &value else { return value.to_json() };
        let shown = members.iter().map(|(name, field)| match field {
            Field::Bytes(data) => (name.clone(), octets(data)),
            other => (name.clone(), other.to_json()),
        });
        Value::Object(shown.collect())
    }

    /// Whether it is `@mutable`: its members are a parameter list.
    pub fn mutable(&self) -> bool {
        matches!(self.ty.root(), Definition::Struct { extensibility: Extensibility::Mutable, .. })
    }

    /// The key of a sample in JSON, as text to sort by; empty without a key.
    pub fn key(&self, sample: &Value) -> String {
        let keys = match self.word {
            "View" => &["camera"][..],
            "OrderV1" | "OrderV2" => &["id"],
            _ => &["line", "number"],
        };
        if !self.keyed {
            return String::new();
        }
        keys.iter().filter_map(|key| Some(format!("{key}={} ", sample.get(key)?))).collect()
    }
}

/// Octets as the peers show them: their number, and their FNV-1a hash.
pub fn octets(data: &[u8]) -> Value {
    let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    json!({ "length": data.len(), "fnv": format!("{hash:016x}") })
}

/// The octets of sample number `i`: no two samples alike, and no two blocks of one.
pub fn pattern(i: u32, size: usize) -> Vec<u8> {
    let mut state = i.wrapping_mul(2_654_435_761).wrapping_add(1);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(size)
    .collect()
}
