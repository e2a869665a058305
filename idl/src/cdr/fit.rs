//! Whether a type's keys are short enough to be their own hash.

use std::collections::HashMap;

use super::compile::{Kind, NodeId, Plan};
use super::decode::Content;

/// Bytes of a key hash.
const ROOM: usize = 16;

/// Whether no key of the type exceeds a hash where alignment ends at `max_align`: 8 under XCDR1,
/// 4 under XCDR2.
pub(super) fn fits(plan: &Plan, max_align: usize) -> bool {
    let mut fit = Fit { plan, max_align, ends: HashMap::new() };
    fit.end(plan.root, Content::TopicKey, 0).is_some()
}

struct Fit<'a> {
    plan: &'a Plan,
    max_align: usize,
    /// Where structs end: anybody on the network may announce types of types that double at every
    /// level, which must not be walked each time they occur.
    ends: HashMap<(NodeId, Content, usize), Option<usize>>,
}

impl Fit<'_> {
    /// Where a value that begins at byte `at` ends at most; `None` if that may be beyond the hash.
    fn end(&mut self, id: NodeId, wanted: Content, at: usize) -> Option<usize> {
        let plan = self.plan;
        match &plan.node(id).kind {
            Kind::Primitive(p) => self.add(at, p.size(), 1),
            Kind::Enum { bytes, .. } | Kind::Bitmask { bytes, .. } => self.add(at, *bytes, 1),
            Kind::String { bound } => {
                let at = self.add(at, 4, 1)?;
                self.add(at, 1, bound.saturating_add(1))
            }
            Kind::WString { bound } => {
                let at = self.add(at, 4, 1)?;
                self.add(at, 2, *bound)
            }
            Kind::Sequence { bound, .. } if *bound > ROOM => None,
            Kind::Sequence { element, bound } => {
                let at = self.delimiter(*element, at)?;
                let at = self.add(at, 4, 1)?;
                self.elements(*element, *bound, wanted, at)
            }
            Kind::Array { element, count, .. } => {
                let at = self.delimiter(*element, at)?;
                self.elements(*element, *count, wanted, at)
            }
            Kind::Struct(s) => {
                if let Some(end) = self.ends.get(&(id, wanted, at)) {
                    return *end;
                }
                let mut members = s.by_id.iter().map(|i| &s.members[*i]);
                let end = members.try_fold(at, |at, member| {
                    let inner = wanted.of_member(s.keyed, member);
                    inner.map_or(Some(at), |inner| self.end(member.node, inner, at))
                });
                self.ends.insert((id, wanted, at), end);
                end
            }
            Kind::Union(_) => None,
        }
    }

    fn elements(
        &mut self,
        element: NodeId,
        count: usize,
        wanted: Content,
        mut at: usize,
    ) -> Option<usize> {
        for _ in 0..count {
            let end = self.end(element, wanted, at)?;
            if end == at {
                // Neither does any other add bytes.
                break;
            }
            at = end;
        }
        Some(at)
    }

    /// XCDR2 puts one before collections of other than primitives.
    fn delimiter(&self, element: NodeId, at: usize) -> Option<usize> {
        if self.max_align == 8 || self.plan.is_primitive(element) {
            return Some(at);
        }
        self.add(at, 4, 1)
    }

    /// After `count` values of `bytes` bytes each.
    fn add(&self, at: usize, bytes: usize, count: usize) -> Option<usize> {
        let align = bytes.min(self.max_align).max(1);
        let end = at.next_multiple_of(align).saturating_add(bytes.saturating_mul(count));
        (end <= ROOM).then_some(end)
    }
}
