//! Which topics cross: allow and deny patterns.
//!
//! ```
//! let filter = tidewire_bridge::filter::Filter::new(&["pump*".into()], &["pump2/*".into()]).unwrap();
//! assert!(filter.passes("pump1/vibration"));
//! assert!(!filter.passes("pump2/vibration"));
//! assert!(!filter.passes("arm/imu"));
//! ```

use regex::{Regex, RegexSet};

use crate::BridgeError;

/// Compiled patterns. A topic passes if an allow pattern matches and no deny pattern does.
#[derive(Clone, Debug)]
pub struct Filter {
    allow: RegexSet,
    deny: RegexSet,
}

impl Filter {
    /// `*` stands for any run of characters, `?` for one.
    ///
    /// # Errors
    /// Too large a pattern.
    pub fn new(allow: &[String], deny: &[String]) -> Result<Self, BridgeError> {
        Ok(Self { allow: set(allow)?, deny: set(deny)? })
    }

    /// Whether samples of `topic` cross.
    pub fn passes(&self, topic: &str) -> bool {
        self.allow.is_match(topic) && !self.deny.is_match(topic)
    }
}

fn set(patterns: &[String]) -> Result<RegexSet, BridgeError> {
    let regex = |pattern: &String| {
        let body = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        let text = format!("^{body}$");
        Regex::new(&text).map(|_| text).map_err(|error| BridgeError::Pattern {
            pattern: pattern.clone(),
            detail: error.to_string(),
        })
    };
    let texts = patterns.iter().map(regex).collect::<Result<Vec<_>, _>>()?;
    RegexSet::new(texts).map_err(|error| BridgeError::Pattern {
        pattern: patterns.join(" "),
        detail: error.to_string(),
    })
}
