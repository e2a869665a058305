//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to `wrong`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = wrong.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (wrong.len().max(candidate.len()) / 3).max(1)
                || (wrong.len() >= 4 && candidate.to_ascii_lowercase().contains(&folded))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// `` did you mean `x`? known: a, b, c ``
pub(crate) fn remedy(wrong: &str, candidates: &[&str]) -> String {
    let known = format!("known: {}", candidates.join(", "));
    match nearest(wrong, candidates.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {known}"),
        None => known,
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_stays_silent_otherwise() {
        let known = ["reliability", "durability", "history", "deadline"];
        assert_eq!(nearest("relibility", known), Some("reliability"));
        assert_eq!(nearest("Deadlien", known), Some("deadline"));
        assert_eq!(
            nearest("RELIABLE", ["RELIABLE_RELIABILITY_QOS"]),
            Some("RELIABLE_RELIABILITY_QOS")
        );
        assert_eq!(nearest("colour", known), None);
    }
}
