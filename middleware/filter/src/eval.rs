//! What a checked expression says of values.

use std::cmp::Ordering;

use tidewire_idl::cdr::FieldValue;

use crate::ast::Op;
use crate::check::{Node, Operand, Program};
use crate::constant::Constant;

/// The fields of one sample or, if `KEY`, of a serialised key, where only some are known.
pub(crate) struct Sample<'a, const KEY: bool> {
    pub program: &'a Program,
    pub constants: &'a [Constant],
    pub values: &'a [FieldValue<'a>],
}

/// Something that can be compared.
#[derive(Clone, Copy)]
enum Comparable<'a> {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(&'a str),
    Char(char),
}

impl<const KEY: bool> Sample<'_, KEY> {
    /// Whether a condition is true; of a key `None` if fields decide that it lacks.
    pub fn is(&self, node: &Node) -> Option<bool> {
        match node {
            Node::And(list) => self.all(list, false),
            Node::Or(list) => self.all(list, true),
            Node::Not(inner) => self.is(inner).map(|value| !value),
            Node::Compare { field, op, with } => {
                let left = self.field(*field)?;
                let right = match with {
                    Operand::Field(other) => self.field(*other)?,
                    Operand::Constant(index) => self.constant(*index),
                };
                Some(left.zip(right).is_some_and(|(left, right)| holds(left, *op, right)))
            }
            Node::Like { field, pattern } => {
                let value = self.field(*field)?;
                let Some(Constant::Pattern(pattern)) = self.constants.get(*pattern) else {
                    return Some(false);
                };
                Some(match value {
                    Some(Comparable::Text(text)) => pattern.matches(text),
                    Some(Comparable::Char(c)) => pattern.matches(c.encode_utf8(&mut [0; 4])),
                    _ => false,
                })
            }
            Node::Between { field, not, low, high } => {
                let value = self.field(*field)?;
                let (low, high) = (self.constant(*low), self.constant(*high));
                let (Some(value), Some(low), Some(high)) = (value, low, high) else {
                    return Some(false);
                };
                Some(if *not {
                    holds(value, Op::Less, low) || holds(value, Op::Greater, high)
                } else {
                    holds(value, Op::GreaterEqual, low) && holds(value, Op::LessEqual, high)
                })
            }
        }
    }

    /// AND and OR: the first condition that is `decisive` decides; what is not known decides only if
    /// none does.
    fn all(&self, list: &[Node], decisive: bool) -> Option<bool> {
        let mut known = true;
        for node in list {
            match self.is(node) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(!decisive)
    }

    /// A field's value: `None` if the key lacks it, `Some(None)` if it is not there.
    fn field(&self, slot: usize) -> Option<Option<Comparable<'_>>> {
        if KEY && !self.program.fields.get(slot).is_some_and(|field| field.key) {
            return None;
        }
        Some(match self.values.get(slot)? {
            FieldValue::Null => None,
            FieldValue::Bool(v) => Some(Comparable::Bool(*v)),
            FieldValue::I64(v) => Some(Comparable::Integer(i128::from(*v))),
            FieldValue::U64(v) => Some(Comparable::Integer(i128::from(*v))),
            FieldValue::F32(v) => Some(Comparable::Float(f64::from(*v))),
            FieldValue::F64(v) => Some(Comparable::Float(*v)),
            FieldValue::Char(v) => Some(Comparable::Char(*v)),
            FieldValue::Text(v) => Some(Comparable::Text(v)),
        })
    }

    fn constant(&self, index: usize) -> Option<Comparable<'_>> {
        Some(match self.constants.get(index)? {
            Constant::Bool(v) => Comparable::Bool(*v),
            Constant::Integer(v) => Comparable::Integer(*v),
            Constant::Float(v) => Comparable::Float(*v),
            Constant::Text(v) => Comparable::Text(v),
            Constant::Pattern(_) => return None,
        })
    }
}

fn holds(left: Comparable<'_>, op: Op, right: Comparable<'_>) -> bool {
    let order = order(left, right);
    match op {
        Op::Equal => order == Some(Ordering::Equal),
        Op::NotEqual => order != Some(Ordering::Equal),
        Op::Less => order == Some(Ordering::Less),
        Op::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Op::Greater => order == Some(Ordering::Greater),
        Op::GreaterEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// `None` if a NaN is among them.
fn order(left: Comparable<'_>, right: Comparable<'_>) -> Option<Ordering> {
    use Comparable::{Bool, Char, Float, Integer, Text};
    match (left, right) {
        (Integer(a), Integer(b)) => Some(a.cmp(&b)),
        (Float(a), Float(b)) => a.partial_cmp(&b),
        (Integer(a), Float(b)) => exactly(a, b),
        (Float(a), Integer(b)) => exactly(b, a).map(Ordering::reverse),
        (Text(a), Text(b)) => Some(a.cmp(b)),
        (Char(a), Char(b)) => Some(a.cmp(&b)),
        (Char(a), Text(b)) => Some((*a.encode_utf8(&mut [0; 4])).cmp(b)),
        (Text(a), Char(b)) => Some(a.cmp(b.encode_utf8(&mut [0; 4]))),
        (Bool(a), Bool(b)) => Some(a.cmp(&b)),
        // The checker lets no others pass.
        _ => None,
    }
}

/// An integer of 64 bits and a floating point number, without rounding either.
fn exactly(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    // Saturates: beyond every integer of 64 bits, and infinities.
    let whole = float.trunc() as i128;
    Some(integer.cmp(&whole).then_with(|| 0.0f64.total_cmp(&(float.fract() + 0.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_meet_floating_point_numbers_exactly() {
        use Ordering::{Equal, Greater, Less};
        for (integer, float, expected) in [
            (3, 3.0, Equal),
            (3, 3.5, Less),
            (-3, -3.5, Greater),
            (0, -0.0, Equal),
            (0, -0.5, Greater),
            (0, 0.5, Less),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Greater),
            (i128::from(u64::MAX), 18_446_744_073_709_551_616.0, Less),
            (i128::from(i64::MIN), -9_223_372_036_854_775_808.0, Equal),
            (5, f64::INFINITY, Less),
            (5, f64::NEG_INFINITY, Greater),
            (5, 1e300, Less),
        ] {
            assert_eq!(exactly(integer, float), Some(expected), "{integer} {float}");
        }
        assert_eq!(exactly(5, f64::NAN), None);
    }
}
