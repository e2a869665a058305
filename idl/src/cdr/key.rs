//! Keys of samples whose type is known only at run time.

use std::cell::RefCell;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::compile::{Kind, NodeId, Plan, StructPlan, UnionPlan};
use super::decode::Content;
use super::encoding::{Encoding, Representation};
use super::error::{CdrError, CdrErrorKind, Within};
use super::fit::fits;
use super::read::Reader;
use super::walk;
use super::write::{Writer, finish_key_hash};
use crate::descriptor::{Extensibility, Primitive, TypeDescriptor};
use crate::sample::KeyHash;

/// Reads keys from payloads without decoding the rest. Cheap to clone.
///
/// ```
/// use tidewire_idl::{cdr::{self, KeyReader}, TypeRegistry, Value};
///
/// let mut types = TypeRegistry::new();
/// types.add_str("q.idl", "struct Quote { @key long id; double bid; };")?;
/// let quote = types.get("Quote").expect("just defined");
/// let value = Value::from_json(&quote, &serde_json::json!({ "id": 7, "bid": 1.5 }))?;
/// let payload = cdr::encode(&quote, &value, cdr::Encoding::default())?;
///
/// let keys = KeyReader::new(&quote).expect("it has a key");
/// assert_eq!(keys.key_hash(&payload)?.0[..4], [0, 0, 0, 7], "big endian, padded");
/// assert_eq!(keys.key_payload(&payload)?, [0, 1, 0, 0, 7, 0, 0, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyReader {
    plan: Arc<Plan>,
    /// Whether the key never exceeds 16 bytes, under XCDR1 and XCDR2.
    fits: [bool; 2],
    /// The string key member named `point`.
    point: Option<usize>,
}

/// Bytes of a key that a thread keeps room for.
const KEPT: usize = 4 << 10;

thread_local! {
    /// Where a key is put together to be hashed.
    static KEY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a key is written for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Members in member id order, no headers.
    Hash,
    /// Members in definition order, as the sample has them.
    Payload,
}

impl KeyReader {
    /// Prepares reading keys of a type; `None` if it has none (or its description is unusable).
    pub fn new(descriptor: &TypeDescriptor) -> Option<Self> {
        let plan = Plan::new(descriptor).ok()?;
        let Kind::Struct(s) = &plan.node(plan.root).kind else { return None };
        if !s.keyed {
            return None;
        }
        let is_point = |id: NodeId| matches!(plan.node(id).kind, Kind::String { .. });
        let point = s.members.iter().position(|m| m.key && m.name == "point" && is_point(m.node));
        let fits = [8, 4].map(|max_align| fits(&plan, max_align));
        Some(Self { plan: Arc::new(plan), fits, point })
    }

    /// Whether the key never exceeds 16 bytes, under XCDR1 and XCDR2: its hash is then itself.
    pub fn always_fits(&self) -> [bool; 2] {
        self.fits
    }

    /// The key hash of a sample's instance (RTPS 2.5, 9.6.4.8), of the XCDR1 form however the sample
    /// is encoded: an instance has one.
    ///
    /// # Errors
    /// Bytes that are no sample of this type.
    pub fn key_hash(&self, payload: &[u8]) -> Result<KeyHash, CdrError> {
        self.hash(Reader::new(payload)?, Content::Sample, Representation::Xcdr1)
    }

