//! From SQL text to a table.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, mpsc};

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures::TryStreamExt;
use tidewire_store::{StoreError, TopicSummary};
use tokio::runtime::Runtime;

use crate::error::QueryError;
use crate::pool::{Pool, Snapshot};
use crate::table::{CsvWriter, Format, JsonWriter, Table};
use crate::topic::{Shape, Topic, TopicTable};
use crate::{listing, names};

/// Answers SQL about one recording.
///
/// Each statement sees one consistent snapshot taken when it starts, so a recording can be asked
/// while another process writes it.
///
/// A topic is a table of the same name with `time` (UTC, ns), `point` and one column per member:
/// `accel.x`, `position[0]`; of an unknown type `size` and `payload` instead. Quote names that are not plain words: `FROM "plant/vibration"`.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// tidewire_store::Store::open(dir.path(), Default::default())?.close()?;
/// let engine = tidewire_query::Engine::open(dir.path())?;
/// let error = engine.sql_blocking("SELECT * FROM nothing").unwrap_err();
/// assert_eq!(error.to_string(), r#"no topic "nothing" in this recording; it has none"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    inner: Arc<Inner>,
    runtime: OnceLock<Runtime>,
}

struct Inner {
    dir: PathBuf,
    pool: Arc<Pool>,
}

