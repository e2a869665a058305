//! Uses of types: `sequence<double, 3>`, `string<63>`, `geometry::Point`.

use super::cursor::{Parser, Step};
use super::lex::Tok;
use super::scope::Symbol;
use super::source::Span;
use crate::descriptor::{Primitive, TypeRef};

/// What no data type may use here, and what to use instead.
fn unsupported(word: &str) -> Option<&'static str> {
    Some(match word {
        "fixed" => "use `double`, or an integer and a scale",
        "any" => "use a union of the types it may hold",
        "map" => "use a sequence of structs with a key and a value",
        "Object" | "ValueBase" | "interface" | "valuetype" => "only data types are supported",
        "bitset" => "use a bitmask, or integers",
        "void" => "a member has a type",
        _ => return None,
    })
}

impl Parser<'_> {
    /// Any type; typedefs are resolved.
    pub fn type_spec(&mut self) -> Step<TypeRef> {
        self.nested(Self::type_spec_inner)
    }

    fn type_spec_inner(&mut self) -> Step<TypeRef> {
        // Annotations on element types (`@external`) change nothing on the wire.
        if self.is("@") {
            self.annotations()?;
        }
        let span = self.span();
        let Tok::Ident(word) = self.tok().clone() else {
            if self.is("::") {
                return self.named_type();
            }
            let found = self.describe();
            return self.fail(span, format!("expected a type, found {found}"), None);
        };
        use Primitive as P;
        let primitive = match &*word {
            "boolean" => P::Bool,
            "octet" => P::Octet,
            "uint8" => P::U8,
            "int8" => P::I8,
            "short" | "int16" => P::I16,
            "uint16" => P::U16,
            "int32" => P::I32,
            "uint32" => P::U32,
            "int64" => P::I64,
            "uint64" => P::U64,
            "float" => P::F32,
            "double" => P::F64,
            "char" => P::Char,
            "wchar" => P::WChar,
            "long" => {
                self.step();
                if self.eat_word("long") {
                    return Ok(TypeRef::Primitive(P::I64));
                }
                if self.is_word("double") {
                    let whole = span.to(self.span());
                    let help = Some("use `double`".to_owned());
                    return self.fail(whole, "`long double` is not supported", help);
                }
                return Ok(TypeRef::Primitive(P::I32));
            }
            "unsigned" => {
                self.step();
                if self.eat_word("short") {
                    return Ok(TypeRef::Primitive(P::U16));
                }
                if self.eat_word("long") {
                    let wide = self.eat_word("long");
                    return Ok(TypeRef::Primitive(if wide { P::U64 } else { P::U32 }));
                }
                let found = self.describe();
                let message = format!("expected `short` or `long` after `unsigned`, found {found}");
                let span = self.span();
                return self.fail(span, message, Some("`octet` is the unsigned byte".into()));
            }
            "string" | "wstring" => {
                self.step();
                let mut bound = None;
                if self.eat("<") {
                    bound = Some(self.positive("a string's bound")?);
                    self.expect(">")?;
                }
                return Ok(match &*word {
                    "string" => TypeRef::String { bound },
                    _ => TypeRef::WString { bound },
                });
            }
            "sequence" => {
                self.step();
                self.expect("<")?;
                let element = Box::new(self.type_spec()?);
                let mut bound = None;
                if self.eat(",") {
                    bound = Some(self.positive("a sequence's bound")?);
                }
                self.expect(">")?;
                return Ok(TypeRef::Sequence { element, bound });
            }
            "struct" | "union" | "enum" | "bitmask" => {
                let message = format!("a `{word}` cannot be defined inside another type");
                let help = Some("define it before, and use its name here".to_owned());
                return self.fail(span, message, help);
            }
            other => {
                if let Some(help) = unsupported(other) {
                    let message = format!("`{other}` is not supported");
                    return self.fail(span, message, Some(help.into()));
                }
                return self.named_type();
            }
        };
        self.step();
        Ok(TypeRef::Primitive(primitive))
    }

    fn named_type(&mut self) -> Step<TypeRef> {
        let (name, span) = self.scoped_name("a type")?;
        match self.lookup(&name) {
            Some((full, Symbol::Type | Symbol::Forward(_))) => Ok(TypeRef::Named(full)),
            Some((_, Symbol::Typedef(ty))) => {
                self.aliased = true;
                Ok(ty)
            }
            Some((full, Symbol::Module)) => {
                let help = Some(format!("write `{full}::Name`"));
                self.fail(span, format!("`{name}` is a module, not a type"), help)
            }
            Some((_, Symbol::Constant(_))) => {
                self.fail(span, format!("`{name}` is a constant, not a type"), None)
            }
            None => {
                let help = self.suggest_type(&name);
                self.fail(span, format!("unknown type `{name}`"), help)
            }
        }
    }

    /// A constant expression that must be a positive 32-bit number.
    pub fn positive(&mut self, what: &str) -> Step<u32> {
        let start = self.span();
        let value = self.expression()?;
        let span = start.to(self.last_span());
        match value {
            super::Constant::Int(v) if (1..=i128::from(u32::MAX)).contains(&v) => Ok(v as u32),
            _ => {
                let help = Some("write a number between 1 and 4294967295".to_owned());
                self.fail(span, format!("{what} must be a positive number"), help)
            }
        }
    }

    /// A name and its array dimensions.
    pub fn declarator(&mut self, what: &str, ty: TypeRef) -> Step<(String, Span, TypeRef)> {
        let (name, span) = self.identifier(what)?;
        let mut dims = Vec::new();
        while self.eat("[") {
            dims.push(self.positive("an array's dimension")?);
            self.expect("]")?;
            if dims.len() > super::cursor::MAX_NESTING {
                return self.fail(span, "too many dimensions", None);
            }
        }
        let ty = match dims.is_empty() {
            true => ty,
            false => TypeRef::Array { element: Box::new(ty), dims },
        };
        Ok((name.to_string(), span, ty))
    }
}
