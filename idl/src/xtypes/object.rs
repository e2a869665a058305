//! TypeObjects (7.3.4.3 and annex B), of which complete ones have names and minimal ones hashes of them.

use md5::{Digest, Md5};

use super::identifier::{self, DISCARD, NONE};
use super::wire::Out;
use super::{Known, Relation};
use crate::descriptor::{Case, Definition, Extensibility, Member, TypeRef};

const IS_OPTIONAL: u16 = 1 << 3;
const IS_MUST_UNDERSTAND: u16 = 1 << 4;
const IS_KEY: u16 = 1 << 5;
const IS_DEFAULT: u16 = 1 << 6;

const TK_ENUM: u8 = 0x40;
const TK_BITMASK: u8 = 0x41;
const TK_STRUCTURE: u8 = 0x51;
const TK_UNION: u8 = 0x52;

/// What Cyclone DDS says of enumerations and bitmasks, to which the standard gives no flags.
const IS_FINAL: u16 = 1;

fn type_flags(extensibility: Extensibility) -> u16 {
    match extensibility {
        Extensibility::Final => IS_FINAL,
        Extensibility::Appendable => 2,
        Extensibility::Mutable => 4,
    }
}

fn when(condition: bool, flag: u16) -> u16 {
    if condition { flag } else { 0 }
}

/// Keys are not marked as to be understood, though 7.2.2.4.4.4.8 says so: Cyclone DDS does not either,
/// because others cannot deal with it.
fn member_flags(member: &Member) -> u16 {
    DISCARD
        | when(member.optional, IS_OPTIONAL)
        | when(member.must_understand, IS_MUST_UNDERSTAND)
        | when(member.key, IS_KEY)
}

/// The TypeObject of the type called `name`, whose parts are all `known`.
pub(super) fn bytes(
    name: &str,
    definition: &Definition,
    relation: Relation,
    known: &Known,
) -> Vec<u8> {
    let it = Object { name, relation, known };
    Out::bytes(|out| {
        out.delimited(|out| {
            out.u8(relation.kind());
            it.write(out, definition);
        });
    })
}

struct Object<'a> {
    name: &'a str,
    relation: Relation,
    known: &'a Known,
}

impl Object<'_> {
    fn write(&self, out: &mut Out, definition: &Definition) {
        match definition {
            Definition::Struct { extensibility, base, members } => {
                out.u8(TK_STRUCTURE);
                out.u16(type_flags(*extensibility));
                out.delimited(|out| {
                    match base {
                        Some(base) => self.identifier(out, &TypeRef::Named(base.clone())),
                        None => out.u8(NONE),
                    }
                    self.type_detail(out);
                });
                out.each(members.iter(), |out, member| {
                    out.delimited(|out| self.member(out, member))
                });
            }
            Definition::Union { extensibility, discriminator, discriminator_is_key, cases } => {
                out.u8(TK_UNION);
                out.u16(type_flags(*extensibility));
                out.delimited(|out| self.type_detail(out));
                out.delimited(|out| {
                    out.u16(DISCARD | IS_MUST_UNDERSTAND | when(*discriminator_is_key, IS_KEY));
                    self.identifier(out, discriminator);
                    self.no_annotations(out);
                });
                out.each(cases.iter(), |out, case| out.delimited(|out| self.case(out, case)));
            }
            Definition::Enum { bit_bound, literals, default } => {
                out.u8(TK_ENUM);
                out.u16(IS_FINAL);
                self.bit_bound(out, *bit_bound);
                // Without an annotation the first one.
                let default = default.as_ref().or(literals.first().map(|(name, _)| name));
                let mut literals: Vec<_> = literals.iter().collect();
                literals.sort_by_key(|(_, value)| *value);
                out.each(literals.into_iter(), |out, (name, value)| {
                    out.delimited(|out| {
                        out.delimited(|out| {
                            out.i32(*value);
                            out.u16(when(default == Some(name), IS_DEFAULT));
                        });
                        self.member_detail(out, name, None);
                    });
                });
            }
            Definition::Bitmask { bit_bound, flags } => {
                out.u8(TK_BITMASK);
                out.delimited(|out| {
                    out.u16(IS_FINAL);
                    self.bit_bound(out, *bit_bound);
                    let mut flags: Vec<_> = flags.iter().collect();
                    flags.sort_by_key(|(_, position)| *position);
                    out.each(flags.into_iter(), |out, (name, position)| {
                        out.delimited(|out| {
                            out.u16(*position);
                            out.u16(0);
                            self.member_detail(out, name, None);
                        });
                    });
                });
            }
        }
    }

    fn identifier(&self, out: &mut Out, ty: &TypeRef) {
        identifier::write(out, ty, self.relation, self.known);
    }

    fn is_complete(&self) -> bool {
        self.relation == Relation::Complete
    }

    /// `ann_builtin` and `ann_custom`, both absent.
    fn no_annotations(&self, out: &mut Out) {
        if self.is_complete() {
            out.u8(0);
            out.u8(0);
        }
    }

    fn type_detail(&self, out: &mut Out) {
        self.no_annotations(out);
        if self.is_complete() {
            out.string(self.name);
        }
    }

    fn bit_bound(&self, out: &mut Out, bit_bound: u16) {
        out.delimited(|out| {
            out.u16(bit_bound);
            self.type_detail(out);
        });
    }

    fn member_detail(&self, out: &mut Out, name: &str, unit: Option<&str>) {
        if !self.is_complete() {
            out.raw(&Md5::digest(name)[..4]);
            return;
        }
        out.string(name);
        match unit {
            None => self.no_annotations(out),
            Some(unit) => {
                out.u8(1);
                out.delimited(|out| {
                    out.u8(1);
                    out.string(unit);
                    // Neither min nor max nor hashid.
                    out.raw(&[0; 3]);
                });
                out.u8(0);
            }
        }
    }

    fn member(&self, out: &mut Out, member: &Member) {
        out.u32(member.id);
        out.u16(member_flags(member));
        self.identifier(out, &member.ty);
        self.member_detail(out, &member.name, member.unit.as_deref());
    }

    fn case(&self, out: &mut Out, case: &Case) {
        let member = &case.member;
        out.u32(member.id);
        out.u16(DISCARD | when(case.is_default, IS_DEFAULT));
        self.identifier(out, &member.ty);
        out.u32(case.labels.len() as u32);
        // `TypeObjects::of` has seen that they fit.
        case.labels.iter().for_each(|label| out.i32(*label as i32));
        self.member_detail(out, &member.name, member.unit.as_deref());
    }
}