    /// The same of a serialised key, as a dispose carries it.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    pub fn key_hash_of_key(&self, key_payload: &[u8]) -> Result<KeyHash, CdrError> {
        self.hash(Reader::new(key_payload)?, Content::TopicKey, Representation::Xcdr1)
    }

    /// The key hash that Cyclone DDS can send along with a sample: of the sample's own representation
    /// (XTypes 1.3, 7.6.8). Under XCDR2 it differs from [`Self::key_hash`] where an 8-byte value does
    /// not stand at a multiple of 8, and where a collection has a delimiter.
    ///
    /// # Errors
    /// Bytes that are no sample of this type.
    pub fn key_hash_sent(&self, payload: &[u8]) -> Result<KeyHash, CdrError> {
        let r = Reader::new(payload)?;
        self.hash(r, Content::Sample, r.encoding().representation)
    }

    fn hash(
        &self,
        mut r: Reader<'_>,
        content: Content,
        representation: Representation,
    ) -> Result<KeyHash, CdrError> {
        let fits = self.fits[usize::from(representation == Representation::Xcdr2)];
        KEY.with_borrow_mut(|key| {
            let mut w = Writer::for_key_hash(key, representation);
            let copied = self.copy_root(&mut r, content, Purpose::Hash, &mut w);
            let hash = copied.map(|()| finish_key_hash(key, fits));
            key.clear();
            key.shrink_to(KEPT);
            hash
        })
    }

    /// The serialised key of a sample with an encapsulation header, as a dispose carries it, in the
    /// sample's own encoding.
    ///
    /// # Errors
    /// Bytes that are no sample of this type.
    pub fn key_payload(&self, payload: &[u8]) -> Result<Vec<u8>, CdrError> {
        let mut r = Reader::new(payload)?;
        let mut out = Vec::with_capacity(64);
        let mut w = Writer::new(&mut out, r.encoding(), self.plan.root_extensibility());
        self.copy_root(&mut r, Content::Sample, Purpose::Payload, &mut w)?;
        Ok(out)
    }

    /// A serialised key in another encoding.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    pub fn transcode_key(&self, key: &[u8], encoding: Encoding) -> Result<Vec<u8>, CdrError> {
        let mut r = Reader::new(key)?;
        let mut out = Vec::with_capacity(key.len());
        let mut w = Writer::new(&mut out, encoding, self.plan.root_extensibility());
        self.copy_root(&mut r, Content::TopicKey, Purpose::Payload, &mut w)?;
        Ok(out)
    }

    /// The value of the string key member named `point`, where the type has one.
    ///
    /// # Errors
    /// Bytes that are no sample of this type.
    pub fn point(&self, payload: &[u8]) -> Result<Option<String>, CdrError> {
        self.read_point(payload, Content::Sample)
    }

    /// As [`Self::point`], of a serialised key.
    ///
    /// # Errors
    /// Bytes that are no key of this type.
    pub fn point_of_key(&self, key_payload: &[u8]) -> Result<Option<String>, CdrError> {
        self.read_point(key_payload, Content::TopicKey)
    }

    fn read_point(&self, payload: &[u8], content: Content) -> Result<Option<String>, CdrError> {
        let Some(wanted) = self.point else { return Ok(None) };
        let plan = &*self.plan;
        let Kind::Struct(s) = &plan.node(plan.root).kind else { return Ok(None) };
        let mut point = None;
        let mut r = Reader::new(payload)?;
        walk::members(s, &mut r, content, &mut |i, member, content, r| {
            if i == wanted {
                let Kind::String { bound } = plan.node(member.node).kind else { return Ok(false) };
                point = Some(r.string(bound)?);
                return Ok(false);
            }
            walk::skip(plan, member.node, r, content)?;
            Ok(true)
        })?;
        Ok(point)
    }

    fn copy_root(
        &self,
        r: &mut Reader<'_>,
        content: Content,
        purpose: Purpose,
        w: &mut Writer<'_>,
    ) -> Result<(), CdrError> {
        match &self.plan.node(self.plan.root).kind {
            Kind::Struct(s) => structure(&self.plan, s, r, content, Content::TopicKey, purpose, w),
            _ => Ok(()),
        }
    }
}

/// Copies one value from a sample (or a key) into a key. `content` says what is on the wire here,
/// `wanted` what goes into the key.
fn copy(
    plan: &Plan,
    id: NodeId,
    r: &mut Reader<'_>,
    (content, wanted): (Content, Content),
    purpose: Purpose,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    match &plan.node(id).kind {
        Kind::Primitive(p) => number(p.size(), *p, r, w),
        Kind::Enum { bytes, .. } | Kind::Bitmask { bytes, .. } => {
            number(*bytes, Primitive::U8, r, w)
        }
        Kind::String { bound } => {
            w.string_bytes(r.string_bytes(*bound)?);
            Ok(())
        }
        Kind::WString { bound } => {
            w.wstring(&r.wstring(*bound)?);
            Ok(())
        }
        Kind::Sequence { element, bound } => {
            if plan.is_primitive(*element) {
                let count = r.count(plan.node(*element).min_size, *bound)?;
                w.count(count);
                return elements(plan, *element, count, r, (content, wanted), purpose, w);
            }
            let (open, mark) = (r.begin_collection()?, w.begin_collection());
            let count = r.count(content.min_size(plan, *element), *bound)?;
            w.count(count);
            elements(plan, *element, count, r, (content, wanted), purpose, w)?;
            r.end_delimited(open);
            w.end_collection(mark);
            Ok(())
        }
        Kind::Array { element, count, .. } => {
            if plan.is_primitive(*element) {
                return elements(plan, *element, *count, r, (content, wanted), purpose, w);
            }
            let (open, mark) = (r.begin_collection()?, w.begin_collection());
            elements(plan, *element, *count, r, (content, wanted), purpose, w)?;
            r.end_delimited(open);
            w.end_collection(mark);
            Ok(())
        }
        Kind::Struct(s) => structure(plan, s, r, content, wanted, purpose, w),
        Kind::Union(u) => union(plan, u, r, (content, wanted), purpose, w),
    }
}

