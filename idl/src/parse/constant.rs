//! Constant expressions (IDL 4.2, 7.4.1.4.3).

use super::Constant;
use super::cursor::{Parser, Step};
use super::lex::Tok;
use super::scope::Symbol;
use super::source::Span;
use crate::descriptor::{Definition, Primitive, TypeRef};

impl Parser<'_> {
    /// Evaluates the expression that starts here.
    pub fn expression(&mut self) -> Step<Constant> {
        self.binary(0)
    }

    /// The operator here, if it is one of this level; `<<` and `>>` are two tokens side by side.
    fn operator(&mut self, level: usize) -> Option<&'static str> {
        const LEVELS: &[&[&str]] =
            &[&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "%"]];
        let found = match (self.tok(), self.tok_after(1)) {
            (Tok::Punct("<"), Tok::Punct("<")) => "<<",
            (Tok::Punct(">"), Tok::Punct(">")) => ">>",
            (Tok::Punct(p), _) => *p,
            _ => return None,
        };
        let op = LEVELS.get(level)?.iter().find(|op| **op == found)?;
        self.at += op.len();
        Some(op)
    }

    fn binary(&mut self, level: usize) -> Step<Constant> {
        if level == 6 {
            return self.nested(Self::unary);
        }
        let start = self.span();
        let mut left = self.binary(level + 1)?;
        // `sequence<sequence<long, 4>>`: the `>>` there closes, it does not shift.
        while !(level == 3 && self.is(">") && !self.shifts()) {
            let Some(op) = self.operator(level) else { break };
            let right = self.binary(level + 1)?;
            let span = start.to(self.last_span());
            left = match apply(op, left, right) {
                Ok(value) => value,
                Err(message) => return self.fail(span, message, None),
            };
        }
        Ok(left)
    }

    /// Whether `>>` here is followed by something to shift by.
    fn shifts(&self) -> bool {
        *self.tok_after(1) == Tok::Punct(">")
            && matches!(self.tok_after(2), Tok::Int(_) | Tok::Punct("(" | "-" | "+" | "~"))
    }

    fn unary(&mut self) -> Step<Constant> {
        let start = self.span();
        for op in ["-", "+", "~"] {
            if !self.eat(op) {
                continue;
            }
            let value = self.nested(Self::unary)?;
            let result = match (op, value) {
                ("+", v @ (Constant::Int(_) | Constant::Float(_))) => Some(v),
                ("-", Constant::Int(v)) => v.checked_neg().map(Constant::Int),
                ("-", Constant::Float(v)) => Some(Constant::Float(-v)),
                ("~", Constant::Int(v)) => Some(Constant::Int(!v)),
                _ => None,
            };
            let span = start.to(self.last_span());
            return match result {
                Some(value) => Ok(value),
                None => self.fail(span, format!("`{op}` needs a number"), None),
            };
        }
        self.primary()
    }

    fn primary(&mut self) -> Step<Constant> {
        let span = self.span();
        let value = match self.tok().clone() {
            Tok::Int(v) => Constant::Int(v),
            Tok::Float(v) => Constant::Float(v),
            Tok::Char(c) => Constant::Char(c),
            Tok::Text(first) => {
                // Neighbouring literals are one.
                let mut text = first.to_string();
                while let Tok::Text(more) = self.tok_after(1).clone() {
                    text.push_str(&more);
                    self.step();
                }
                Constant::Text(text)
            }
            Tok::Ident(word) if &*word == "TRUE" => Constant::Bool(true),
            Tok::Ident(word) if &*word == "FALSE" => Constant::Bool(false),
            Tok::Punct("(") => {
                self.step();
                let value = self.nested(Self::expression)?;
                self.expect(")")?;
                return Ok(value);
            }
            Tok::Ident(_) | Tok::Punct("::") => return self.named_constant(),
            _ => {
                let found = self.describe();
                return self.fail(span, format!("expected a value, found {found}"), None);
            }
        };
        self.step();
        Ok(value)
    }

    fn named_constant(&mut self) -> Step<Constant> {
        let (name, span) = self.scoped_name("a constant")?;
        match self.lookup(&name) {
            Some((_, Symbol::Constant(value))) => return Ok(value),
            Some((full, _)) => {
                return self.fail(span, format!("`{full}` is not a constant"), None);
            }
            None => {}
        }
        // `Color::RED` names a literal by its enumeration.
        if let Some((of, literal)) = name.rsplit_once("::")
            && let Some((of, Symbol::Type)) = self.lookup(of)
            && let Some(Definition::Enum { literals, .. }) = self.definition_of(&of)
            && let Some((name, value)) = literals.iter().find(|(n, _)| n == literal)
        {
            let (name, value) = (name.clone(), *value);
            return Ok(Constant::Literal { of, name, value });
        }
        let mut names: Vec<_> = self
            .symbols
            .iter()
            .filter(|(_, s)| matches!(s, Symbol::Constant(_)))
            .map(|(n, _)| n.rsplit("::").next().unwrap_or(n))
            .chain(["TRUE", "FALSE"])
            .collect();
        names.sort_unstable();
        let help = Self::did_you_mean(&name, names);
        self.fail(span, format!("unknown constant `{name}`"), help)
    }

    /// Checks and converts a value to a type; `span` is where it stands.
    pub fn convert(&mut self, value: Constant, ty: &TypeRef, span: Span) -> Step<Constant> {
        let found = describe(&value);
        let expected = match (ty, &value) {
            (TypeRef::Primitive(Primitive::F32 | Primitive::F64), Constant::Int(v)) => {
                return Ok(Constant::Float(*v as f64));
            }
            (TypeRef::Primitive(Primitive::F32 | Primitive::F64), Constant::Float(_)) => {
                return Ok(value);
            }
            (TypeRef::Primitive(Primitive::Bool), Constant::Bool(_)) => return Ok(value),
            (TypeRef::Primitive(Primitive::Bool), Constant::Int(v @ (0 | 1))) => {
                return Ok(Constant::Bool(*v == 1));
            }
            (TypeRef::Primitive(Primitive::Char | Primitive::WChar), Constant::Char(_)) => {
                return Ok(value);
            }
            (TypeRef::Primitive(p), Constant::Int(v)) => match range(*p) {
                Some((low, high)) if (low..=high).contains(v) => return Ok(value),
                Some((low, high)) => format!("a number between {low} and {high}"),
                None => "another kind of value".into(),
            },
            (TypeRef::String { bound } | TypeRef::WString { bound }, Constant::Text(text)) => {
                match bound {
                    Some(bound) if text.len() > *bound as usize => {
                        format!("at most {bound} characters")
                    }
                    _ => return Ok(value),
                }
            }
            (TypeRef::Named(name), Constant::Literal { of, .. }) if name == of => {
                return Ok(value);
            }
            (TypeRef::Named(name), Constant::Int(v)) => match self.definition_of(name) {
                Some(Definition::Bitmask { bit_bound, .. }) => {
                    if *v >= 0 && (*bit_bound >= 127 || *v < 1i128 << *bit_bound) {
                        return Ok(value);
                    }
                    format!("{bit_bound} bits")
                }
                _ => format!("a literal of `{name}`"),
            },
            (TypeRef::Named(name), _) => format!("a value of `{name}`"),
            (TypeRef::Sequence { .. } | TypeRef::Array { .. }, _) => "no value".into(),
            (TypeRef::String { .. } | TypeRef::WString { .. }, _) => "a string".into(),
            (TypeRef::Primitive(Primitive::Bool), _) => "TRUE or FALSE".into(),
            (TypeRef::Primitive(Primitive::Char | Primitive::WChar), _) => "a character".into(),
            (TypeRef::Primitive(_), _) => "a number".into(),
        };
        self.fail(span, format!("expected {expected}, found {found}"), None)
    }
}

