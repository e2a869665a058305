//! Types by name, from IDL, from `.msg` files, from recordings.
//!
//! ```
//! use tidewire_idl::TypeRegistry;
//!
//! let mut types = TypeRegistry::new();
//! types.add_str("plant.idl", "module plant { struct Tank { @key string name; double level; }; };")?;
//! assert!(types.get("plant::Tank").is_some());
//!
//! let error = types.add_str("bad.idl", "struct Pump { flot speed; };").unwrap_err();
//! assert_eq!(error.to_string(), "\
//! error: unknown type `flot`
//!  --> bad.idl:1:15
//!   |
//! 1 | struct Pump { flot speed; };
//!   |               ^^^^
//!   = help: did you mean `float`?");
//! # Ok::<(), tidewire_idl::IdlError>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::descriptor::{Definition, TypeHandle};
use crate::error::{Diagnostic, Diagnostics, IdlError};
use crate::parse::{self, Context, Parsed};

/// Directories nested deeper than this are not searched for types.
const MAX_DIR_DEPTH: usize = 32;

/// A set of types that may refer to each other.
#[derive(Clone, Debug, Default)]
pub struct TypeRegistry {
    types: BTreeMap<String, Definition>,
    nested: BTreeSet<String>,
    inexact: BTreeSet<String>,
    /// Structs and unions that refer to something not here yet.
    incomplete: BTreeSet<String>,
    include_dirs: Vec<PathBuf>,
    handles: BTreeMap<String, TypeHandle>,
    /// May be defined anew.
    shipped: BTreeSet<String>,
}

