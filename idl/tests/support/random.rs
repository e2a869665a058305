//! Random values of a described type, and random types; from a seed, so that a failure can be had
//! again.

#![allow(dead_code)]

use std::collections::BTreeMap;

use tidewire_idl::{
    Case, Definition, Extensibility, Member, Primitive, TypeDescriptor, TypeRef, Value,
};

/// SplitMix64.
pub struct Rng(pub u64);

/// Where randomness comes from: a seed here, a fuzzer's bytes in `tests/fuzz`.
pub trait Dice {
    fn next(&mut self) -> u64;

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }
}

impl Dice for Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// A value of a type.
pub fn value(descriptor: &TypeDescriptor, rng: &mut impl Dice) -> Value {
    named(descriptor, &descriptor.name, rng)
}

fn named(d: &TypeDescriptor, name: &str, rng: &mut impl Dice) -> Value {
    match &d.types[name] {
        Definition::Struct { .. } => {
            let mut members = Vec::new();
            let mut chain = vec![name];
            while let Definition::Struct { base: Some(base), .. } = &d.types[chain[chain.len() - 1]]
            {
                chain.push(base);
            }
            for name in chain.iter().rev() {
                let Definition::Struct { members: own, .. } = &d.types[*name] else { continue };
                for member in own {
                    let absent = member.optional && rng.chance(2);
                    let value = if absent { Value::Null } else { type_ref(d, &member.ty, rng) };
                    members.push((member.name.clone(), value));
                }
            }
            Value::Struct(members)
        }
        Definition::Union { discriminator, cases, .. } => {
            let mut on = type_ref(d, discriminator, rng);
            if rng.below(3) > 0
                && let Some(label) =
                    cases.get(rng.below(cases.len())).and_then(|c| c.labels.first())
            {
                on = with_number(&on, *label, d, discriminator);
            }
            let number = on.as_i64().unwrap_or_default();
            let chosen = cases
                .iter()
                .find(|c| c.labels.contains(&number))
                .or_else(|| cases.iter().find(|c| c.is_default));
            let member = chosen.map(|case| {
                (case.member.name.clone(), Box::new(type_ref(d, &case.member.ty, rng)))
            });
            Value::Union { discriminator: Box::new(on), member }
        }
        Definition::Enum { literals, .. } => {
            let (name, value) = literals[rng.below(literals.len())].clone();
            Value::Enum { value, name }
        }
        Definition::Bitmask { flags, .. } => {
            let mut value = 0;
            let mut names = Vec::new();
            for (name, position) in flags {
                if rng.chance(2) {
                    value |= 1 << position;
                    names.push(name.clone());
                }
            }
            Value::Bitmask { value, flags: names }
        }
    }
}

fn with_number(like: &Value, number: i64, d: &TypeDescriptor, ty: &TypeRef) -> Value {
    match like {
        Value::Bool(_) => Value::Bool(number != 0),
        Value::U8(_) => Value::U8(number as u8),
        Value::I8(_) => Value::I8(number as i8),
        Value::I16(_) => Value::I16(number as i16),
        Value::U16(_) => Value::U16(number as u16),
        Value::I32(_) => Value::I32(number as i32),
        Value::U32(_) => Value::U32(number as u32),
        Value::I64(_) => Value::I64(number),
        Value::U64(_) => Value::U64(number as u64),
        Value::Char(_) => Value::Char(char::from_u32(number as u32).unwrap()),
        Value::Enum { .. } => {
            let TypeRef::Named(name) = ty else { unreachable!() };
            let Definition::Enum { literals, .. } = &d.types[name] else { unreachable!() };
            let (name, value) = literals.iter().find(|(_, v)| i64::from(*v) == number).unwrap();
            Value::Enum { value: *value, name: name.clone() }
        }
        other => panic!("{other:?} is no discriminator"),
    }
}

fn type_ref(d: &TypeDescriptor, ty: &TypeRef, rng: &mut impl Dice) -> Value {
    match ty {
        TypeRef::Primitive(p) => primitive(*p, rng),
        TypeRef::String { bound } | TypeRef::WString { bound } => {
            let most = bound.map_or(9, |b| b.min(9)) as usize;
            let ascii = bound.is_some();
            let length = rng.below(most + 1);
            let letters = if ascii { "abc XYZ/_9" } else { "aé€ 𝄞x" };
            let letters: Vec<char> = letters.chars().collect();
            Value::String((0..length).map(|_| letters[rng.below(letters.len())]).collect())
        }
        TypeRef::Named(name) => named(d, name, rng),
        TypeRef::Sequence { element, bound } => {
            let most = bound.map_or(4, |b| b.min(4)) as usize;
            let length = rng.below(most + 1);
            list(d, element, length, rng)
        }
        TypeRef::Array { element, dims } => array(d, element, dims, rng),
    }
}

fn list(d: &TypeDescriptor, element: &TypeRef, length: usize, rng: &mut impl Dice) -> Value {
    if let TypeRef::Primitive(Primitive::U8 | Primitive::Octet) = element {
        return Value::Bytes((0..length).map(|_| rng.next() as u8).collect());
    }
    Value::Sequence((0..length).map(|_| type_ref(d, element, rng)).collect())
}

