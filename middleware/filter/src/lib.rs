//! Filter expressions of DDS (1.4, annex B), checked against a type and evaluated on payloads.
//!
//! A [`Filter`] reads the fields its expression names, and nothing behind them, so a sample need not
//! be decoded to be passed over. It may use `idl` alone; the bus puts filters into its readers. Start
//! at [`Filter`]; `parse` is the grammar, `check` the types, `eval` the meaning.
//!
//! ```
//! use tidewire_filter::Filter;
//! use tidewire_idl::{Encoding, TypeSupport};
//! use tidewire_types::market::{Side, Trade};
//!
//! let expression = "symbol LIKE 'EUR%' AND (size >= %0 OR side = BUY)";
//! let mut filter = Filter::new(&Trade::descriptor(), expression, &["500"])?;
//!
//! let trade = Trade { symbol: "EURUSD".into(), size: 100, side: Side::Sell, ..Default::default() };
//! let mut payload = Vec::new();
//! trade.encode(Encoding::default(), &mut payload);
//! assert!(!filter.matches(&payload)?);
//! filter.set_parameters(&["50"])?;
//! assert!(filter.matches(&payload)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The expressions
//!
//! ```text
//! condition   condition AND condition | condition OR condition | NOT condition | ( condition )
//!             | term = term           (also <> < <= > >=; one of the two is a field)
//!             | field LIKE text       (% any characters, _ one; \% and \_ the characters themselves)
//!             | field [NOT] BETWEEN value AND value
//! term        field | value
//! field       speed | accel.x | position[2] | grid[1][0] | result.$discriminator
//! value       42 | -7 | 0x2a | 1.5e3 | 'text' | 'RUNNING' | RUNNING | State::RUNNING | TRUE | FALSE | %0 … %99
//! ```
//!
//! NOT binds before AND, AND before OR. Keywords are not case sensitive. In texts `''` and `\'` are a
//! quote, `\\` is a backslash, `\n`, `\r` and `\t` are what they are elsewhere. Elements, booleans,
//! enumerators without quotes and escapes are extensions of annex B.
//!
//! # What they mean
//!
//! - Integers compare exactly, signed with unsigned and with floating point numbers. NaN is equal to
//!   nothing, itself included, and neither less nor greater; `x <> x` finds it. A literal with a point
//!   or exponent that is compared with a `float` is rounded to `float` first, so that `x = 0.1` can
//!   be true.
//! - Texts compare by code points; a character is a text of one. Enumerations compare by number.
//! - A predicate on something that is not there is false, whatever its operator: an absent optional
//!   member, another case of a union, an element past the end of a sequence. `NOT` of it is true. A
//!   member that an older writer does not know has its default.
//! - A name that is both a member and an enumerator is the member; quotes make it the enumerator.

mod ast;
mod check;
mod constant;
mod error;
mod eval;
mod filter;
mod lex;
mod like;
mod parse;

pub use error::FilterError;
pub use filter::Filter;