impl TypeRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory to search for `#include`.
    pub fn include_dir(&mut self, dir: impl Into<PathBuf>) -> &mut Self {
        self.include_dirs.push(dir.into());
        self
    }

    /// Adds the types of an IDL text, or of a ROS 2 message if `name` ends in `.msg` (then
    /// `package/msg/Name.msg`). `name` stands in error messages, and quoted includes are searched
    /// beside it.
    ///
    /// # Errors
    /// Wrong IDL, every place with its remedy; a type that is already defined differently. The
    /// registry is then as before.
    pub fn add_str(&mut self, name: &str, text: &str) -> Result<(), IdlError> {
        let parsed = self.parse(Path::new(name), text)?;
        self.merge(parsed, name)
    }

    /// Adds the types of an `.idl` or `.msg` file and of the files it includes.
    ///
    /// # Errors
    /// As [`Self::add_str`], and a file that cannot be read.
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Result<(), IdlError> {
        let path = path.as_ref();
        let text = read(path)?;
        let parsed = self.parse(path, &text)?;
        self.merge(parsed, &path.display().to_string())
    }

    /// Adds all `*.idl` and `*.msg` files of a directory and those below it; the directory is also
    /// searched for includes. Messages may refer to each other in any order.
    ///
    /// # Errors
    /// As [`Self::add_file`]; messages that refer to messages not found.
    pub fn add_dir(&mut self, dir: impl AsRef<Path>) -> Result<(), IdlError> {
        let dir = dir.as_ref();
        let mut files = Vec::new();
        collect(dir, 0, &mut files)?;
        files.sort();
        if !self.include_dirs.iter().any(|d| d == dir) {
            self.include_dirs.push(dir.to_owned());
        }
        let mut problems = Vec::new();
        for file in &files {
            match self.add_file(file) {
                Err(IdlError::Source(Diagnostics(more))) => problems.extend(more),
                other => other?,
            }
        }
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "msg")) {
            problems.extend(self.missing_parts(file)?);
        }
        match problems.is_empty() {
            true => Ok(()),
            false => {
                problems.truncate(Diagnostics::MAX);
                Err(IdlError::Source(Diagnostics(problems)))
            }
        }
    }

    /// Adds a type made elsewhere, a recording's for example, with all it refers to. Definitions
    /// already here are replaced.
    pub fn insert(&mut self, handle: TypeHandle) {
        for (name, definition) in &handle.types {
            self.types.insert(name.clone(), definition.clone());
        }
        self.nested.remove(&handle.name);
        self.inexact.retain(|name| !handle.types.contains_key(name));
        self.inexact.extend(handle.inexact.iter().cloned());
        // What was defined differently before may be part of anything.
        self.handles.clear();
        self.complete(self.types.keys().cloned().collect());
    }

    /// A struct or union by its DDS type name: `a::b::C`, `a/b/C`, or ROS's `a::msg::dds_::C_` by
    /// `a/msg/C` too. `None` if there is none or something it refers to is missing.
    pub fn get(&self, type_name: &str) -> Option<TypeHandle> {
        if let Some(handle) = self.handles.get(type_name) {
            return Some(handle.clone());
        }
        let name = type_name.trim_start_matches("::").replace(['/', '.'], "::");
        if let Some(handle) = self.handles.get(&name) {
            return Some(handle.clone());
        }
        // ROS decorates names on the wire.
        let parts: Vec<_> = name.split("::").collect();
        let other = match parts.as_slice() {
            [package, "msg", "dds_", name] => {
                [*package, "msg", name.strip_suffix('_').unwrap_or(name)].join("::")
            }
            [package, "msg", name] | [package, name] => parse::ros_name(package, name),
            _ => return None,
        };
        self.handles.get(&other).cloned()
    }

    /// Names of the types that can be topics (structs and unions not `@nested`), sorted.
    pub fn names(&self) -> Vec<String> {
        self.handles.keys().filter(|n| !self.nested.contains(*n)).cloned().collect()
    }

    /// Lets later definitions replace those that are here now, instead of being a conflict: shipped
    /// types step back before a user's own of the same name.
    ///
    /// ```
    /// use tidewire_idl::TypeRegistry;
    ///
    /// let mut types = TypeRegistry::new();
    /// types.add_str("ours.idl", "struct Range { float range; };")?;
    /// types.may_be_replaced();
    /// types.add_str("yours.idl", "struct Range { float range; float variance; };")?;
    /// assert!(types.add_str("third.idl", "struct Range { double range; };").is_err());
    /// # Ok::<(), tidewire_idl::IdlError>(())
    /// ```
    pub fn may_be_replaced(&mut self) {
        self.shipped = self.types.keys().cloned().collect();
    }

    fn parse(&self, path: &Path, text: &str) -> Result<Parsed, IdlError> {
        if path.extension().is_some_and(|e| e == "msg") {
            return parse::msg(path, text);
        }
        let context = Context { include_dirs: &self.include_dirs, known: &self.types };
        parse::idl(path, text, &context)
    }

    fn merge(&mut self, parsed: Parsed, file: &str) -> Result<(), IdlError> {
        let differs =
            |name: &String, new: &Definition| self.types.get(name).is_some_and(|o| o != new);
        let mut replaced = Vec::new();
        for (name, definition) in &parsed.types {
            match differs(name, definition) {
                true if self.shipped.contains(name) => replaced.push(name.clone()),
                true => {
                    return Err(IdlError::Conflict { name: name.clone(), file: file.to_owned() });
                }
                false => {}
            }
        }
        let mut new: BTreeSet<String> = parsed.types.keys().cloned().collect();
        for name in &new {
            // From now on it is the user's.
            self.shipped.remove(name);
        }
        for name in &replaced {
            self.nested.remove(name);
            self.inexact.remove(name);
        }
        self.types.extend(parsed.types);
        self.nested.extend(parsed.nested);
        self.inexact.extend(parsed.inexact);
        if !replaced.is_empty() {
            // They may be part of anything.
            self.handles.clear();
            new = self.types.keys().cloned().collect();
        }
        self.complete(new);
        Ok(())
    }

    /// Makes the handles of new types, and of old ones that become complete by them.
    fn complete(&mut self, mut names: BTreeSet<String>) {
        names.append(&mut self.incomplete);
        for name in names {
            let definition = self.types.get(&name);
            if !matches!(definition, Some(Definition::Struct { .. } | Definition::Union { .. })) {
                continue;
            }
            match parse::reachable(&name, &self.types, &BTreeMap::new(), &self.inexact) {
                // A handle that did not change stays the same allocation.
                Some(made) if self.handles.get(&name).is_some_and(|old| **old == made) => {}
                Some(made) => drop(self.handles.insert(name, Arc::new(made))),
                None => drop(self.incomplete.insert(name)),
            }
        }
    }

    /// What a message file's type refers to that is not here.
    fn missing_parts(&self, file: &Path) -> Result<Vec<Diagnostic>, IdlError> {
        let text = read(file)?;
        let Ok(parsed) = parse::msg(file, &text) else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for definition in parsed.types.values() {
            for part in parse::parts(definition) {
                if self.types.contains_key(part) {
                    continue;
                }
                let short = part.replace("::msg::dds_::", "/");
                let short = short.trim_end_matches('_');
                let last = short.rsplit('/').next().unwrap_or(short);
                let found = text.lines().enumerate().find(|(_, l)| l.contains(last));
                let (line, source_line) = found.unwrap_or((0, ""));
                out.push(Diagnostic {
                    file: file.display().to_string(),
                    line: line + 1,
                    column: 1,
                    length: source_line.split_whitespace().next().map_or(1, str::len),
                    message: format!("message `{short}` is not here"),
                    source_line: source_line.to_owned(),
                    help: Some(format!("add `{}.msg`", short.replace('/', "/msg/"))),
                });
            }
        }
        Ok(out)
    }
}

fn read(path: &Path) -> Result<String, IdlError> {
    let bytes =
        std::fs::read(path).map_err(|source| IdlError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()))
}

fn collect(dir: &Path, depth: usize, out: &mut Vec<PathBuf>) -> Result<(), IdlError> {
    let fail = |source| IdlError::Read { path: dir.to_owned(), source };
    if depth > MAX_DIR_DEPTH {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            collect(&path, depth + 1, out)?;
        } else if path.extension().is_some_and(|e| e == "idl" || e == "msg") {
            out.push(path);
        }
    }
    Ok(())
}
