//! `tidewire idl`: are these types right, and what are they?

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;
use tidewire_idl::TypeRegistry;

use super::failure::{Remedy, Told};
use super::output;

/// `tidewire idl`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check IDL and ROS 2 .msg files
    #[command(
        after_help = "Example:\n  tidewire idl check types/\n\nExit code 1 with file:line:column for each error."
    )]
    Check {
        /// Files or folders
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Print a type, shipped or from --types
    #[command(
        after_help = "Examples:\n  tidewire idl print\n  tidewire idl print tidewire::sensor::Vibration\n  \
                            tidewire idl print skab::Row --types examples/skab --json"
    )]
    Print {
        /// Scoped name; without one, all names
        name: Option<String>,
        /// Folder with IDL; may be given again
        #[arg(long, value_name = "DIR")]
        types: Vec<PathBuf>,
    },
}

/// Runs the subcommand.
pub fn run(command: &Command, json: bool) -> anyhow::Result<()> {
    match command {
        Command::Check { paths } => check(paths, json),
        Command::Print { name, types } => print(name.as_deref(), types, json),
    }
}

fn check(paths: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let mut results = Vec::new();
    let mut failed = false;
    for path in paths {
        let mut registry = TypeRegistry::new();
        let outcome = if path.is_dir() { registry.add_dir(path) } else { registry.add_file(path) };
        let types: Vec<String> =
            registry.names().into_iter().map(|name| name.to_string()).collect();
        let error = outcome.err().map(|e| e.to_string());
        failed |= error.is_some();
        if !json {
            match &error {
                Some(error) => output::note(error),
                None => output::say(&format!("{}: fine, {} types", path.display(), types.len())),
            }
        }
        results
            .push(json!({ "path": path, "ok": error.is_none(), "types": types, "error": error }));
    }
    if json {
        output::json(&results)?;
    }
    if failed { Err(Told.into()) } else { Ok(()) }
}

fn print(name: Option<&str>, types: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let registry = super::bus::registry(types)?;
    let Some(name) = name else {
        let mut names: Vec<String> =
            registry.names().into_iter().map(|name| name.to_string()).collect();
        names.sort();
        if json {
            return output::json(&names);
        }
        names.iter().for_each(|name| output::say(name));
        return Ok(());
    };
    let desc = registry.get(name).with_context(|| format!("no type `{name}`")).remedy(
        "`tidewire idl print` lists the names; give the folder of other types with --types",
    )?;
    if json {
        return output::json(&*desc);
    }
    output::print(&describe(&desc));
    Ok(())
}

/// The type and its members, one per line.
pub fn describe(desc: &tidewire_idl::TypeDescriptor) -> String {
    use tidewire_idl::Definition;
    let mut text = String::new();
    for (name, definition) in &desc.types {
        match definition {
            Definition::Struct { extensibility, base, members } => {
                let base = base.as_ref().map_or_else(String::new, |b| format!(" : {b}"));
                text.push_str(&format!(
                    "struct {name}{base} ({})\n",
                    format!("{extensibility:?}").to_lowercase()
                ));
                for m in members {
                    text.push_str(&format!("  {}\n", member(m)));
                }
            }
            Definition::Union { discriminator, cases, .. } => {
                text.push_str(&format!("union {name} switch {}\n", type_text(discriminator)));
                for case in cases {
                    let labels: Vec<_> = case.labels.iter().map(ToString::to_string).collect();
                    let labels =
                        if case.is_default { "default".to_owned() } else { labels.join(", ") };
                    text.push_str(&format!("  {labels}: {}\n", member(&case.member)));
                }
            }
            Definition::Enum { literals, .. } => {
                text.push_str(&format!("enum {name}\n"));
                literals.iter().for_each(|(literal, value)| {
                    text.push_str(&format!("  {literal} = {value}\n"))
                });
            }
            Definition::Bitmask { flags, .. } => {
                text.push_str(&format!("bitmask {name}\n"));
                flags
                    .iter()
                    .for_each(|(flag, bit)| text.push_str(&format!("  {flag} @ bit {bit}\n")));
            }
        }
    }
    text
}

fn member(m: &tidewire_idl::Member) -> String {
    let key = if m.key { "@key " } else { "" };
    let optional = if m.optional { "@optional " } else { "" };
    let unit = m.unit.as_ref().map_or_else(String::new, |unit| format!("  [{unit}]"));
    format!("{key}{optional}{} {}{unit}", type_text(&m.ty), m.name)
}

fn type_text(ty: &tidewire_idl::TypeRef) -> String {
    use tidewire_idl::TypeRef;
    let bounded = |name: &str, bound: &Option<u32>| {
        bound.map_or_else(|| name.to_owned(), |b| format!("{name}<{b}>"))
    };
    match ty {
        TypeRef::Primitive(p) => format!("{p:?}").to_lowercase(),
        TypeRef::String { bound } => bounded("string", bound),
        TypeRef::WString { bound } => bounded("wstring", bound),
        TypeRef::Sequence { element, bound } => match bound {
            Some(bound) => format!("sequence<{}, {bound}>", type_text(element)),
            None => format!("sequence<{}>", type_text(element)),
        },
        TypeRef::Array { element, dims } => {
            let dims: String = dims.iter().map(|d| format!("[{d}]")).collect();
            format!("{}{dims}", type_text(element))
        }
        TypeRef::Named(name) => name.clone(),
    }
}
