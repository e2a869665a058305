//! Asks the recordings of a run what they hold: row counts, faults and anomalies.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use tidewire_query::Engine;

use super::summary::{Anomaly, Fault};

/// A recording open for questions.
pub struct Books {
    engine: Engine,
}

impl Books {
    /// Opens the recording in `dir`.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let engine =
            Engine::open(dir).with_context(|| format!("cannot query {}", dir.display()))?;
        Ok(Self { engine })
    }

    /// Names of the recorded topics.
    pub fn topics(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.engine.topics()?.into_iter().map(|t| t.meta.name.clone()).collect())
    }

    /// Samples of a topic by the recording's own books.
    pub fn recorded(&self, topic: &str) -> anyhow::Result<u64> {
        Ok(self.engine.count(topic)?)
    }

    /// Rows of a topic by `SELECT count(*)`.
    pub fn count(&self, topic: &str) -> anyhow::Result<u64> {
        let table = self.engine.sql_blocking(&format!("SELECT count(*) FROM {}", quoted(topic)))?;
        let first = table.rows().next().and_then(|row| row.first().and_then(number));
        first
            .and_then(|n| u64::try_from(n).ok())
            .with_context(|| format!("no count came back for {topic}"))
    }

    /// The faults announced on `truth`, each once or twice.
    pub fn faults(&self, truth: &str) -> anyhow::Result<Vec<Fault>> {
        let sql = format!("SELECT point, topic, kind, id, start_ns, end_ns FROM {}", quoted(truth));
        let table = self.engine.sql_blocking(&sql)?;
        Ok(table
            .rows()
            .filter_map(|row| {
                Some(Fault {
                    point: text(row.first()?)?,
                    topic: text(row.get(1)?)?,
                    kind: text(row.get(2)?)?,
                    id: u64::try_from(number(row.get(3)?)?).ok()?,
                    start_ns: number(row.get(4)?)?,
                    end_ns: number(row.get(5)?)?,
                })
            })
            .collect())
    }

    /// The anomalies announced on `anomaly`.
    pub fn anomalies(&self, anomaly: &str) -> anyhow::Result<Vec<Anomaly>> {
        // As an integer: a timestamp's text would have to be parsed again.
        let sql = format!(
            "SELECT point, topic, start_ns, end_ns, CAST(time AS BIGINT) FROM {}",
            quoted(anomaly)
        );
        let table = self.engine.sql_blocking(&sql)?;
        Ok(table
            .rows()
            .filter_map(|row| {
                Some(Anomaly {
                    point: text(row.first()?)?,
                    topic: text(row.get(1)?)?,
                    start_ns: number(row.get(2)?)?,
                    end_ns: number(row.get(3)?)?,
                    said_ns: number(row.get(4)?)?,
                })
            })
            .collect())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn number(value: &Value) -> Option<i64> {
    // Counts beyond 2^53 may come as text.
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
