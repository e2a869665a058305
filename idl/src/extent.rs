//! How large the samples of a type are.

use crate::descriptor::{Definition, Primitive, TypeDescriptor, TypeRef};

/// Bytes that are counted for a string, if its bound is no smaller: names, units, short texts.
const STRING: usize = 256;

/// Bytes up to which a bounded sequence is counted in full. A larger one says how much there may be,
/// not how much there is.
const SEQUENCE: usize = 4 << 10;

/// Types within types, beyond which a description is taken for recursive.
const DEPTH: usize = 64;

impl TypeDescriptor {
    /// Bytes that a sample has at most, as long as its strings are short. `None` where sequences decide,
    /// which may be of any length.
    ///
    /// ```
    /// use tidewire_idl::TypeRegistry;
    ///
    /// let mut types = TypeRegistry::new();
    /// types.add_str("p.idl", "struct P { @key string name; double x[1000]; }; struct Q { sequence<P> all; };")?;
    /// assert!((8_000..9_000).contains(&types.get("P").unwrap().usual_size().unwrap()));
    /// assert_eq!(types.get("Q").unwrap().usual_size(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn usual_size(&self) -> Option<usize> {
        self.size_of_definition(self.root(), 0)
    }

    fn size_of_definition(&self, definition: &Definition, depth: usize) -> Option<usize> {
        if depth > DEPTH {
            return None;
        }
        match definition {
            Definition::Struct { base, members, .. } => {
                let base = base.as_ref().map_or(Some(0), |base| self.size_of_named(base, depth))?;
                members
                    .iter()
                    .try_fold(base, |sum, member| sum.checked_add(self.size_of(&member.ty, depth)?))
            }
            Definition::Union { discriminator, cases, .. } => {
                let largest = cases.iter().try_fold(0, |largest: usize, case| {
                    Some(largest.max(self.size_of(&case.member.ty, depth)?))
                })?;
                largest.checked_add(self.size_of(discriminator, depth)?)
            }
            Definition::Enum { .. } => Some(4),
            Definition::Bitmask { .. } => Some(8),
        }
    }

    fn size_of_named(&self, name: &str, depth: usize) -> Option<usize> {
        self.size_of_definition(self.get(name)?, depth + 1)
    }

    /// With the gap before it, or a parameter's header, if there is one.
    fn size_of(&self, ty: &TypeRef, depth: usize) -> Option<usize> {
        let characters = |bound: &Option<u32>, width: usize| {
            let bound = bound.map_or(STRING, |bound| bound as usize);
            Some(4 + bound.min(STRING) * width)
        };
        let own = match ty {
            TypeRef::Primitive(primitive) => Some(primitive.size()),
            TypeRef::String { bound } => characters(bound, 1),
            TypeRef::WString { bound } => characters(bound, Primitive::WChar.size()),
            TypeRef::Sequence { element, bound } => {
                let all = self.size_of_all(element, bound.as_ref().map(|n| *n as usize)?, depth)?;
                Some(4 + all).filter(|_| all <= SEQUENCE)
            }
            TypeRef::Array { element, dims } => {
                let count = dims.iter().try_fold(1usize, |n, dim| n.checked_mul(*dim as usize))?;
                self.size_of_all(element, count, depth)
            }
            TypeRef::Named(name) => self.size_of_named(name, depth),
        };
        own?.checked_add(8)
    }

    fn size_of_all(&self, element: &TypeRef, count: usize, depth: usize) -> Option<usize> {
        match element {
            TypeRef::Primitive(primitive) => primitive.size(),
            element => self.size_of(element, depth)?,
        }
        .checked_mul(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypeRegistry;

    fn size(idl: &str) -> Option<usize> {
        let mut types = TypeRegistry::new();
        types.add_str("t.idl", idl).unwrap();
        types.get("T").unwrap().usual_size()
    }

    #[test]
    fn strings_count_as_short_ones() {
        let all = size("struct T { string a; string<7> b; wstring c; };").unwrap();
        assert!((256 + 7 + 512..900).contains(&all), "{all}");
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
    }
}
