//! Values in expressions and parameters, as the field they are compared with wants them.

use tidewire_idl::cdr::{FieldStep, FieldType};
use tidewire_idl::nearest;

use crate::ast::{Term, TermKind};
use crate::error::Problem;
use crate::lex::{Letter, unescape};
use crate::like::Pattern;
use crate::parse;

/// Enumerators that are named in an error.
const MAX_NAMED: usize = 12;

#[derive(Clone, Debug)]
pub(crate) enum Constant {
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    Pattern(Pattern),
}

/// What a value is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    /// The field as written.
    pub field: String,
    pub ty: FieldType,
    /// It is the pattern of LIKE.
    pub like: bool,
}

impl Expected {
    /// A value of the expression.
    pub fn constant(&self, term: &Term) -> Result<Constant, Problem> {
        if self.like {
            return match &term.kind {
                TermKind::Text(text) => Ok(Constant::Pattern(Pattern::new(&letters(text)))),
                _ => Err(self.mismatch(term, "LIKE compares with a text: LIKE 'a%'")),
            };
        }
        match (&self.ty, &term.kind) {
            (FieldType::Bool, TermKind::Bool(value)) => Ok(Constant::Bool(*value)),
            (FieldType::Bool, _) => Err(self.mismatch(term, "write TRUE or FALSE")),
            (FieldType::F32, TermKind::Float(value)) => {
                // As the type can hold it, so that `x = 0.1` can be true.
                Ok(Constant::Float(f64::from(*value as f32)))
            }
            (FieldType::I64 | FieldType::U64 | FieldType::F64, TermKind::Float(value)) => {
                Ok(Constant::Float(*value))
            }
            (
                FieldType::I64 | FieldType::U64 | FieldType::F32 | FieldType::F64,
                TermKind::Integer(value),
            ) => Ok(Constant::Integer(*value)),
            (FieldType::Text, TermKind::Text(text)) => Ok(Constant::Text(plain(text))),
            (FieldType::Char, TermKind::Text(text)) => match letters(text).as_slice() {
                [one] => Ok(Constant::Text(one.char.to_string())),
                _ => Err(self.mismatch(term, "write one character: 'x'")),
            },
            (FieldType::Enum { .. }, TermKind::Integer(value)) => Ok(Constant::Integer(*value)),
            (FieldType::Enum { name, literals }, kind) => {
                let (scope, literal) = match kind {
                    TermKind::Text(text) => (&[] as &[String], plain(text)),
                    TermKind::Path(path) => match path.as_slice() {
                        [(FieldStep::Member(name), _)] => (&[] as &[String], name.clone()),
                        _ => return Err(self.mismatch(term, "name one of its enumerators")),
                    },
                    TermKind::Scoped(names) => match names.split_last() {
                        Some((last, scope)) => (scope, last.clone()),
                        None => return Err(self.mismatch(term, "name one of its enumerators")),
                    },
                    _ => return Err(self.mismatch(term, "name one of its enumerators")),
                };
                enumerator(term, name, literals, scope, &literal)
            }
            (FieldType::Text | FieldType::Char, _) => {
                Err(self.mismatch(term, "texts stand in single quotes: 'text'"))
            }
            _ => Err(self.mismatch(term, "write a number without quotes")),
        }
    }

    /// A parameter. For a text it may lack the quotes.
    pub fn parameter(&self, text: &str) -> Result<Constant, Problem> {
        let textual = self.like || matches!(self.ty, FieldType::Text | FieldType::Char);
        if textual && !text.trim_start().starts_with(['\'', '`']) {
            let bare: Vec<Letter> =
                text.chars().map(|char| Letter { char, escaped: false }).collect();
            return match (&self.ty, bare.len()) {
                _ if self.like => Ok(Constant::Pattern(Pattern::new(&bare))),
                (FieldType::Char, count) if count != 1 => {
                    let problem =
                        Problem::new(0..text.len(), format!("`{}` is one character", self.field));
                    Err(problem.help("give one character: x"))
                }
                _ => Ok(Constant::Text(text.to_owned())),
            };
        }
        self.constant(&parse::value(text)?)
    }

    fn mismatch(&self, term: &Term, help: &str) -> Problem {
        let Self { field, ty, .. } = self;
        let found = match &term.kind {
            TermKind::Integer(_) => "an integer",
            TermKind::Float(_) => "a floating point number",
            TermKind::Text(_) => "a text",
            TermKind::Bool(_) => "a boolean",
            TermKind::Scoped(_) => "an enumerator",
            TermKind::Path(_) => "a name",
            TermKind::Parameter(_) => "a parameter",
        };
        let message = format!("`{field}` is {}, this is {found}", describe(ty));
        Problem::new(term.span.clone(), message).help(help)
    }
}

/// A type, for error messages.
pub(crate) fn describe(ty: &FieldType) -> String {
    match ty {
        FieldType::Bool => "a boolean".into(),
        FieldType::I64 | FieldType::U64 => "an integer".into(),
        FieldType::F32 | FieldType::F64 => "a floating point number".into(),
        FieldType::Char => "a character".into(),
        FieldType::Text => "a string".into(),
        FieldType::Enum { name, .. } => format!("an enumeration `{name}`"),
    }
}

fn enumerator(
    term: &Term,
    ty: &str,
    literals: &[(String, i32)],
    scope: &[String],
    literal: &str,
) -> Result<Constant, Problem> {
    if !scope.is_empty() {
        // IDL puts enumerators into the scope around their enumeration; C++ and Rust into itself.
        let written = format!("::{}", scope.join("::"));
        let own = format!("::{ty}");
        let around = own.rsplit_once("::").map_or("", |(around, _)| around);
        if !own.ends_with(&written) && !around.ends_with(&written) {
            let message = format!("`{}` is not the enumeration `{ty}`", scope.join("::"));
            let help = format!("write `{ty}::{literal}`, or `{literal}` alone");
            return Err(Problem::new(term.span.clone(), message).help(help));
        }
    }
    if let Some((_, value)) = literals.iter().find(|(name, _)| name == literal) {
        return Ok(Constant::Integer(i128::from(*value)));
    }
    let names = literals.iter().map(|(name, _)| name.as_str());
    let help = match nearest(literal, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let more = if literals.len() > MAX_NAMED { ", …" } else { "" };
            let shown: Vec<_> = names.take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
            format!("it has {}{more}", shown.join(", "))
        }
    };
    Err(Problem::new(term.span.clone(), format!("`{ty}` has no enumerator `{literal}`")).help(help))
}

/// The lexer has seen that all escapes are known.
fn letters(text: &str) -> Vec<Letter> {
    unescape(text).unwrap_or_default()
}

fn plain(text: &str) -> String {
    letters(text).into_iter().map(|letter| letter.char).collect()
}
