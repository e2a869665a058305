//! What Cyclone says in its log while a call of ours runs.

use std::cell::RefCell;

thread_local! {
    /// There while this thread listens.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Why a call has failed.
pub(crate) struct Refusal {
    /// What its return code means.
    pub code: String,
    words: Vec<String>,
}

impl Refusal {
    /// What was said, or what the return code means if nothing was.
    pub fn reason(&self) -> String {
        if self.words.is_empty() { self.code.clone() } else { self.words.join("; ") }
    }
}

/// Runs `work`, whose error is a return code's meaning; the errors that Cyclone logs meanwhile on this
/// thread say more.
pub(crate) fn listening<R>(work: impl FnOnce() -> Result<R, String>) -> Result<R, Refusal> {
    HEARD.set(Some(Vec::new()));
    let result = work();
    let words = HEARD.take().unwrap_or_default();
    if result.is_ok() {
        words.iter().for_each(|message| tracing::error!("Cyclone DDS: {message}"));
    }
    result.map_err(|code| Refusal { code, words })
}

/// Takes an error of the log; false if nobody listens.
pub(crate) fn hear(message: &str) -> bool {
    HEARD.with_borrow_mut(|heard| match heard {
        Some(heard) => {
            heard.push(plain(message).to_owned());
            true
        }
        None => false,
    })
}

/// Without the code at the end.
fn plain(message: &str) -> &str {
    let message = message.split("(code: ").next().unwrap_or(message);
    message.trim_end_matches([':', ' ', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_while_somebody_listens() {
        assert!(!hear("before"));
        let refusal = listening(|| -> Result<(), String> {
            assert!(hear("It is not allowed: no grant(code: 138)\n"));
            Err("Error".to_owned())
        })
        .unwrap_err();
        assert_eq!((&*refusal.code, &*refusal.reason()), ("Error", "It is not allowed: no grant"));
        assert!(!hear("after"));
        assert_eq!(listening(|| Err::<(), _>("Error".to_owned())).unwrap_err().reason(), "Error");
    }
}