/// Lowest and highest value of an integer type.
pub(crate) fn range(p: Primitive) -> Option<(i128, i128)> {
    Some(match p {
        Primitive::U8 | Primitive::Octet => (0, u8::MAX.into()),
        Primitive::I8 => (i8::MIN.into(), i8::MAX.into()),
        Primitive::I16 => (i16::MIN.into(), i16::MAX.into()),
        Primitive::U16 => (0, u16::MAX.into()),
        Primitive::I32 => (i32::MIN.into(), i32::MAX.into()),
        Primitive::U32 => (0, u32::MAX.into()),
        Primitive::I64 => (i64::MIN.into(), i64::MAX.into()),
        Primitive::U64 => (0, u64::MAX.into()),
        _ => return None,
    })
}

fn describe(value: &Constant) -> String {
    match value {
        Constant::Int(v) => v.to_string(),
        Constant::Float(v) => v.to_string(),
        Constant::Bool(v) => if *v { "TRUE" } else { "FALSE" }.to_owned(),
        Constant::Text(text) => format!("{text:?}"),
        Constant::Char(c) => format!("{c:?}"),
        Constant::Literal { of, name, .. } => format!("`{of}::{name}`"),
    }
}

fn apply(op: &str, left: Constant, right: Constant) -> Result<Constant, String> {
    use Constant::{Float, Int};
    let value = match (op, left, right) {
        (_, Int(a), Int(b)) => {
            let shift = u32::try_from(b).ok().filter(|b| *b < 64);
            let value = match op {
                "|" => Some(a | b),
                "^" => Some(a ^ b),
                "&" => Some(a & b),
                "<<" => shift.and_then(|b| a.checked_mul(1i128 << b)),
                ">>" => shift.map(|b| a >> b),
                "+" => a.checked_add(b),
                "-" => a.checked_sub(b),
                "*" => a.checked_mul(b),
                "/" => a.checked_div(b),
                _ => a.checked_rem(b),
            };
            let big = |v: &i128| v.unsigned_abs() < 1 << 100;
            Int(value.filter(big).ok_or_else(|| format!("`{a} {op} {b}` has no value"))?)
        }
        (_, a @ (Int(_) | Float(_)), b @ (Int(_) | Float(_))) => {
            let number = |c| match c {
                Int(v) => v as f64,
                Float(v) => v,
                _ => 0.0,
            };
            let (a, b) = (number(a), number(b));
            Float(match op {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                _ => return Err(format!("`{op}` needs integers")),
            })
        }
        _ => return Err(format!("`{op}` needs numbers")),
    };
    Ok(value)
}
