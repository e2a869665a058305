//! From names to places.

use super::{Field, FieldError, FieldStep, FieldType, FieldValue, Part, Step, Want, of_value};
use crate::cdr::compile::{Kind, MemberPlan, NodeId, Plan};
use crate::cdr::decode::Content;
use crate::cdr::default::{default_node, default_value, discriminator_value};
use crate::descriptor::{Extensibility, Primitive};
use crate::suggest::nearest;

/// A union's discriminator in paths.
const DISCRIMINATOR: &str = "$discriminator";
/// Members that are named in an error.
const MAX_NAMED: usize = 12;

pub(super) fn resolve(plan: &Plan, path: &[FieldStep]) -> Result<(Vec<Step>, Field), FieldError> {
    let mut resolver = Resolver { plan, path, at: 0, steps: Vec::new() };
    let mut id = plan.root;
    // As far as the key goes, what of it is in a serialised key.
    let mut key =
        matches!(&plan.node(id).kind, Kind::Struct(s) if s.keyed).then_some(Content::TopicKey);
    while resolver.at < path.len() {
        id = resolver.step(id, &mut key)?;
    }
    match type_of(plan, id) {
        Some(ty) => Ok((resolver.steps, Field { ty, key: key.is_some() })),
        None => Err(resolver.unfinished(id)),
    }
}

struct Resolver<'a> {
    plan: &'a Plan,
    path: &'a [FieldStep],
    at: usize,
    steps: Vec<Step>,
}

