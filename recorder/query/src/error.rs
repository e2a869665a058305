//! What can go wrong with a query, and what to do about it.

use std::path::PathBuf;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use tidewire_idl::nearest;
use tidewire_store::StoreError;

/// Why a query gave no table.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The recording could not be opened or read.
    #[error("recording {dir}: {source}")]
    Store {
        /// The recording's directory.
        dir: PathBuf,
        /// What the store said.
        source: StoreError,
    },
    /// The text is not SQL.
    #[error("SQL syntax error{}: {message}{}", place(.line, .column), remedy(.hint))]
    Syntax {
        /// What the parser expected and found.
        message: String,
        /// Line from 1; 0 when the text ended too early.
        line: u64,
        /// Column from 1; 0 when the text ended too early.
        column: u64,
        /// A remedy, when one is likely.
        hint: Option<String>,
    },
    /// `FROM` names no recorded topic.
    #[error("no topic \"{name}\" in this recording{}; it has {}", meant(.nearest), listed(.known))]
    UnknownTable {
        /// The name as written.
        name: String,
        /// The closest recorded topic.
        nearest: Option<String>,
        /// All recorded topics.
        known: Vec<String>,
    },
    /// An expression names no column of the tables in use.
    #[error("no column \"{name}\"{}; there are {}", meant(.nearest), listed(.known))]
    UnknownColumn {
        /// The name as written.
        name: String,
        /// The closest column.
        nearest: Option<String>,
        /// All columns in scope.
        known: Vec<String>,
    },
    /// The statement would change something; a recording is only read here.
    #[error(
        "a recording is only read: SELECT, SHOW TABLES, DESCRIBE and EXPLAIN work, {0} does not"
    )]
    ReadOnly(String),
    /// The statement is well formed but cannot be planned or run.
    #[error("{0}")]
    Plan(String),
    /// The query runtime could not start.
    #[error("cannot start the query threads: {0}")]
    Runtime(std::io::Error),
    /// Writing the result failed.
    #[error("cannot write the result: {0}")]
    Write(#[from] std::io::Error),
}

fn place(line: &u64, column: &u64) -> String {
    match (line, column) {
        (0, 0) => String::new(),
        (line, column) => format!(" at line {line}, column {column}"),
    }
}

fn remedy(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!("\n  hint: {h}")).unwrap_or_default()
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(" (did you mean \"{n}\"?)")).unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 24;
    if names.is_empty() {
        return "none".into();
    }
    let mut text =
        names.iter().take(SHOWN).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

impl QueryError {
    pub(crate) fn unknown_table(name: &str, mut known: Vec<String>) -> Self {
        known.sort();
        let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self::UnknownTable { name: name.to_owned(), nearest, known }
    }

    /// Turns what DataFusion says into what a user can act on.
    pub(crate) fn from_datafusion(error: DataFusionError, sql: &str, topics: &[String]) -> Self {
        match unwrap(error) {
            DataFusionError::SQL(error, _) => syntax(&error, sql, topics),
            DataFusionError::SchemaError(error, _) => schema(*error),
            DataFusionError::External(error) => match error.downcast::<QueryError>() {
                Ok(error) => *error,
                Err(error) => Self::Plan(error.to_string()),
            },
            other => Self::Plan(plain(&other.strip_backtrace())),
        }
    }
}

/// Peels context and diagnostics off down to the error that has a meaning.
fn unwrap(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            unwrap(*inner)
        }
        DataFusionError::Collection(mut errors) if !errors.is_empty() => unwrap(errors.remove(0)),
        DataFusionError::ArrowError(inner, _) => match *inner {
            datafusion::arrow::error::ArrowError::ExternalError(error) => {
                match error.downcast::<DataFusionError>() {
                    Ok(error) => unwrap(*error),
                    Err(error) => DataFusionError::External(error),
                }
            }
            other => DataFusionError::ArrowError(Box::new(other), None),
        },
        DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
            Ok(inner) => unwrap(inner),
            Err(shared) => DataFusionError::Execution(shared.to_string()),
        },
        other => other,
    }
}

fn plain(message: &str) -> String {
    let message = message.split("\n\nbacktrace").next().unwrap_or(message);
    let prefixes =
        ["Error during planning: ", "Execution error: ", "This feature is not implemented: "];
    let message = prefixes.iter().find_map(|p| message.strip_prefix(p)).unwrap_or(message);
    if message.contains("Timestamp(") && message.contains("Int64") {
        return format!("{message}\n  hint: write a time as '2026-01-31T12:00:00Z'");
    }
    message.to_owned()
}

fn syntax(error: &ParserError, sql: &str, topics: &[String]) -> QueryError {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply".into(),
    };
    let (message, line, column) = match text.rfind(" at Line: ") {
        Some(at) => {
            let mut numbers = text[at..]
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|digits| digits.parse::<u64>().ok());
            let line = numbers.next().unwrap_or(0);
            (text[..at].to_owned(), line, numbers.next().unwrap_or(0))
        }
        None => (text.clone(), 0, 0),
    };
    QueryError::Syntax { message, line, column, hint: quote_hint(sql, topics) }
}

/// The usual slip: a topic such as `plant/vibration` without its double quotes.
fn quote_hint(sql: &str, topics: &[String]) -> Option<String> {
    let plain = |t: &str| t.chars().all(|c| c.is_alphanumeric() || c == '_');
    topics
        .iter()
        .filter(|t| !plain(t))
        .find(|t| sql.contains(t.as_str()) && !sql.contains(&format!("\"{t}\"")))
        .map(|t| format!("quote the topic's name: \"{t}\""))
}

fn schema(error: SchemaError) -> QueryError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let mut known: Vec<String> = valid_fields.iter().map(|c| c.name.clone()).collect();
            known.dedup();
            // `a.b` of an unknown relation `a` may well be meant as the flat column "a.b".
            let name = match &field.relation {
                Some(relation) => format!("{}.{}", relation.table(), field.name),
                None => field.name.clone(),
            };
            let nearest = nearest(&name, known.iter().map(String::as_str))
                .or_else(|| nearest(&field.name, known.iter().map(String::as_str)))
                .map(str::to_owned);
            QueryError::UnknownColumn { name, nearest, known }
        }
        SchemaError::AmbiguousReference { field } => QueryError::Plan(format!(
            "column \"{}\" is in more than one table: write it with its table's name or alias",
            field.name
        )),
        other => QueryError::Plan(other.to_string()),
    }
}