fn array(d: &TypeDescriptor, element: &TypeRef, dims: &[u32], rng: &mut impl Dice) -> Value {
    if let TypeRef::Primitive(Primitive::U8 | Primitive::Octet) = element {
        let count: u32 = dims.iter().product();
        return list(d, element, count as usize, rng);
    }
    match dims.split_first() {
        Some((first, rest)) => {
            Value::Sequence((0..*first).map(|_| array(d, element, rest, rng)).collect())
        }
        None => type_ref(d, element, rng),
    }
}

fn primitive(p: Primitive, rng: &mut impl Dice) -> Value {
    let bits = if rng.chance(4) { 0 } else { rng.next() };
    match p {
        Primitive::Bool => Value::Bool(bits & 1 == 1),
        Primitive::U8 | Primitive::Octet => Value::U8(bits as u8),
        Primitive::I8 => Value::I8(bits as i8),
        Primitive::I16 => Value::I16(bits as i16),
        Primitive::U16 => Value::U16(bits as u16),
        Primitive::I32 => Value::I32(bits as i32),
        Primitive::U32 => Value::U32(bits as u32),
        Primitive::I64 => Value::I64(bits as i64),
        Primitive::U64 => Value::U64(bits),
        Primitive::F32 => Value::F32((bits as i32) as f32 / 1024.0),
        Primitive::F64 => Value::F64((bits as i64) as f64 / 1048576.0),
        Primitive::Char => Value::Char(char::from(bits as u8)),
        Primitive::WChar => Value::Char(char::from_u32(bits as u32 & 0x7fff).unwrap()),
    }
}

const PRIMITIVES: [Primitive; 14] = [
    Primitive::Octet,
    Primitive::Bool,
    Primitive::U8,
    Primitive::I8,
    Primitive::I16,
    Primitive::U16,
    Primitive::I32,
    Primitive::U32,
    Primitive::I64,
    Primitive::U64,
    Primitive::F32,
    Primitive::F64,
    Primitive::Char,
    Primitive::WChar,
];

/// A struct of anything, some types deep.
pub fn descriptor(rng: &mut impl Dice) -> TypeDescriptor {
    let mut types = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    let count = 1 + rng.below(5);
    for i in 0..count {
        let name = format!("T{i}");
        let definition = match (i + 1 == count, rng.below(6)) {
            (false, 0) => {
                let bit_bound = [8, 16, 32][rng.below(3)];
                let literals = (0..1 + rng.below(4)).map(|i| (format!("L{i}"), i as i32 * 3));
                Definition::Enum { bit_bound, literals: literals.collect(), default: None }
            }
            (false, 1) => {
                let bit_bound = [8, 16, 32, 64][rng.below(4)];
                let flags = vec![("F0".into(), 0), ("F5".into(), 5)];
                Definition::Bitmask { bit_bound, flags }
            }
            (false, 2) => {
                let on = [Primitive::I32, Primitive::U8, Primitive::Bool, Primitive::I64];
                let discriminator = TypeRef::Primitive(on[rng.below(4)]);
                let mut case = |label: i64, is_default: bool| Case {
                    labels: if is_default { vec![] } else { vec![label] },
                    is_default,
                    member: member(&format!("m{label}"), label as u32 + 1, &names, rng, 3),
                };
                let cases = vec![case(0, false), case(1, false), case(2, true)];
                let extensibility = extensibility(rng);
                let key = rng.chance(2);
                Definition::Union { extensibility, discriminator, discriminator_is_key: key, cases }
            }
            _ => {
                let mut members = Vec::new();
                for m in 0..1 + rng.below(6) as u32 {
                    let mut made = member(&format!("m{m}"), m * 2, &names, rng, 3);
                    made.key = rng.chance(4);
                    made.optional = !made.key && rng.chance(5);
                    made.must_understand = rng.chance(8);
                    members.push(made);
                }
                let extensibility = extensibility(rng);
                Definition::Struct { extensibility, base: None, members }
            }
        };
        types.insert(name.clone(), definition);
        names.push(name);
    }
    TypeDescriptor { name: names.pop().unwrap(), types, inexact: Default::default() }
}

fn extensibility(rng: &mut impl Dice) -> Extensibility {
    [Extensibility::Final, Extensibility::Appendable, Extensibility::Mutable][rng.below(3)]
}

fn member(name: &str, id: u32, names: &[String], rng: &mut impl Dice, depth: usize) -> Member {
    Member {
        name: name.to_owned(),
        id,
        ty: random_type(names, rng, depth),
        key: false,
        optional: false,
        must_understand: false,
        default: None,
        unit: None,
    }
}

fn random_type<D: Dice>(names: &[String], rng: &mut D, depth: usize) -> TypeRef {
    let bound = |rng: &mut D| rng.chance(2).then(|| 1 + rng.below(6) as u32);
    match rng.below(if depth == 0 { 4 } else { 10 }) {
        0 | 1 => TypeRef::Primitive(PRIMITIVES[rng.below(PRIMITIVES.len())]),
        2 => TypeRef::String { bound: bound(rng) },
        3 => TypeRef::WString { bound: bound(rng) },
        4 | 5 => TypeRef::Sequence {
            element: Box::new(random_type(names, rng, depth - 1)),
            bound: bound(rng),
        },
        6 | 7 => TypeRef::Array {
            element: Box::new(random_type(names, rng, depth - 1)),
            dims: (0..1 + rng.below(2)).map(|_| 1 + rng.below(3) as u32).collect(),
        },
        _ if names.is_empty() => TypeRef::Primitive(Primitive::F64),
        _ => TypeRef::Named(names[rng.below(names.len())].clone()),
    }
}
