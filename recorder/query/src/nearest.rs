//! Finding what a mistyped name most likely meant.

/// The candidate closest to `name` by edit distance, if it is close enough to be worth suggesting.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(d, candidate)| *d <= 1 + candidate.chars().count().max(wanted.len()) / 3)
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, one row at a time.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_near_name_and_refuses_a_far_one() {
        let topics = ["plant/vibration", "plant/current", "plant/temperature"];
        assert_eq!(nearest("plant/vibratoin", topics), Some("plant/vibration"));
        assert_eq!(nearest("PLANT/CURRENT", topics), Some("plant/current"));
        assert_eq!(nearest("orders", topics), None);
    }

    #[test]
    fn edit_distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
