//! Pairs the columns of a header with the members of an IDL struct.
//!
//! ```
//! use tidewire_sim::csv::columns::{member_name, normal};
//!
//! assert_eq!(normal("Volume Flow RateRMS"), normal("volume_flow_rate_rms"));
//! assert_eq!(member_name("Volume Flow RateRMS"), "volume_flow_rate_rms");
//! assert_eq!(member_name("2nd (°C)"), "c_2nd_c");
//! ```

use std::path::Path;

use tidewire_idl::{Definition, Member, TypeDescriptor, TypeRef};

use crate::error::SimError;

/// A name without case and punctuation: what columns and members are compared by.
pub fn normal(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// An IDL member name for a column header.
pub fn member_name(header: &str) -> String {
    let mut name = String::new();
    let mut before = ' ';
    for c in header.chars() {
        if c.is_ascii_alphanumeric() {
            let starts_word =
                c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
            if starts_word || (!before.is_ascii_alphanumeric() && !name.is_empty()) {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "c_");
    }
    name
}

/// The IDL text of a struct with a key `point` and a double for each column.
pub fn idl(module: &str, name: &str, columns: &[String]) -> String {
    let mut text =
        format!("module {module} {{\n  @final\n  struct {name} {{\n    @key string<63> point;\n");
    for column in columns {
        text.push_str(&format!("    double {};\n", member_name(column)));
    }
    text.push_str("  };\n};\n");
    text
}

/// Where a member of the type takes its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The collection point.
    Point,
    /// The column of this index.
    Column(usize),
}

/// For each member of struct `desc`, in order, its name, type and source.
///
/// # Errors
/// [`SimError::Columns`] names every member without a column and every column without a member.
pub fn pair(
    file: &Path,
    desc: &TypeDescriptor,
    columns: &[String],
) -> Result<Vec<(Member, Origin)>, SimError> {
    let wrong = |what: String| SimError::Columns {
        path: file.to_owned(),
        type_name: desc.name.clone(),
        what,
    };
    let Definition::Struct { members, base: None, .. } = desc.root() else {
        return Err(wrong("a row needs a struct without a base".into()));
    };
    let mut used = vec![false; columns.len()];
    let mut pairs = Vec::new();
    let mut lonely = Vec::new();
    for member in members {
        if member.name == "point" && matches!(member.ty, TypeRef::String { .. }) {
            pairs.push((member.clone(), Origin::Point));
            continue;
        }
        if !matches!(member.ty, TypeRef::Primitive(_)) {
            return Err(wrong(format!(
                "member `{}` is no number: rows carry numbers only",
                member.name
            )));
        }
        match columns.iter().position(|c| normal(c) == normal(&member.name)) {
            Some(index) => {
                used[index] = true;
                pairs.push((member.clone(), Origin::Column(index)));
            }
            None => lonely.push(member.name.clone()),
        }
    }
    let left: Vec<_> =
        columns.iter().zip(&used).filter(|(_, used)| !**used).map(|(c, _)| c.clone()).collect();
    if lonely.is_empty() && left.is_empty() {
        return Ok(pairs);
    }
    let mut what = Vec::new();
    if !lonely.is_empty() {
        what.push(format!("no column for member(s) {}", lonely.join(", ")));
    }
    if !left.is_empty() {
        what.push(format!("no member for column(s) {}", left.join(", ")));
    }
    Err(wrong(format!(
        "{}; names match without case and punctuation; list columns that are no sensor values under `labels`",
        what.join("; ")
    )))
}
