//! "Did you mean": the nearest of the names that would have been right.

use strsim::osa_distance;

/// The candidate nearest to `wrong`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = wrong.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (osa_distance(&folded, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            *distance <= (wrong.len().max(candidate.len()) / 3).max(1)
                || (wrong.len() >= 4 && candidate.to_ascii_lowercase().contains(&folded))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
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
