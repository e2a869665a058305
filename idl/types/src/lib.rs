//! The types Tidewire ships: sensors, market data, events and benchmark blocks.
//!
//! This room holds five IDL files and what the build makes of them. It may use `tidewire-idl` only.
//! Start with the `*.idl` files beside `Cargo.toml`; every type has its run-time description in
//! [`registry`], so that the command line, the recorder and SQL know it as well as Rust does.
//! All are `@final`, and keyed by their collection point except the benchmark blocks.
//!
//! ```
//! use tidewire_types::{registry, sensor::Vibration};
//! use tidewire_types::idl::{decode, Encoding, TypeSupport};
//!
//! let sample = Vibration { point: "plant/pump1".into(), x: 0.25, ..Default::default() };
//! let mut payload = Vec::new();
//! sample.encode(Encoding::default(), &mut payload);
//! assert_eq!(Vibration::decode(&payload)?, sample);
//!
//! let known = registry().get("tidewire::sensor::Vibration").expect("it is shipped");
//! assert_eq!(decode(&known, &payload)?.get("point").and_then(|p| p.as_str()), sample.point());
//! # Ok::<(), tidewire_types::idl::CdrError>(())
//! ```

use std::sync::OnceLock;

use tidewire_idl::TypeRegistry;

pub use tidewire_idl as idl;

mod generated {
    #![allow(clippy::all, clippy::pedantic, clippy::undocumented_unsafe_blocks)]
    #![allow(dead_code, unused_imports, unused_variables, unused_mut, non_camel_case_types)]
    include!(concat!(env!("OUT_DIR"), "/idl.rs"));
}

pub use generated::tidewire::{bench, event, line, market, sensor};

/// The IDL texts the types are made from: file name and content.
pub const IDL: [(&str, &str); 5] = [
    ("sensor.idl", include_str!("../sensor.idl")),
    ("market.idl", include_str!("../market.idl")),
    ("event.idl", include_str!("../event.idl")),
    ("bench.idl", include_str!("../bench.idl")),
    ("line.idl", include_str!("../line.idl")),
];

/// A registry of all shipped types, to which others can be added.
pub fn registry() -> TypeRegistry {
    static SHIPPED: OnceLock<TypeRegistry> = OnceLock::new();
    SHIPPED
        .get_or_init(|| {
            let mut types = TypeRegistry::new();
            for (name, text) in IDL {
                types.add_str(name, text).expect("the build generated code from the same text");
            }
            types
        })
        .clone()
}
