//! The topic as DataFusion sees it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::filter::{Bound, Filter};
use super::scan::{Topic, TopicScan};

/// One topic of one snapshot.
pub(crate) struct TopicTable(pub(crate) Arc<Topic>);

impl TopicTable {
    /// Deals the points out to at most `threads` partitions. A point's chunks stay together.
    fn partitions(&self, filter: &Filter, threads: usize) -> Vec<Option<Vec<String>>> {
        let points: Vec<&String> = self
            .0
            .points
            .iter()
            .filter(|p| filter.points.as_ref().is_none_or(|wanted| wanted.contains(p)))
            .collect();
        let count = threads.min(points.len());
        if count <= 1 {
            return vec![filter.points.clone()];
        }
        let mut parts = vec![Vec::new(); count];
        for (i, point) in points.into_iter().enumerate() {
            parts[i % count].push(point.clone());
        }
        parts.into_iter().map(Some).collect()
    }
}

impl fmt::Debug for TopicTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicTable").field("topic", &self.0.shape.topic).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for TopicTable {
    fn schema(&self) -> SchemaRef {
        self.0.shape.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |expr: &&Expr| match Filter::exact(expr) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None if !Bound::of(expr).is_empty() => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = match projection {
            Some(projection) => projection.clone(),
            None => (0..self.0.shape.sources.len()).collect(),
        };
        let schema = Arc::new(self.0.shape.schema.project(&projection)?);
        let filter = filters.iter().filter_map(Filter::exact).fold(Filter::default(), Filter::and);
        let inexact = filters.iter().filter(|expr| Filter::exact(expr).is_none());
        let bounds = inexact.flat_map(Bound::of).collect();
        let partitions = self.partitions(&filter, state.config().target_partitions());
        Ok(Arc::new(TopicScan::new(
            self.0.clone(),
            schema,
            projection,
            filter,
            bounds,
            partitions,
            limit,
        )))
    }
}
