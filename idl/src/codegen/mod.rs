//! IDL to Rust, in build scripts.
//!
//! ```no_run
//! // build.rs
//! tidewire_idl::codegen::Builder::new().file("idl/plant.idl").compile()?;
//! # Ok::<(), tidewire_idl::IdlError>(())
//! ```
//!
//! writes `$OUT_DIR/idl.rs`, which a module of the crate includes:
//!
//! ```text
//! mod generated {
//!     #![allow(clippy::all, clippy::pedantic, dead_code, unused_imports)]
//!     include!(concat!(env!("OUT_DIR"), "/idl.rs"));
//! }
//! pub use generated::plant;
//! ```
//!
//! A struct becomes a struct with the same member names, an enumeration an enum (`UNDER_WAY` is
//! `State::UnderWay`, and `State::UNDER_WAY` too), a union an enum with a variant per member, a
//! bitmask a number with constants, strings `String`, sequences `Vec`, arrays arrays, optional
//! members `Option`. All implement [`crate::CdrType`]; structs and unions
//! [`crate::TypeSupport`], those without strings, padding and the like [`crate::PlainCdr`].

mod name;
mod scalar;
mod structs;
mod tree;
mod types;
mod unions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::descriptor::Definition;
use crate::error::IdlError;
use crate::parse::{self, Constant, Context, Parsed};

/// Generates Rust from IDL files; see the module's page.
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    files: Vec<PathBuf>,
    include_dirs: Vec<PathBuf>,
    out_dir: Option<PathBuf>,
    output: String,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            include_dirs: Vec::new(),
            out_dir: None,
            output: "idl.rs".to_owned(),
        }
    }
}

impl Builder {
    /// Without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `.idl` or `.msg` file, relative to the working directory: in a build script, the
    /// crate's own.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// Adds a directory to search for `#include`.
    pub fn include_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.include_dirs.push(dir.into());
        self
    }

    /// Where to write; `OUT_DIR` if not given.
    pub fn out_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(dir.into());
        self
    }

    /// Name of the file to write; `idl.rs` if not given.
    pub fn output(mut self, name: impl Into<String>) -> Self {
        self.output = name.into();
        self
    }

    /// Parses all files, writes one Rust file, and tells cargo (on standard output) which files it
    /// depends on.
    ///
    /// # Errors
    /// Files that cannot be read or are wrong, a directory that cannot be written.
    pub fn compile(&self) -> Result<(), IdlError> {
        let dir = match &self.out_dir {
            Some(dir) => dir.clone(),
            None => PathBuf::from(std::env::var_os("OUT_DIR").ok_or(IdlError::NoOutDir)?),
        };
        let (code, read) = self.generate()?;
        for file in read {
            println!("cargo::rerun-if-changed={}", file.display());
        }
        let path = dir.join(&self.output);
        // An unchanged file keeps its time, and whatever depends on it stays built.
        if std::fs::read(&path).is_ok_and(|old| old == code.as_bytes()) {
            return Ok(());
        }
        std::fs::write(&path, code).map_err(|source| IdlError::Write { path, source })
    }

    /// The Rust code and the files it was made from.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn generate(&self) -> Result<(String, Vec<PathBuf>), IdlError> {
        let mut all = Types::default();
        for file in &self.files {
            let read = std::fs::read(file)
                .map_err(|source| IdlError::Read { path: file.clone(), source })?;
            let text = String::from_utf8_lossy(&read);
            let parsed = all.parse(file, &text, &self.include_dirs)?;
            all.add(parsed, file)?;
        }
        let files = all.files.iter().cloned().collect();
        Ok((tree::render(&all)?, files))
    }
}

/// Everything to generate.
#[derive(Debug, Default)]
pub(crate) struct Types {
    pub types: BTreeMap<String, Definition>,
    pub inexact: BTreeSet<String>,
    pub docs: BTreeMap<String, String>,
    pub constants: Vec<(String, crate::descriptor::TypeRef, Constant)>,
    files: BTreeSet<PathBuf>,
}

impl Types {
    fn parse(&self, file: &Path, text: &str, dirs: &[PathBuf]) -> Result<Parsed, IdlError> {
        if file.extension().is_some_and(|e| e == "msg") {
            return parse::msg(file, text);
        }
        parse::idl(file, text, &Context { include_dirs: dirs, known: &self.types })
    }

    fn add(&mut self, parsed: Parsed, file: &Path) -> Result<(), IdlError> {
        self.inexact.extend(parsed.inexact);
        for (name, definition) in parsed.types {
            match self.types.get(&name) {
                Some(known) if *known != definition => {
                    return Err(IdlError::Conflict { name, file: file.display().to_string() });
                }
                _ => drop(self.types.insert(name, definition)),
            }
        }
        self.docs.extend(parsed.docs);
        for constant in parsed.constants {
            if !self.constants.iter().any(|(name, ..)| *name == constant.0) {
                self.constants.push(constant);
            }
        }
        self.files.extend(parsed.files);
        Ok(())
    }
}