impl Resolver<'_> {
    /// Goes on from a value to the part of it that the next step names.
    fn step(&mut self, id: NodeId, key: &mut Option<Content>) -> Result<NodeId, FieldError> {
        let plan = self.plan;
        let next = match (&plan.node(id).kind, &self.path[self.at]) {
            (Kind::Struct(s), FieldStep::Member(name)) => {
                let Some(i) = s.members.iter().position(|m| m.name == *name) else {
                    let names = s.members.iter().map(|m| m.name.as_str());
                    return Err(self.no_member(&s.name, name, names.collect()));
                };
                *key = key.and_then(|content| content.of_member(s.keyed, &s.members[i]));
                self.steps.push(Step::Member(i));
                s.members[i].node
            }
            (Kind::Union(u), FieldStep::Member(name)) if name == DISCRIMINATOR => {
                self.steps.push(Step::Discriminator);
                u.discriminator
            }
            (Kind::Union(u), FieldStep::Member(name)) => {
                let Some(i) = u.cases.iter().position(|c| c.member.name == *name) else {
                    let names = u.cases.iter().map(|c| c.member.name.as_str());
                    return Err(self.no_member(&u.name, name, names.collect()));
                };
                *key = key.filter(|_| !u.discriminator_is_key);
                self.steps.push(Step::Case(i));
                u.cases[i].member.node
            }
            (Kind::Sequence { element, bound }, FieldStep::Index(index)) => {
                self.check_index(*index, *bound)?;
                self.steps.push(Step::Element(*index));
                *element
            }
            (Kind::Array { element, dims, .. }, FieldStep::Index(_)) => {
                self.array(dims)?;
                return Ok(*element);
            }
            (kind, FieldStep::Member(name)) => {
                let (whole, what) = (self.so_far(), describe(kind));
                let help = matches!(kind, Kind::Sequence { .. } | Kind::Array { .. })
                    .then(|| format!("choose an element: `{whole}[0].{name}`"));
                return Err(self.error(format!("`{whole}` is {what}: it has no members"), help));
            }
            (kind, FieldStep::Index(_)) => {
                let (whole, what) = (self.so_far(), describe(kind));
                return Err(self.error(format!("`{whole}` is {what}: it has no elements"), None));
            }
        };
        self.at += 1;
        Ok(next)
    }

    /// As many indexes as there are dimensions.
    fn array(&mut self, dims: &[u32]) -> Result<(), FieldError> {
        let mut flat = 0;
        for dim in dims {
            let Some(FieldStep::Index(index)) = self.path.get(self.at) else {
                let whole = self.so_far();
                let message =
                    format!("`{whole}` lacks an index: the array has {} of them", dims.len());
                return Err(self.error(message, Some(format!("write `{whole}[0]`"))));
            };
            self.check_index(*index, *dim as usize)?;
            flat = flat * *dim as usize + index;
            self.at += 1;
        }
        self.steps.push(Step::Element(flat));
        Ok(())
    }

    fn check_index(&self, index: usize, count: usize) -> Result<(), FieldError> {
        if index < count {
            return Ok(());
        }
        let message =
            format!("`{}` has at most {count} elements, there is none [{index}]", self.so_far());
        let help = (count > 0).then(|| format!("indexes go from 0 to {}", count - 1));
        Err(self.error(message, help))
    }

    fn no_member(&self, ty: &str, name: &str, names: Vec<&str>) -> FieldError {
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "the type has no members".to_owned(),
            None => {
                let more = if names.len() > MAX_NAMED { ", …" } else { "" };
                let shown: Vec<_> =
                    names.iter().take(MAX_NAMED).map(|n| format!("`{n}`")).collect();
                format!("its members are {}{more}", shown.join(", "))
            }
        };
        self.error(format!("`{ty}` has no member `{name}`"), Some(help))
    }

    /// The path ends at something that has parts.
    fn unfinished(&self, id: NodeId) -> FieldError {
        let whole = self.so_far();
        let (what, example) = match &self.plan.node(id).kind {
            Kind::Struct(s) => {
                (describe(&self.plan.node(id).kind), s.members.first().map(|m| &m.name))
            }
            Kind::Union(u) => {
                (describe(&self.plan.node(id).kind), u.cases.first().map(|c| &c.member.name))
            }
            kind => (describe(kind), None),
        };
        let dot = if whole.is_empty() { "" } else { "." };
        let help = match example {
            Some(name) => format!("name one of its members, such as `{whole}{dot}{name}`"),
            None => format!("name one of its elements, such as `{whole}[0]`"),
        };
        self.error(format!("`{whole}` is {what}, no single value"), Some(help))
    }

    fn error(&self, message: String, help: Option<String>) -> FieldError {
        FieldError { step: self.at, message, help }
    }

    /// The path up to here as text.
    fn so_far(&self) -> String {
        let mut text = String::new();
        for step in &self.path[..self.at] {
            match step {
                FieldStep::Member(name) if text.is_empty() => text.push_str(name),
                FieldStep::Member(name) => text.extend([".", name]),
                FieldStep::Index(i) => text.push_str(&format!("[{i}]")),
            }
        }
        text
    }
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Primitive(p) => match p {
            Primitive::Bool => "a boolean",
            Primitive::F32 | Primitive::F64 => "a floating point number",
            Primitive::Char | Primitive::WChar => "a character",
            _ => "an integer",
        }
        .into(),
        Kind::Enum { name, .. } => format!("an enumeration `{name}`"),
        Kind::Bitmask { .. } => "a bitmask".into(),
        Kind::String { .. } | Kind::WString { .. } => "a string".into(),
        Kind::Sequence { .. } => "a sequence".into(),
        Kind::Array { .. } => "an array".into(),
        Kind::Struct(s) => format!("a struct `{}`", s.name),
        Kind::Union(u) => format!("a union `{}`", u.name),
    }
}

fn type_of(plan: &Plan, id: NodeId) -> Option<FieldType> {
    Some(match &plan.node(id).kind {
        Kind::Primitive(p) => match p {
            Primitive::Bool => FieldType::Bool,
            Primitive::U64 => FieldType::U64,
            Primitive::F32 => FieldType::F32,
            Primitive::F64 => FieldType::F64,
            Primitive::Char | Primitive::WChar => FieldType::Char,
            _ => FieldType::I64,
        },
        Kind::Enum { name, literals, .. } => {
            FieldType::Enum { name: name.clone(), literals: literals.clone() }
        }
        Kind::Bitmask { .. } => FieldType::U64,
        Kind::String { .. } | Kind::WString { .. } => FieldType::Text,
        Kind::Sequence { .. } | Kind::Array { .. } | Kind::Struct(_) | Kind::Union(_) => {
            return None;
        }
    })
}

