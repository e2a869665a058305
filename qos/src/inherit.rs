//! `base_name`: finds what each names and refuses circles (DDS-XML 1.0, 7.3.2.4).

use crate::error::Problem;
use crate::library::full_name;
use crate::suggest;
use crate::xml::{BaseName, EntityKind, ProfileDef};

/// What a `base_name` leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Profile(usize),
    /// Profile and entity in it.
    Entity(usize, usize),
}

/// The bases of one profile and of its entities, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    pub base: Option<usize>,
    pub entities: Vec<Option<Target>>,
}

/// Resolves every base, or says which lead nowhere or in a circle.
pub(crate) fn link(profiles: &[ProfileDef]) -> (Vec<Links>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut links = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        let base = profile.base.as_ref().and_then(|base| {
            let found = find_profile(profiles, index, &base.name);
            if found.is_none() {
                problems.push(nowhere(profiles, base, "profile"));
            }
            found
        });
        let entities = profile
            .entities
            .iter()
            .map(|entity| {
                let base = entity.base.as_ref()?;
                let found = find_target(profiles, index, entity.kind, &base.name);
                if found.is_none() {
                    let sort = format!("profile or named <{}>", entity.kind.element());
                    problems.push(nowhere(profiles, base, &sort));
                }
                found
            })
            .collect();
        links.push(Links { base, entities });
    }
    if problems.is_empty() {
        problems = circles(profiles, &links);
    }
    (links, problems)
}

fn nowhere(profiles: &[ProfileDef], base: &BaseName, sort: &str) -> Problem {
    let names: Vec<String> = profiles.iter().map(full_name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Problem {
        what: format!("base_name `{}` names no {sort}", base.name),
        remedy: suggest::remedy(&base.name, &names),
        ..base.place.clone()
    }
}

/// `Library::Profile` anywhere; `Profile` in the same library, then in the file, then shipped.
fn find_profile(profiles: &[ProfileDef], from: usize, name: &str) -> Option<usize> {
    let position = |test: &dyn Fn(&ProfileDef) -> bool| profiles.iter().position(test);
    match name.split_once("::") {
        Some((library, name)) => position(&|p| p.library == library && p.name == name),
        None => position(&|p| p.library == profiles[from].library && p.name == name)
            .or_else(|| position(&|p| p.name == name)),
    }
}

fn find_target(
    profiles: &[ProfileDef],
    from: usize,
    kind: EntityKind,
    name: &str,
) -> Option<Target> {
    if let Some(profile) = find_profile(profiles, from, name) {
        return Some(Target::Profile(profile));
    }
    let (profile, name) = match name.rsplit_once("::") {
        Some((profile, name)) => (find_profile(profiles, from, profile)?, name),
        None => (from, name),
    };
    let entities = &profiles[profile].entities;
    let entity = entities.iter().position(|e| e.kind == kind && e.name.as_deref() == Some(name))?;
    Some(Target::Entity(profile, entity))
}

/// Depth first over what resolving may visit, one kind of entity at a time: a writer inheriting from a
/// profile whose reader inherits back is no circle.
fn circles(profiles: &[ProfileDef], links: &[Links]) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for kind in EntityKind::ALL {
        let mut walk = Walk {
            profiles,
            links,
            kind,
            path: Vec::new(),
            done: Vec::new(),
            problems: Vec::new(),
        };
        for index in 0..profiles.len() {
            walk.visit(Target::Profile(index));
        }
        for problem in walk.problems {
            let known =
                problems.iter().any(|p| (p.line, p.column) == (problem.line, problem.column));
            if !known {
                problems.push(problem);
            }
        }
    }
    problems
}

struct Walk<'a> {
    profiles: &'a [ProfileDef],
    links: &'a [Links],
    kind: EntityKind,
    path: Vec<Target>,
    done: Vec<Target>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn visit(&mut self, target: Target) {
        if self.done.contains(&target) {
            return;
        }
        if let Some(start) = self.path.iter().position(|seen| *seen == target) {
            self.report(start);
            return;
        }
        self.path.push(target);
        match target {
            Target::Profile(p) => {
                for (e, entity) in self.profiles[p].entities.iter().enumerate() {
                    if entity.kind == self.kind {
                        self.visit(Target::Entity(p, e));
                    }
                }
                if let Some(base) = self.links[p].base {
                    self.visit(Target::Profile(base));
                }
            }
            Target::Entity(p, e) => match (self.links[p].entities[e], self.links[p].base) {
                (Some(base), _) => self.visit(base),
                (None, Some(base)) => self.visit(Target::Profile(base)),
                (None, None) => {}
            },
        }
        self.path.pop();
        self.done.push(target);
    }

    fn report(&mut self, start: usize) {
        let circle = &self.path[start..];
        let mut names: Vec<String> = Vec::new();
        for target in circle.iter().chain(&circle[..1]) {
            let name = match *target {
                Target::Profile(p) => full_name(&self.profiles[p]),
                Target::Entity(p, e) => match &self.profiles[p].entities[e].name {
                    Some(name) => format!("{}::{name}", full_name(&self.profiles[p])),
                    None => full_name(&self.profiles[p]),
                },
            };
            if names.last() != Some(&name) || circle.len() == 1 {
                names.push(name);
            }
        }
        if names.len() == 1 {
            names.push(names[0].clone());
        }
        let place = circle.iter().rev().find_map(|target| match *target {
            Target::Profile(p) => self.profiles[p].base.as_ref().map(|base| &base.place),
            Target::Entity(p, e) => {
                self.profiles[p].entities[e].base.as_ref().map(|base| &base.place)
            }
        });
        if let Some(place) = place {
            self.problems.push(Problem {
                what: format!("the profiles inherit in a circle: {}", names.join(" -> ")),
                remedy: "take out one base_name of the circle".to_owned(),
                ..place.clone()
            });
        }
    }
}
