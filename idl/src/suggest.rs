//! "Did you mean": the nearest name.

use strsim::osa_distance;

/// The candidate nearest to a mistyped name, if one is near enough to be meant.
///
/// ```
/// assert_eq!(tidewire_idl::nearest("flot", ["long", "float"]), Some("float"));
/// assert_eq!(tidewire_idl::nearest("flot", ["string"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 256 {
        return None;
    }
    let limit = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|c| c.len().abs_diff(name.len()) <= limit * 4)
        .map(|c| (osa_distance(&name.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_count_once() {
        assert_eq!(nearest("dobule", ["double"]), Some("double"));
        assert_eq!(nearest("Positoin", ["position", "effort"]), Some("position"));
        assert_eq!(nearest("", ["a"]), Some("a"));
    }
}
