//! Turns a descriptor into a plan: names become indices, bases are flattened, sizes are known.

use std::collections::HashMap;

use super::error::{CdrError, CdrErrorKind};
use crate::descriptor::{Definition, Extensibility, Member, Primitive, TypeDescriptor, TypeRef};

/// Types nested deeper than this are refused, so that nothing recurses without bound.
pub(crate) const MAX_DEPTH: usize = 64;
/// Nodes a plan may have: a type of types of types must not explode.
const MAX_NODES: usize = 1 << 16;
/// Elements all fixed arrays of a type may have together.
const MAX_ELEMENTS: usize = 1 << 28;

/// Memory of a value before any sequence grows: types of types that double at every level end here.
const MAX_COST: usize = 1 << 30;

pub(crate) type NodeId = usize;

/// A descriptor ready to be walked.
#[derive(Debug)]
pub(crate) struct Plan {
    pub nodes: Vec<Node>,
    pub root: NodeId,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    /// Fewest bytes a value takes on the wire.
    pub min_size: usize,
    /// Rough memory of a default value, charged when one is made up.
    pub default_cost: usize,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Primitive(Primitive),
    Enum { name: String, bytes: usize, literals: Vec<(String, i32)>, default: i32 },
    Bitmask { bytes: usize, flags: Vec<(String, u16)> },
    String { bound: usize },
    WString { bound: usize },
    Sequence { element: NodeId, bound: usize },
    Array { element: NodeId, dims: Vec<u32>, count: usize },
    Struct(StructPlan),
    Union(UnionPlan),
}

#[derive(Debug)]
pub(crate) struct StructPlan {
    pub name: String,
    pub extensibility: Extensibility,
    pub members: Vec<MemberPlan>,
    /// The members by id, as they stand in a key hash.
    pub by_id: Vec<usize>,
    /// Any member is a key.
    pub keyed: bool,
}

#[derive(Debug)]
pub(crate) struct MemberPlan {
    pub name: String,
    pub id: u32,
    pub node: NodeId,
    pub key: bool,
    pub optional: bool,
    pub must_understand: bool,
    pub default: Option<serde_json::Value>,
    pub unit: Option<String>,
    pub length_code: u8,
}

#[derive(Debug)]
pub(crate) struct UnionPlan {
    pub name: String,
    pub extensibility: Extensibility,
    pub discriminator: NodeId,
    pub discriminator_is_key: bool,
    pub cases: Vec<CasePlan>,
}

#[derive(Debug)]
pub(crate) struct CasePlan {
    pub labels: Vec<i64>,
    pub is_default: bool,
    pub member: MemberPlan,
}

impl UnionPlan {
    /// The case a discriminator chooses.
    pub fn choose(&self, discriminator: i64) -> Option<&CasePlan> {
        let labelled = self.cases.iter().find(|c| c.labels.contains(&discriminator));
        labelled.or_else(|| self.cases.iter().find(|c| c.is_default))
    }

    /// The discriminator of a default value: the default literal of an enumeration, else zero
    /// (XTypes 1.3, table 9).
    pub fn default_discriminator(&self, plan: &Plan) -> i64 {
        match &plan.node(self.discriminator).kind {
            Kind::Enum { default, .. } => i64::from(*default),
            _ => 0,
        }
    }
}

impl Plan {
    pub fn new(descriptor: &TypeDescriptor) -> Result<Self, CdrError> {
        let mut compiler =
            Compiler { descriptor, nodes: Vec::new(), done: HashMap::new(), open: Vec::new() };
        let root = compiler.named(&descriptor.name, 0)?;
        Ok(Self { nodes: compiler.nodes, root })
    }

    #[inline]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    pub fn root_extensibility(&self) -> Extensibility {
        match &self.node(self.root).kind {
            Kind::Struct(s) => s.extensibility,
            Kind::Union(u) => u.extensibility,
            _ => Extensibility::Final,
        }
    }

    pub fn is_primitive(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, Kind::Primitive(_))
    }
}

struct Compiler<'a> {
    descriptor: &'a TypeDescriptor,
    nodes: Vec<Node>,
    done: HashMap<&'a str, NodeId>,
    open: Vec<&'a str>,
}

fn refuse(reason: String) -> CdrError {
    CdrError::of_value(CdrErrorKind::Descriptor { reason })
}

impl<'a> Compiler<'a> {
    fn push(
        &mut self,
        kind: Kind,
        min_size: usize,
        default_cost: usize,
    ) -> Result<NodeId, CdrError> {
        if self.nodes.len() >= MAX_NODES {
            return Err(refuse(format!(
                "`{}` has more than {MAX_NODES} parts",
                self.descriptor.name
            )));
        }
        if default_cost > MAX_COST {
            let name = &self.descriptor.name;
            return Err(refuse(format!("a value of `{name}` takes more than 1 GiB")));
        }
        self.nodes.push(Node { kind, min_size, default_cost });
        Ok(self.nodes.len() - 1)
    }

