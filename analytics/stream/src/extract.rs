//! From payload bytes to numeric fields, by the type's flat columns.
//!
//! ```
//! use tidewire_idl::TypeRegistry;
//! use tidewire_stream::Extractor;
//!
//! let mut types = TypeRegistry::new();
//! let idl = "@final struct Flow { @key string point; float rate; double level; };";
//! types.add_str("pump.idl", idl)?;
//! let flow = types.get("Flow").ok_or("Flow is declared above")?;
//! let all = Extractor::new(&flow, None)?;
//! assert_eq!(all.fields(), ["rate", "level"]);
//! assert!(Extractor::new(&flow, Some(&["pressure".to_string()])).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt::Write;

use tidewire_idl::{ColumnSink, ColumnType, Columns, TypeHandle};

use crate::StreamError;

/// Reads chosen numeric fields and the sub-series key out of payloads of one type.
///
/// Integers, floats and booleans are numeric; text, JSON and byte columns are not. Key fields are
/// never values: `point` names the collection point and the others make the sub-series.
pub struct Extractor {
    type_name: String,
    columns: Columns,
    fields: Vec<String>,
    roles: Vec<Role>,
    sink: Sink,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Skip,
    Point,
    Group,
    Value(usize),
}

/// What one payload held; borrowed until the next read.
#[derive(Debug, PartialEq)]
pub struct Extracted<'a> {
    /// Value of the key field `point`, where the type has one.
    pub point: Option<&'a str>,
    /// Values of the key fields other than `point`, joined by `/`.
    pub group: &'a str,
    /// One value per field; NaN where the payload has none.
    pub values: &'a [f64],
}

impl Extractor {
    /// Chooses fields of a type: `None` takes every numeric one; a name takes that column or, for a
    /// struct or an array, all columns below it (`position` takes `position[0]`, `position[1]`,
    /// ...).
    ///
    /// # Errors
    /// When a name matches no numeric column, or when the type has none at all.
    pub fn new(ty: &TypeHandle, fields: Option<&[String]>) -> Result<Self, StreamError> {
        let columns = Columns::new(ty);
        let numeric: Vec<(usize, &str)> = columns
            .columns()
            .iter()
            .enumerate()
            .filter(|(_, c)| !c.key && is_numeric(c.ty))
            .map(|(i, c)| (i, c.name.as_str()))
            .collect();
        let known = || numeric.iter().map(|(_, n)| n.to_string()).collect::<Vec<_>>();
        let mut chosen: Vec<(usize, String)> = Vec::new();
        match fields {
            None => chosen.extend(numeric.iter().map(|(i, n)| (*i, n.to_string()))),
            Some(names) => {
                for name in names {
                    let before = chosen.len();
                    for (i, column) in &numeric {
                        if is_at_or_below(column, name) && !chosen.iter().any(|(c, _)| c == i) {
                            chosen.push((*i, column.to_string()));
                        }
                    }
                    if chosen.len() == before {
                        return Err(StreamError::UnknownField {
                            type_name: ty.name.clone(),
                            field: name.clone(),
                            known: known(),
                        });
                    }
                }
            }
        }
        if chosen.is_empty() {
            return Err(StreamError::NoNumericField { type_name: ty.name.clone() });
        }
        let mut roles = vec![Role::Skip; columns.columns().len()];
        for (i, column) in columns.columns().iter().enumerate() {
            if column.key {
                let text = column.ty == ColumnType::Text;
                roles[i] = if column.name == "point" && text { Role::Point } else { Role::Group };
            }
        }
        for (slot, (i, _)) in chosen.iter().enumerate() {
            roles[*i] = Role::Value(slot);
        }
        let fields: Vec<String> = chosen.into_iter().map(|(_, name)| name).collect();
        let sink = Sink {
            roles: roles.clone(),
            values: vec![f64::NAN; fields.len()],
            point: String::new(),
            group: String::new(),
        };
        Ok(Self { type_name: ty.name.clone(), columns, fields, roles, sink })
    }

    /// The type's name, as DDS writes it.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The chosen columns, in the order of a row's values.
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// The type has key fields beside `point`, so that a topic holds several series per point.
    pub fn is_grouped(&self) -> bool {
        self.roles.contains(&Role::Group)
    }

    /// Reads one payload (CDR with its encapsulation header).
    ///
    /// # Errors
    /// When the payload does not decode as the type.
    pub fn read(&mut self, payload: &[u8]) -> Result<Extracted<'_>, StreamError> {
        self.sink.point.clear();
        self.sink.group.clear();
        self.sink.values.fill(f64::NAN);
        self.columns.read(payload, &mut self.sink).map_err(|e| StreamError::Decode {
            type_name: self.type_name.clone(),
            reason: e.to_string(),
        })?;
        let point = self.roles.contains(&Role::Point).then_some(self.sink.point.as_str());
        Ok(Extracted { point, group: &self.sink.group, values: &self.sink.values })
    }
}

fn is_numeric(ty: ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Bool | ColumnType::I64 | ColumnType::U64 | ColumnType::F32 | ColumnType::F64
    )
}

fn is_at_or_below(column: &str, name: &str) -> bool {
    column
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with('['))
}

struct Sink {
    roles: Vec<Role>,
    values: Vec<f64>,
    point: String,
    group: String,
}

impl Sink {
    fn number(&mut self, col: usize, v: f64) {
        match self.roles[col] {
            Role::Value(slot) => self.values[slot] = v,
            Role::Group => self.key(&v),
            Role::Skip | Role::Point => {}
        }
    }

    fn key(&mut self, part: &dyn std::fmt::Display) {
        if !self.group.is_empty() {
            self.group.push('/');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.group, "{part}");
    }
}

impl ColumnSink for Sink {
    fn null(&mut self, _col: usize) {}

    fn bool(&mut self, col: usize, v: bool) {
        self.number(col, f64::from(u8::from(v)));
    }

    fn i64(&mut self, col: usize, v: i64) {
        self.number(col, v as f64);
    }

    fn u64(&mut self, col: usize, v: u64) {
        self.number(col, v as f64);
    }

    fn f32(&mut self, col: usize, v: f32) {
        self.number(col, f64::from(v));
    }

    fn f64(&mut self, col: usize, v: f64) {
        self.number(col, v);
    }

    fn text(&mut self, col: usize, v: &str) {
        match self.roles[col] {
            Role::Point => self.point.push_str(v),
            Role::Group => self.key(&v),
            Role::Skip | Role::Value(_) => {}
        }
    }

    fn bytes(&mut self, _col: usize, _v: &[u8]) {}
}