impl Engine {
    /// Opens the recording in `dir` for reading; takes no lock.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, QueryError> {
        let dir = dir.as_ref().to_owned();
        let inner = Inner { pool: Arc::new(Pool::new(dir.clone())), dir };
        inner.snapshot()?;
        Ok(Self { inner: Arc::new(inner), runtime: OnceLock::new() })
    }

    /// The recorded topics as of now.
    pub fn topics(&self) -> Result<Vec<TopicSummary>, QueryError> {
        Ok(self.inner.snapshot()?.topics())
    }

    /// How many data samples of a topic are recorded as of now, which is how many rows its table
    /// has; reads no block. Disposes are recorded and replayed, but are no rows.
    pub fn count(&self, topic: &str) -> Result<u64, QueryError> {
        let topics = self.topics()?;
        match topics.iter().find(|t| t.meta.name == topic) {
            Some(found) => Ok(found.alive),
            None => {
                let known = topics.iter().map(|t| t.meta.name.clone()).collect();
                Err(QueryError::unknown_table(topic, known))
            }
        }
    }

    /// Runs one statement. Must be called on a Tokio runtime; see [`Engine::sql_blocking`].
    pub async fn sql(&self, sql: &str) -> Result<Table, QueryError> {
        self.inner.table(sql).await
    }

    /// Runs one statement on the engine's own threads and waits for the answer.
    pub fn sql_blocking(&self, sql: &str) -> Result<Table, QueryError> {
        let (inner, sql) = (self.inner.clone(), sql.to_owned());
        let (sender, answer) = mpsc::sync_channel(1);
        self.runtime()?.spawn(async move {
            // The receiver waits below; were it gone, nobody would want the answer.
            let _ = sender.send(inner.table(&sql).await);
        });
        answer.recv().map_err(|_| stopped())?
    }

    /// Runs one statement and writes the rows as they come: CSV and JSON of any length in bounded
    /// memory; a table of text is aligned, which takes all rows first. Returns the number of rows.
    pub fn write_blocking(
        &self,
        sql: &str,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<u64, QueryError> {
        if format == Format::Table {
            let table = self.sql_blocking(sql)?;
            table.write(format, out)?;
            return Ok(table.len() as u64);
        }
        let (inner, text) = (self.inner.clone(), sql.to_owned());
        let (sender, answers) = mpsc::sync_channel(4);
        self.runtime()?.spawn(async move {
            match inner.run(&text).await {
                Ok(Answer::Table(table)) => {
                    let _ = sender.send(Ok(Part::Names(table.columns().to_vec())));
                    for batch in table.batches() {
                        let _ = sender.send(Ok(Part::Rows(batch.clone())));
                    }
                }
                Ok(Answer::Running(mut running)) => {
                    let _ = sender.send(Ok(Part::Names(running.names.clone())));
                    loop {
                        let part = match running.stream.try_next().await {
                            Ok(Some(batch)) => Ok(Part::Rows(batch)),
                            Ok(None) => break,
                            Err(error) => Err(running.error(error, &text)),
                        };
                        let last = part.is_err();
                        // Blocks this worker while the writer is behind: that is the bound.
                        if sender.send(part).is_err() || last {
                            break;
                        }
                    }
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            }
        });
        write_parts(format, out, &answers)
    }

    fn runtime(&self) -> Result<&Runtime, QueryError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let made = tokio::runtime::Builder::new_multi_thread()
            .thread_name("tidewire-query")
            // Deep plans of unoptimised builds need more than the default 2 MiB.
            .thread_stack_size(8 << 20)
            .enable_all()
            .build()
            .map_err(QueryError::Runtime)?;
        Ok(self.runtime.get_or_init(|| made))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A plain drop would panic where the engine is dropped on another runtime's worker.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a statement turns into.
enum Answer {
    Table(Table),
    Running(Running),
}

/// A planned statement whose rows are on their way.
struct Running {
    stream: SendableRecordBatchStream,
    names: Vec<String>,
    notes: Vec<String>,
    /// Topics in use, for notes about samples that did not decode.
    topics: Vec<Arc<Topic>>,
    known: Vec<String>,
}

impl Running {
    fn error(&self, error: datafusion::error::DataFusionError, sql: &str) -> QueryError {
        QueryError::from_datafusion(error, sql, &self.known)
    }
}

enum Part {
    Names(Vec<String>),
    Rows(datafusion::arrow::array::RecordBatch),
}

fn write_parts(
    format: Format,
    out: &mut dyn Write,
    parts: &mpsc::Receiver<Result<Part, QueryError>>,
) -> Result<u64, QueryError> {
    let Part::Names(names) = parts.recv().map_err(|_| stopped())?? else {
        return Err(stopped());
    };
    let mut rows = 0;
    let mut next = || -> Result<_, QueryError> {
        match parts.recv() {
            Ok(Ok(Part::Rows(batch))) => {
                rows += batch.num_rows() as u64;
                Ok(Some(batch))
            }
            Ok(Ok(Part::Names(_))) | Err(_) => Ok(None),
            Ok(Err(error)) => Err(error),
        }
    };
    match format {
        Format::Json => {
            let mut writer = JsonWriter::new(out, &names)?;
            while let Some(batch) = next()? {
                writer.batch(&batch)?;
            }
            writer.finish()?;
        }
        Format::Csv | Format::Table => {
            let mut writer = CsvWriter::new(out, &names)?;
            while let Some(batch) = next()? {
                writer.batch(&batch)?;
            }
        }
    }
    Ok(rows)
}

/// The task died without an answer, which only a panic in it can cause.
fn stopped() -> QueryError {
    QueryError::Plan("the query stopped without an answer; see the log".into())
}

impl Inner {
    fn failed(&self, source: StoreError) -> QueryError {
        QueryError::Store { dir: self.dir.clone(), source }
    }

    /// The recording as it is now.
    fn snapshot(&self) -> Result<Arc<Snapshot>, QueryError> {
        Pool::snapshot(&self.pool).map(Arc::new).map_err(|e| self.failed(e))
    }

    async fn table(&self, sql: &str) -> Result<Table, QueryError> {
        let mut running = match self.run(sql).await? {
            Answer::Table(table) => return Ok(table),
            Answer::Running(running) => running,
        };
        let schema = running.stream.schema();
        let mut batches = Vec::new();
        loop {
            match running.stream.try_next().await {
                Ok(Some(batch)) => batches.push(batch),
                Ok(None) => break,
                Err(error) => return Err(running.error(error, sql)),
            }
        }
        let mut notes = running.notes;
        for topic in &running.topics {
            let bad = topic.undecodable.load(Ordering::Relaxed);
            if bad > 0 {
                notes.push(format!(
                    "{bad} samples of \"{}\" did not decode as the recorded type: NULL",
                    topic.shape.topic
                ));
            }
        }
        Ok(Table::new(schema, batches, running.names, notes))
    }

    async fn run(&self, sql: &str) -> Result<Answer, QueryError> {
        let snapshot = self.snapshot()?;
        let summaries = snapshot.topics();
        let known: Vec<String> = summaries.iter().map(|t| t.meta.name.clone()).collect();
        let failed = |error| QueryError::from_datafusion(error, sql, &known);

        let context = session();
        let state = context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let mut statement = state.sql_to_statement(sql, &dialect).map_err(failed)?;
        match &statement {
            Statement::Statement(ast) => match **ast {
                SqlStatement::ShowTables { .. } => {
                    return Ok(Answer::Table(listing::tables(&summaries)));
                }
                SqlStatement::Query(_)
                | SqlStatement::Explain { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowFunctions { .. } => {}
                _ => return Err(read_only(sql)),
            },
            Statement::Explain(_) => {}
            _ => return Err(read_only(sql)),
        }

        let shapes: Vec<Arc<Shape>> = summaries
            .iter()
            .map(|t| Arc::new(Shape::new(&t.meta.name, t.meta.descriptor.as_ref())))
            .collect();
        let columns_of = |topic: &str| match shapes.iter().find(|s| s.topic == topic) {
            Some(shape) => shape.schema.fields().iter().map(|f| f.name().clone()).collect(),
            None => Vec::new(),
        };
        let (used, notes) = names::resolve(&mut statement, &known, columns_of);
        let mut topics = Vec::new();
        for (summary, shape) in summaries.iter().zip(&shapes) {
            let times = summary.first.zip(summary.last);
            let topic = Arc::new(Topic {
                shape: shape.clone(),
                meta: summary.meta.clone(),
                snapshot: snapshot.clone(),
                points: summary.points.clone(),
                rows: summary.alive,
                times: times.filter(|_| summary.alive == summary.samples),
                undecodable: Default::default(),
            });
            if used.contains(&summary.meta.name) {
                topics.push(topic.clone());
            }
            let table: Arc<dyn TableProvider> = Arc::new(TopicTable(topic));
            context
                .register_table(TableReference::bare(summary.meta.name.as_str()), table)
                .map_err(failed)?;
        }
        for reference in state.resolve_table_references(&statement).map_err(failed)? {
            let ours = matches!(&reference, TableReference::Bare { .. })
                && !state.table_functions().contains_key(reference.table());
            if ours && !known.iter().any(|t| t == reference.table()) {
                return Err(QueryError::unknown_table(reference.table(), known));
            }
        }

        let plan = context.state().statement_to_plan(statement).await.map_err(failed)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| read_only(sql))?;
        let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
        let names = column_names(&frame, &used);
        let stream = frame.execute_stream().await.map_err(failed)?;
        Ok(Answer::Running(Running { stream, names, notes, topics, known }))
    }
}

/// The statement by its first word.
fn read_only(sql: &str) -> QueryError {
    QueryError::ReadOnly(sql.split_whitespace().next().unwrap_or("it").to_uppercase())
}

fn session() -> SessionContext {
    let config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema("recording", "topics");
    SessionContext::new_with_config(config)
}

/// Column names as a user would say them: `avg(x)` for the planner's `avg(plant/vibration.x)`, and
/// with the table in front only where two columns would be called the same.
fn column_names(frame: &datafusion::dataframe::DataFrame, topics: &[String]) -> Vec<String> {
    let schema = frame.schema();
    let short: Vec<String> = schema
        .iter()
        .map(|(_, field)| match topics {
            [topic] => plain(&field.name().replace(&format!("{topic}."), "")),
            _ => plain(field.name()),
        })
        .collect();
    let mut names = Vec::with_capacity(short.len());
    for (i, (relation, field)) in schema.iter().enumerate() {
        let twice = short.iter().filter(|n| **n == short[i]).count() > 1;
        names.push(match relation {
            Some(relation) if twice => format!("{}.{}", relation.table(), field.name()),
            _ => short[i].clone(),
        });
    }
    names
}

/// The planner writes the type around every literal: `round(x,Int64(2))` is read as `round(x,2)`.
fn plain(name: &str) -> String {
    const WRAPPERS: [&str; 6] = ["Utf8(", "Int64(", "Float64(", "Boolean(", "UInt64(", "Int32("];
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((at, wrapper)) =
        WRAPPERS.iter().filter_map(|w| Some((rest.find(w)?, *w))).min_by_key(|(at, _)| *at)
    {
        let inner = &rest[at + wrapper.len()..];
        let Some(end) = inner.find(')') else {
            break;
        };
        out.push_str(&rest[..at]);
        out.push_str(&inner[..end].replace('"', "'"));
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_lose_their_types() {
        assert_eq!(plain("round(x / Int64(3),Int64(2))"), "round(x / 3,2)");
        assert_eq!(plain(r#"like(point,Utf8("a%"))"#), "like(point,'a%')");
        assert_eq!(plain("x"), "x");
        assert_eq!(plain("Int64("), "Int64(");
    }
}