    fn named(&mut self, name: &str, depth: usize) -> Result<NodeId, CdrError> {
        let Some((name, definition)) = self.descriptor.types.get_key_value(name) else {
            return Err(refuse(format!("type `{name}` is referred to but not contained")));
        };
        if let Some(&id) = self.done.get(name.as_str()) {
            return Ok(id);
        }
        if self.open.contains(&name.as_str()) {
            return Err(refuse(format!(
                "`{name}` contains itself; recursive types are not supported"
            )));
        }
        if depth >= MAX_DEPTH {
            return Err(refuse(format!("types nest deeper than {MAX_DEPTH} at `{name}`")));
        }
        self.open.push(name);
        let id = self.definition(name, definition, depth)?;
        self.open.pop();
        self.done.insert(name, id);
        Ok(id)
    }

    fn definition(
        &mut self,
        name: &'a str,
        definition: &'a Definition,
        depth: usize,
    ) -> Result<NodeId, CdrError> {
        match definition {
            Definition::Enum { bit_bound, literals, default } => {
                let bytes = enum_bytes(*bit_bound);
                let default = default
                    .as_ref()
                    .and_then(|name| literals.iter().find(|(n, _)| n == name))
                    .or(literals.first())
                    .map_or(0, |(_, value)| *value);
                let literals = literals.clone();
                let kind = Kind::Enum { name: name.to_owned(), bytes, literals, default };
                self.push(kind, bytes, 64)
            }
            Definition::Bitmask { bit_bound, flags } => {
                let bytes = bitmask_bytes(*bit_bound);
                self.push(Kind::Bitmask { bytes, flags: flags.clone() }, bytes, 64)
            }
            Definition::Struct { extensibility, .. } => {
                let mut members = Vec::new();
                self.members(name, depth, &mut members, &mut Vec::new())?;
                let fixed = match extensibility {
                    Extensibility::Final => members
                        .iter()
                        .map(|m| if m.optional { 1 } else { self.nodes[m.node].min_size })
                        .fold(0, usize::saturating_add),
                    // Trailing members may be missing, under XCDR1 all of them.
                    Extensibility::Appendable => 0,
                    Extensibility::Mutable => 4,
                };
                let cost = members
                    .iter()
                    .map(|m| if m.optional { 32 } else { self.nodes[m.node].default_cost })
                    .fold(64, usize::saturating_add);
                let keyed = members.iter().any(|m| m.key);
                let mut by_id: Vec<usize> = (0..members.len()).collect();
                by_id.sort_by_key(|i| members[*i].id);
                let (name, extensibility) = (name.to_owned(), *extensibility);
                let plan = StructPlan { name, extensibility, members, by_id, keyed };
                self.push(Kind::Struct(plan), fixed, cost)
            }
            Definition::Union { extensibility, discriminator, discriminator_is_key, cases } => {
                let discriminator = self.type_ref(discriminator, depth)?;
                match &self.nodes[discriminator].kind {
                    Kind::Enum { .. } => {}
                    Kind::Primitive(p) if !matches!(p, Primitive::F32 | Primitive::F64) => {}
                    _ => {
                        return Err(refuse(format!("the discriminator of `{name}` is no integer")));
                    }
                }
                let mut plans = Vec::with_capacity(cases.len());
                let mut cost = 64usize;
                for case in cases {
                    let member = self.member(&case.member, depth)?;
                    cost = cost.saturating_add(self.nodes[member.node].default_cost);
                    let (labels, is_default) = (case.labels.clone(), case.is_default);
                    plans.push(CasePlan { labels, is_default, member });
                }
                let min = match extensibility {
                    Extensibility::Final => self.nodes[discriminator].min_size,
                    Extensibility::Appendable => 0,
                    Extensibility::Mutable => 4,
                };
                let plan = UnionPlan {
                    name: name.to_owned(),
                    extensibility: *extensibility,
                    discriminator,
                    discriminator_is_key: *discriminator_is_key,
                    cases: plans,
                };
                self.push(Kind::Union(plan), min, cost)
            }
        }
    }

