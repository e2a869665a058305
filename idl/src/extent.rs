//! How large the samples of a type are.

use std::collections::HashMap;

use crate::descriptor::{Definition, Member, TypeDescriptor, TypeRef};

/// Bytes that are counted for a key's string without a smaller bound: it is a name.
const NAME: usize = 256;

/// Bytes up to which what has a bound is counted in full. A larger bound says how much there may be, not how
/// much there is.
const BOUNDED: usize = 4 << 10;

impl TypeDescriptor {
    /// Bytes that a sample has at most, as long as its keys are short. `None` where texts or sequences decide,
    /// which may be of any length.
    ///
    /// ```
    /// use tidewire_idl::TypeRegistry;
    ///
    /// let mut types = TypeRegistry::new();
    /// types.add_str("p.idl", "struct P { @key string name; double x[1000]; }; struct Q { sequence<P> all; };")?;
    /// let size = |name| types.get(name).and_then(|ty| ty.usual_size());
    /// assert!(size("P").is_some_and(|size| (8_000..9_000).contains(&size)));
    /// assert_eq!(size("Q"), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usual_size(&self) -> Option<usize> {
        Sizes { ty: self, known: HashMap::new() }.of_named(&self.name)
    }
}

/// Each definition is looked at once, however often it is used.
struct Sizes<'ty> {
    ty: &'ty TypeDescriptor,
    /// `None` also while it is being found out: what holds itself has no size.
    known: HashMap<&'ty str, Option<usize>>,
}

impl<'ty> Sizes<'ty> {
    fn of_named(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.known.get(name) {
            return *known;
        }
        let (name, definition) = self.ty.types.get_key_value(name)?;
        self.known.insert(name, None);
        let size = self.of_definition(definition);
        self.known.insert(name, size);
        size
    }

    fn of_definition(&mut self, definition: &'ty Definition) -> Option<usize> {
        match definition {
            Definition::Struct { base, members, .. } => {
                let base = base.as_ref().map_or(Some(0), |base| self.of_named(base))?;
                members
                    .iter()
                    .try_fold(base, |sum, member| sum.checked_add(self.of_member(member)?))
            }
            Definition::Union { discriminator, cases, .. } => {
                let largest = cases.iter().try_fold(0, |largest: usize, case| {
                    Some(largest.max(self.of_member(&case.member)?))
                })?;
                largest.checked_add(self.of(discriminator, false)?)
            }
            Definition::Enum { .. } => Some(4),
            Definition::Bitmask { .. } => Some(8),
        }
    }

    fn of_member(&mut self, member: &'ty Member) -> Option<usize> {
        self.of(&member.ty, member.key)
    }

    /// With the gap before it, or a parameter's header, if there is one.
    fn of(&mut self, ty: &'ty TypeRef, key: bool) -> Option<usize> {
        let own = match ty {
            TypeRef::Primitive(primitive) => Some(primitive.size()),
            TypeRef::String { bound } => text(*bound, 1, key),
            TypeRef::WString { bound } => text(*bound, 2, key),
            TypeRef::Sequence { element, bound } => {
                let all = self.of_all(element, (*bound)? as usize)?;
                Some(4 + all).filter(|_| all <= BOUNDED)
            }
            TypeRef::Array { element, dims } => {
                let count = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim as usize))?;
                self.of_all(element, count)
            }
            TypeRef::Named(name) => self.of_named(name),
        };
        own?.checked_add(8)
    }

    fn of_all(&mut self, element: &'ty TypeRef, count: usize) -> Option<usize> {
        match element {
            TypeRef::Primitive(primitive) => primitive.size(),
            element => self.of(element, false)?,
        }
        .checked_mul(count)
    }
}

fn text(bound: Option<u32>, width: usize, key: bool) -> Option<usize> {
    let most = bound.map_or(usize::MAX, |bound| (bound as usize).saturating_mul(width));
    if most <= BOUNDED {
        return Some(4 + most);
    }
    key.then_some(4 + NAME * width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypeRegistry;
    use crate::descriptor::Primitive;

    fn size(idl: &str) -> Option<usize> {
        let mut types = TypeRegistry::new();
        types.add_str("t.idl", idl).unwrap();
        types.get("T").unwrap().usual_size()
    }

    #[test]
    fn names_are_short_and_texts_are_not() {
        let all = size("struct T { @key string a; string<7> b; @key wstring c; };").unwrap();
        assert!((256 + 7 + 512..900).contains(&all), "{all}");
        assert_eq!(size("struct T { @key long id; string json; };"), None);
        assert_eq!(size("struct T { string<1048576> json; };"), None);
    }

    #[test]
    fn arrays_count_in_full_and_sequences_if_their_bound_is_small() {
        let frame = size("struct T { octet pixels[480][640]; };").unwrap();
        assert!((307_200..307_300).contains(&frame), "{frame}");
        let few = size("struct T { sequence<float, 16> few; };").unwrap();
        assert!((64..100).contains(&few), "{few}");
        assert_eq!(size("struct T { sequence<octet, 1048576> maybe; };"), None);
        assert_eq!(size("struct T { long n; sequence<octet> all; };"), None);
    }

    #[test]
    fn what_a_type_is_made_of_counts() {
        let idl = "struct Base { double x[100]; }; \
                   union U switch (long) { case 1: double small; case 2: float large[50]; }; \
                   struct Inner { U u; }; struct T : Base { Inner inner[3]; };";
        let all = size(idl).unwrap();
        assert!((800 + 3 * 200..1_600).contains(&all), "{all}");
        assert_eq!(size("struct A { sequence<long> all; }; struct T { A a; };"), None);
    }

    #[test]
    fn a_definition_is_looked_at_once() {
        // Each holds the next twice: 2^60 ways to the last.
        let mut idl = "struct S0 { long x; };\n".to_owned();
        for i in 1..60 {
            idl += &format!("struct S{i} {{ @optional S{} a; @optional S{} b; }};\n", i - 1, i - 1);
        }
        assert!(size(&(idl + "struct T { S59 s; };")).unwrap() > 1 << 59);
    }

    /// No parser makes these, but a description may come from anywhere.
    #[test]
    fn descriptions_without_measure_have_no_size() {
        let mut types = TypeRegistry::new();
        types.add_str("t.idl", "struct T { double x[2]; };").unwrap();
        let ty = types.get("T").unwrap();
        let with = |ty_of_x: TypeRef| {
            let mut ty = TypeDescriptor::clone(&ty);
            let Some(Definition::Struct { members, .. }) = ty.types.get_mut("T") else { panic!() };
            members[0].ty = ty_of_x;
            ty.usual_size()
        };
        let element = Box::new(TypeRef::Primitive(Primitive::F64));
        assert_eq!(with(TypeRef::Array { element, dims: vec![u32::MAX; 3] }), None);
        assert_eq!(with(TypeRef::Named("T".into())), None, "it holds itself");
        assert_eq!(with(TypeRef::Named("U".into())), None, "nobody knows it");
        let nothing = TypeDescriptor { name: "V".into(), ..TypeDescriptor::clone(&ty) };
        assert_eq!(nothing.usual_size(), None);
    }
}