/// Puts a field's way into what is wanted of the value `id`.
pub(super) fn insert(
    plan: &Plan,
    id: NodeId,
    want: &mut Option<Want>,
    steps: &[Step],
    slot: usize,
) {
    let Some((step, rest)) = steps.split_first() else {
        *want = Some(Want::Value(slot));
        return;
    };
    match (&plan.node(id).kind, step) {
        (Kind::Struct(s), Step::Member(i)) => {
            let member = &s.members[*i];
            let known = s.extensibility == Extensibility::Final;
            let missing = if known { FieldValue::Null } else { default_of(plan, member, rest) };
            part(plan, member.node, parts(want), *i, rest, (slot, missing));
        }
        (Kind::Sequence { element, .. } | Kind::Array { element, .. }, Step::Element(i)) => {
            part(plan, *element, parts(want), *i, rest, (slot, FieldValue::Null));
        }
        (Kind::Union(u), step) => {
            let empty = Want::Union { discriminator: None, cases: Vec::new() };
            let Want::Union { discriminator, cases } = want.get_or_insert(empty) else { return };
            match step {
                Step::Case(i) => {
                    let member = &u.cases[*i].member;
                    let missing = default_of(plan, member, rest);
                    part(plan, member.node, cases, *i, rest, (slot, missing));
                }
                _ => *discriminator = Some(slot),
            }
        }
        _ => {}
    }
}

fn parts(want: &mut Option<Want>) -> &mut Vec<Part> {
    if !matches!(want, Some(Want::Parts(_))) {
        *want = Some(Want::Parts(Vec::new()));
    }
    match want {
        Some(Want::Parts(parts)) => parts,
        _ => unreachable!("just made"),
    }
}

fn part(
    plan: &Plan,
    id: NodeId,
    parts: &mut Vec<Part>,
    index: usize,
    rest: &[Step],
    missing: (usize, FieldValue<'static>),
) {
    let slot = missing.0;
    match parts.binary_search_by_key(&index, |part| part.index) {
        Ok(at) => {
            let mut want = Some(std::mem::replace(&mut parts[at].want, Want::Value(slot)));
            insert(plan, id, &mut want, rest, slot);
            if let Some(want) = want {
                parts[at].want = want;
            }
            parts[at].missing.push(missing);
        }
        Err(at) => {
            let mut want = None;
            insert(plan, id, &mut want, rest, slot);
            if let Some(want) = want {
                parts.insert(at, Part { index, want, missing: vec![missing] });
            }
        }
    }
}

/// What a field holds if nobody sent the member its path goes through.
fn default_of(plan: &Plan, member: &MemberPlan, rest: &[Step]) -> FieldValue<'static> {
    match rest {
        _ if member.optional => FieldValue::Null,
        [] => default_value(plan, member).map_or(FieldValue::Null, of_value),
        _ => default_within(plan, member.node, rest),
    }
}

fn default_within(plan: &Plan, id: NodeId, steps: &[Step]) -> FieldValue<'static> {
    let Some((step, rest)) = steps.split_first() else {
        return default_node(plan, id).map_or(FieldValue::Null, of_value);
    };
    match (&plan.node(id).kind, step) {
        (Kind::Struct(s), Step::Member(i)) => default_of(plan, &s.members[*i], rest),
        (Kind::Array { element, .. }, Step::Element(_)) => default_within(plan, *element, rest),
        (Kind::Union(u), step) => {
            let number = u.default_discriminator(plan);
            match step {
                Step::Discriminator => of_value(discriminator_value(plan, u.discriminator, number)),
                Step::Case(i) => match u.choose(number) {
                    Some(case) if std::ptr::eq(case, &u.cases[*i]) => {
                        default_of(plan, &case.member, rest)
                    }
                    _ => FieldValue::Null,
                },
                _ => FieldValue::Null,
            }
        }
        _ => FieldValue::Null,
    }
}
