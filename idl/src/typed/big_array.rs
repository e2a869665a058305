//! serde for arrays of any length; serde itself stops at 32.
//!
//! ```
//! #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
//! struct Scan {
//!     #[serde(with = "tidewire_idl::typed::big_array")]
//!     rows: [[f32; 40]; 2],
//! }
//! let scan = Scan { rows: [[0.5; 40]; 2] };
//! let json = serde_json::to_string(&scan)?;
//! assert_eq!(serde_json::from_str::<Scan>(&json)?, scan);
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::marker::PhantomData;

use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

/// What may stand in a large array: everything serde knows, and arrays of it.
pub trait Element: Sized {
    /// As [`Serialize::serialize`].
    fn save<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error>;
    /// As [`Deserialize::deserialize`].
    fn load<'de, D: Deserializer<'de>>(d: D) -> Result<Self, D::Error>;
}

/// Implements [`Element`] for types serde knows.
#[macro_export]
#[doc(hidden)]
macro_rules! big_array_element {
    ($($ty:ty),* $(,)?) => {$(
        impl $crate::typed::big_array::Element for $ty {
            fn save<S: $crate::serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                $crate::serde::Serialize::serialize(self, s)
            }
            fn load<'de, D: $crate::serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                $crate::serde::Deserialize::deserialize(d)
            }
        }
    )*};
}

big_array_element!(bool, u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, char, String);

impl<T: Serialize + for<'de> Deserialize<'de>> Element for Vec<T> {
    fn save<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.serialize(s)
    }

    fn load<'de, D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::deserialize(d)
    }
}

impl<T: Element, const N: usize> Element for [T; N] {
    fn save<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        serialize(self, s)
    }

    fn load<'de, D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        deserialize(d)
    }
}

/// An element on its way out.
struct Out<'a, T>(&'a T);

impl<T: Element> Serialize for Out<'_, T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.save(s)
    }
}

/// An element on its way in.
struct In<T>(T);

impl<'de, T: Element> Deserialize<'de> for In<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::load(d).map(Self)
    }
}

/// For `#[serde(with = …)]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Element, S: Serializer, const N: usize>(
    array: &[T; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut seq = serializer.serialize_seq(Some(N))?;
    for element in array {
        seq.serialize_element(&Out(element))?;
    }
    seq.end()
}

/// For `#[serde(with = …)]`.
///
/// # Errors
/// Another number of elements, or those of the deserializer.
pub fn deserialize<'de, T: Element, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[T; N], D::Error> {
    struct Elements<T, const N: usize>(PhantomData<T>);
    impl<'de, T: Element, const N: usize> Visitor<'de> for Elements<T, N> {
        type Value = [T; N];

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "an array of {N} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[T; N], A::Error> {
            let mut out = Vec::with_capacity(N.min(4096));
            while out.len() <= N
                && let Some(In(element)) = seq.next_element::<In<T>>()?
            {
                out.push(element);
            }
            let found = out.len();
            out.try_into().map_err(|_| A::Error::invalid_length(found, &self))
        }
    }
    deserializer.deserialize_seq(Elements::<T, N>(PhantomData))
}

/// For `#[serde(with = …)]` of an `Option` of an array.
pub mod option {
    use super::{Deserialize, Deserializer, Element, In, Out, Serialize, Serializer};

    /// As [`super::serialize`].
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<T: Element, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Out).serialize(serializer)
    }

    /// As [`super::deserialize`].
    ///
    /// # Errors
    /// As [`super::deserialize`].
    pub fn deserialize<'de, T: Element, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        Ok(Option::<In<T>>::deserialize(deserializer)?.map(|In(value)| value))
    }
}