    /// Members of a struct, those of its bases first.
    fn members(
        &mut self,
        name: &str,
        depth: usize,
        out: &mut Vec<MemberPlan>,
        bases: &mut Vec<String>,
    ) -> Result<(), CdrError> {
        let descriptor = self.descriptor;
        let Some(Definition::Struct { base, members, .. }) = descriptor.types.get(name) else {
            return Err(refuse(format!("base `{name}` is not a contained struct")));
        };
        if bases.iter().any(|b| b == name) || bases.len() > MAX_DEPTH {
            return Err(refuse(format!("`{name}` inherits from itself")));
        }
        bases.push(name.to_owned());
        if let Some(base) = base {
            self.members(base, depth, out, bases)?;
        }
        for member in members {
            let plan = self.member(member, depth)?;
            out.push(plan);
        }
        Ok(())
    }

    fn member(&mut self, member: &'a Member, depth: usize) -> Result<MemberPlan, CdrError> {
        let node = self.type_ref(&member.ty, depth)?;
        let descriptor = self.descriptor;
        Ok(MemberPlan {
            name: member.name.clone(),
            id: member.id,
            node,
            key: member.key,
            optional: member.optional,
            must_understand: member.must_understand,
            default: member.default.clone(),
            unit: member.unit.clone(),
            length_code: length_code(&member.ty, &|name| descriptor.types.get(name)),
        })
    }

    fn type_ref(&mut self, ty: &'a TypeRef, depth: usize) -> Result<NodeId, CdrError> {
        if depth >= MAX_DEPTH {
            return Err(refuse(format!("types nest deeper than {MAX_DEPTH}")));
        }
        let unbounded = |bound: &Option<u32>| bound.map_or(usize::MAX, |b| b as usize);
        match ty {
            // To a codec both are the same.
            TypeRef::Primitive(Primitive::Octet) => {
                self.push(Kind::Primitive(Primitive::U8), 1, 32)
            }
            TypeRef::Primitive(p) => self.push(Kind::Primitive(*p), p.size(), 32),
            TypeRef::String { bound } => self.push(Kind::String { bound: unbounded(bound) }, 4, 32),
            TypeRef::WString { bound } => {
                self.push(Kind::WString { bound: unbounded(bound) }, 4, 32)
            }
            TypeRef::Named(name) => self.named(name, depth + 1),
            TypeRef::Sequence { element, bound } => {
                let element = self.type_ref(element, depth + 1)?;
                self.push(Kind::Sequence { element, bound: unbounded(bound) }, 4, 32)
            }
            TypeRef::Array { element, dims } => {
                let element = self.type_ref(element, depth + 1)?;
                let count = dims.iter().fold(1usize, |n, d| n.saturating_mul(*d as usize));
                let Node { min_size, default_cost, kind } = &self.nodes[element];
                let inner = if let Kind::Array { count, .. } = kind { *count } else { 1 };
                let total = count.saturating_mul(inner);
                let empty = *min_size == 0 && total > 1 << 16;
                if total > MAX_ELEMENTS || empty || dims.is_empty() {
                    return Err(refuse(format!("an array of {total} elements")));
                }
                let min_size = min_size.saturating_mul(count);
                let octets = matches!(kind, Kind::Primitive(Primitive::U8));
                let unit = if octets { 1 } else { *default_cost };
                let cost = unit.saturating_mul(count).saturating_add(32);
                let kind = Kind::Array { element, dims: dims.clone(), count };
                self.push(kind, min_size, cost)
            }
        }
    }
}

/// Bytes of an enumeration on the wire (XTypes 1.3, 7.2.2.4.1.2).
pub(crate) const fn enum_bytes(bit_bound: u16) -> usize {
    match bit_bound {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// Bytes of a bitmask on the wire (XTypes 1.3, 7.2.2.4.1.2).
pub(crate) const fn bitmask_bytes(bit_bound: u16) -> usize {
    match bit_bound {
        0..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => 8,
    }
}

/// The length code of a mutable type's member under XCDR2, chosen as Cyclone DDS chooses it.
pub(crate) fn length_code<'a>(ty: &TypeRef, types: &dyn Fn(&str) -> Option<&'a Definition>) -> u8 {
    const fn of_size(bytes: usize) -> u8 {
        bytes.trailing_zeros() as u8
    }
    match ty {
        TypeRef::Primitive(p) => of_size(p.size()),
        TypeRef::String { .. } | TypeRef::WString { .. } => 5,
        TypeRef::Named(name) => match types(name) {
            Some(Definition::Enum { bit_bound, .. }) => of_size(enum_bytes(*bit_bound)),
            Some(Definition::Bitmask { bit_bound, .. }) => of_size(bitmask_bytes(*bit_bound)),
            _ => 4,
        },
        TypeRef::Sequence { element, .. } => match **element {
            TypeRef::Primitive(p) => match p.size() {
                1 => 5,
                4 => 6,
                8 => 7,
                _ => 4,
            },
            _ => 5,
        },
        TypeRef::Array { element, .. } => match **element {
            TypeRef::Primitive(_) => 4,
            _ => 5,
        },
    }
}