fn elements(
    plan: &Plan,
    element: NodeId,
    count: usize,
    r: &mut Reader<'_>,
    contents: (Content, Content),
    purpose: Purpose,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    for i in 0..count {
        copy(plan, element, r, contents, purpose, w).within_index(i)?;
    }
    Ok(())
}

fn number(
    bytes: usize,
    p: Primitive,
    r: &mut Reader<'_>,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    match bytes {
        1 if p == Primitive::Bool => w.bool(r.bool()?),
        1 => w.u8(r.u8()?),
        2 => w.u16(r.u16()?),
        4 => w.u32(r.u32()?),
        _ => w.u64(r.u64()?),
    }
    Ok(())
}

fn structure(
    plan: &Plan,
    s: &StructPlan,
    r: &mut Reader<'_>,
    content: Content,
    wanted: Content,
    purpose: Purpose,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    // Where the values of the wanted members are; they may have to be written in another order.
    let mut found: SmallVec<[Option<(Reader<'_>, Content)>; 8]> = smallvec![None; s.members.len()];
    walk::members(s, r, content, &mut |i, member, content, r| {
        if wanted.of_member(s.keyed, member).is_some() {
            found[i] = Some((*r, content));
        }
        if s.extensibility != Extensibility::Mutable {
            walk::skip(plan, member.node, r, content)?;
        }
        Ok(true)
    })?;
    let delimited = (s.extensibility == Extensibility::Appendable).then(|| w.begin_delimited());
    let parameters = (s.extensibility == Extensibility::Mutable).then(|| w.begin_parameters());
    for at in 0..s.members.len() {
        let i = if purpose == Purpose::Hash { s.by_id[at] } else { at };
        let member = &s.members[i];
        let Some(inner) = wanted.of_member(s.keyed, member) else { continue };
        let Some((mut at, content)) = found[i] else {
            if member.optional {
                if parameters.is_none() {
                    let mark = w.begin_optional(member.id, member.must_understand, false);
                    w.end_optional(mark);
                }
                continue;
            }
            return Err(r.error(CdrErrorKind::KeyMissing).within(&member.name));
        };
        let mut value = |w: &mut Writer<'_>| {
            copy(plan, member.node, &mut at, (content, inner), purpose, w).within(&member.name)
        };
        if parameters.is_some() {
            let mark = w.begin_parameter(member.id, member.must_understand, member.length_code);
            value(w)?;
            w.end_parameter(mark);
        } else if member.optional {
            let mark = w.begin_optional(member.id, member.must_understand, true);
            value(w)?;
            w.end_optional(mark);
        } else {
            value(w)?;
        }
    }
    if let Some(mark) = delimited {
        w.end_delimited(mark);
    }
    if let Some(mark) = parameters {
        w.end_parameters(mark);
    }
    Ok(())
}

fn union(
    plan: &Plan,
    u: &UnionPlan,
    r: &mut Reader<'_>,
    (content, wanted): (Content, Content),
    purpose: Purpose,
    w: &mut Writer<'_>,
) -> Result<(), CdrError> {
    if u.extensibility == Extensibility::Mutable {
        let reason = format!("mutable union `{}` in a key", u.name);
        return Err(r.error(CdrErrorKind::Descriptor { reason }));
    }
    let appendable = u.extensibility == Extensibility::Appendable;
    let open = if appendable { Some(r.begin_delimited()?) } else { None };
    let mark = appendable.then(|| w.begin_delimited());
    let mut ahead = *r;
    let number = walk::discriminator(plan, u, &mut ahead)?;
    copy(plan, u.discriminator, r, (content, Content::Sample), purpose, w)?;
    if let Some(case) = u.choose(number)
        && !(content != Content::Sample && u.discriminator_is_key)
    {
        if u.discriminator_is_key && wanted != Content::Sample {
            walk::skip(plan, case.member.node, r, Content::Sample)?;
        } else {
            // A union belongs to a key as a whole, also the structs in it that have keys themselves.
            let whole = (Content::Sample, Content::Sample);
            copy(plan, case.member.node, r, whole, purpose, w)?;
        }
    }
    if let Some(open) = open {
        r.end_delimited(open);
    }
    if let Some(mark) = mark {
        w.end_delimited(mark);
    }
    Ok(())
}
