//! Checks that need the whole text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Parsed;
use super::cursor::Parser;
use super::scope::Symbol;
use crate::cdr::Codec;
use crate::cdr::plan::MAX_DEPTH;
use crate::descriptor::{Definition, TypeDescriptor, TypeRef};

impl Parser<'_> {
    /// Ends parsing: forward declarations, key lists, recursion, sizes.
    pub fn finish(mut self) -> Parsed {
        self.forward_declarations();
        self.key_lists();
        if self.problems.full() {
            return self.out;
        }
        let mut heights = HashMap::new();
        let names: Vec<String> = self.out.types.keys().cloned().collect();
        for name in &names {
            let (culprit, message, help) = match self.height(name, &mut heights, 0) {
                Ok(_) => continue,
                Err(Refused::Recursive(culprit)) => {
                    let help = "recursive types are not supported; refer to it by an id instead";
                    (culprit.clone(), format!("`{culprit}` contains itself"), help)
                }
                Err(Refused::Deep(culprit)) => {
                    let message = format!("types nest deeper than {MAX_DEPTH} at `{culprit}`");
                    (culprit, message, "flatten them")
                }
            };
            let span = self.places.get(&culprit).copied().unwrap_or_default();
            self.problems.add(span, message, Some(help.into()));
            return self.out;
        }
        for name in names {
            let none = BTreeSet::new();
            let descriptor = reachable(&name, &self.out.types, self.known, &none);
            let Some(descriptor) = descriptor else { continue };
            if let Err(error) = Codec::new(&descriptor) {
                let span = self.places.get(&name).copied().unwrap_or_default();
                self.problems.add(span, error.to_string(), None);
            }
        }
        self.out
    }

    fn forward_declarations(&mut self) {
        let mut open: Vec<_> = self
            .symbols
            .iter()
            .filter_map(|(name, symbol)| match symbol {
                Symbol::Forward(span) if !self.known.contains_key(name) => Some((name, *span)),
                _ => None,
            })
            .collect();
        open.sort_by_key(|(name, _)| *name);
        for (name, span) in open {
            let help = Some("define it in this file or an include".to_owned());
            self.problems.add(span, format!("`{name}` is declared but never defined"), help);
        }
    }

    /// `#pragma keylist Type a b`: the old way to mark keys.
    fn key_lists(&mut self) {
        for (name, scope, keys, span) in std::mem::take(&mut self.key_lists) {
            self.scope = scope;
            let found = self.lookup(&name).map(|(full, _)| full);
            self.scope = Vec::new();
            let definition = found.as_ref().and_then(|full| self.out.types.get_mut(full));
            let Some(Definition::Struct { members, .. }) = definition else {
                self.problems.add(span, format!("`{name}` is not a struct of this text"), None);
                continue;
            };
            for key in keys {
                let first = key.split('.').next().unwrap_or(&key);
                match members.iter_mut().find(|m| m.name == first) {
                    Some(_) if first != key => {
                        let help = Some("mark the nested member with `@key` instead".to_owned());
                        let message = format!("nested key `{key}` is not supported here");
                        self.problems.add(span, message, help);
                    }
                    Some(member) => member.key = true,
                    None => {
                        self.problems.add(span, format!("`{name}` has no member `{key}`"), None);
                    }
                }
            }
        }
    }

    /// How many types deep a type is.
    fn height(
        &self,
        name: &str,
        heights: &mut HashMap<String, Option<usize>>,
        depth: usize,
    ) -> Result<usize, Refused> {
        match heights.get(name) {
            Some(Some(height)) => return Ok(*height),
            Some(None) => return Err(Refused::Recursive(name.to_owned())),
            None => {}
        }
        heights.insert(name.to_owned(), None);
        let mut height = 0;
        if let Some(definition) = self.out.types.get(name) {
            for part in parts(definition) {
                height = height.max(1 + self.height(part, heights, depth + 1)?);
            }
        }
        if height >= MAX_DEPTH || depth >= MAX_DEPTH {
            return Err(Refused::Deep(name.to_owned()));
        }
        heights.insert(name.to_owned(), Some(height));
        Ok(height)
    }
}

/// Why a type cannot be used.
enum Refused {
    Recursive(String),
    Deep(String),
}

/// Names of the types a definition uses directly.
pub(crate) fn parts(definition: &Definition) -> Vec<&str> {
    fn named(ty: &TypeRef) -> Option<&str> {
        match ty {
            TypeRef::Named(name) => Some(name),
            TypeRef::Sequence { element, .. } | TypeRef::Array { element, .. } => named(element),
            _ => None,
        }
    }
    match definition {
        Definition::Struct { base, members, .. } => {
            base.as_deref().into_iter().chain(members.iter().filter_map(|m| named(&m.ty))).collect()
        }
        Definition::Union { discriminator, cases, .. } => named(discriminator)
            .into_iter()
            .chain(cases.iter().filter_map(|c| named(&c.member.ty)))
            .collect(),
        Definition::Enum { .. } | Definition::Bitmask { .. } => Vec::new(),
    }
}

/// A type with all it needs; `None` if something is missing.
pub(crate) fn reachable(
    name: &str,
    types: &BTreeMap<String, Definition>,
    more: &BTreeMap<String, Definition>,
    inexact: &BTreeSet<String>,
) -> Option<TypeDescriptor> {
    let mut out = BTreeMap::new();
    let mut open = vec![name.to_owned()];
    while let Some(name) = open.pop() {
        if out.contains_key(&name) {
            continue;
        }
        let definition = types.get(&name).or_else(|| more.get(&name))?;
        open.extend(parts(definition).into_iter().map(str::to_owned));
        out.insert(name, definition.clone());
    }
    let inexact = inexact.iter().filter(|name| out.contains_key(*name)).cloned().collect();
    Some(TypeDescriptor { name: name.to_owned(), types: out, inexact })
}
