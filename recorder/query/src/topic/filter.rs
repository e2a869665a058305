//! The part of a WHERE clause that the store's index answers: times and points exactly, numbers by
//! the range of values that a block has.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// Half of every scan: which times (inclusive, ns since the Unix epoch) and which points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) points: Option<Vec<String>>,
}

impl Filter {
    /// `Some` when the filter says exactly what `expr` says, so that nobody need check again.
    pub(crate) fn exact(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::And => {
                Some(Self::exact(left)?.and(Self::exact(right)?))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::Or => {
                Self::exact(left)?.or(Self::exact(right)?)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (left.as_ref(), right.as_ref()) {
                    (Expr::Column(column), Expr::Literal(value, _)) => {
                        Self::compare(&column.name, *op, value)
                    }
                    (Expr::Literal(value, _), Expr::Column(column)) => {
                        Self::compare(&column.name, op.swap()?, value)
                    }
                    _ => None,
                }
            }
            Expr::Between(between) if !between.negated => {
                match (between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()) {
                    (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _))
                        if column.name == "time" =>
                    {
                        let (start, end) = (Some(nanoseconds(low)?), Some(nanoseconds(high)?));
                        Some(Self { start, end, points: None })
                    }
                    _ => None,
                }
            }
            Expr::InList(InList { expr, list, negated: false }) => match expr.as_ref() {
                Expr::Column(column) if column.name == "point" => {
                    let points = list
                        .iter()
                        .map(|item| match item {
                            Expr::Literal(value, _) => text(value),
                            _ => None,
                        })
                        .collect::<Option<Vec<_>>>()?;
                    Some(Self { points: Some(points), ..Self::default() })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn compare(column: &str, op: Operator, value: &ScalarValue) -> Option<Self> {
        match column {
            "time" => {
                let at = nanoseconds(value)?;
                let (start, end) = match op {
                    Operator::Eq => (Some(at), Some(at)),
                    Operator::GtEq => (Some(at), None),
                    Operator::LtEq => (None, Some(at)),
                    Operator::Gt => (Some(at.checked_add(1)?), None),
                    Operator::Lt => (None, Some(at.checked_sub(1)?)),
                    _ => return None,
                };
                Some(Self { start, end, points: None })
            }
            "point" if op == Operator::Eq => {
                Some(Self { points: Some(vec![text(value)?]), ..Self::default() })
            }
            _ => None,
        }
    }

    /// Both at once.
    pub(crate) fn and(self, other: Self) -> Self {
        let both = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        let points = match (self.points, other.points) {
            (Some(a), Some(b)) => Some(a.into_iter().filter(|p| b.contains(p)).collect()),
            (a, b) => a.or(b),
        };
        Self {
            start: both(self.start, other.start, i64::max),
            end: both(self.end, other.end, i64::min),
            points,
        }
    }

    /// Either; only lists of points can be joined without saying more than was said.
    fn or(self, other: Self) -> Option<Self> {
        let timeless = |f: &Self| f.start.is_none() && f.end.is_none();
        if !timeless(&self) || !timeless(&other) {
            return None;
        }
        let (mut points, more) = (self.points?, other.points?);
        points.extend(more);
        Some(Self { points: Some(points), ..Self::default() })
    }

    /// Whether nothing is left out.
    pub(crate) fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A range that a numeric column must touch for any row of a block to pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) column: String,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Bound {
    /// What `expr` demands of single columns; rows that pass must still be checked.
    pub(crate) fn of(expr: &Expr) -> Vec<Self> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if *op == Operator::And => {
                let mut bounds = Self::of(left);
                bounds.extend(Self::of(right));
                bounds
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let bound = match (column(left), column(right)) {
                    (Some(name), None) => Self::compare(name, *op, right),
                    (None, Some(name)) => op.swap().and_then(|op| Self::compare(name, op, left)),
                    _ => None,
                };
                bound.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn compare(column: &str, op: Operator, value: &Expr) -> Option<Self> {
        let Expr::Literal(value, _) = value else {
            return None;
        };
        if !value.data_type().is_numeric() {
            return None;
        }
        let ScalarValue::Float64(Some(at)) = value.cast_to(&DataType::Float64).ok()? else {
            return None;
        };
        let (low, high) = match op {
            Operator::Eq => (at, at),
            Operator::Gt | Operator::GtEq => (at, f64::INFINITY),
            Operator::Lt | Operator::LtEq => (f64::NEG_INFINITY, at),
            _ => return None,
        };
        Some(Self { column: column.to_owned(), low, high })
    }

    /// Whether a block with values from `min` to `max` may have a row that passes. Comparisons with
    /// NaN pass: nothing is known then.
    pub(crate) fn may_hold(&self, min: f64, max: f64) -> bool {
        !(max < self.low || min > self.high)
    }
}

/// The column that an operand is, seen through a widening to double.
fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        Expr::Cast(cast) if *cast.field.data_type() == DataType::Float64 => column(&cast.expr),
        _ => None,
    }
}

fn nanoseconds(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampNanosecond(Some(ns), _) => Some(*ns),
        ScalarValue::TimestampMicrosecond(Some(us), _) => us.checked_mul(1_000),
        ScalarValue::TimestampMillisecond(Some(ms), _) => ms.checked_mul(1_000_000),
        ScalarValue::TimestampSecond(Some(s), _) => s.checked_mul(1_000_000_000),
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn at(ns: i64) -> Expr {
        lit(ScalarValue::TimestampNanosecond(Some(ns), Some("UTC".into())))
    }

    #[test]
    fn reads_time_ranges_and_points() {
        let expr = col("time").gt(at(10)).and(at(20).gt_eq(col("time")));
        let filter = Filter::exact(&expr).unwrap();
        assert_eq!((filter.start, filter.end), (Some(11), Some(20)));

        let points = col("point").eq(lit("a")).or(col("point").in_list(vec![lit("b")], false));
        assert_eq!(Filter::exact(&points).unwrap().points, Some(vec!["a".into(), "b".into()]));
        let both = Filter::exact(&points.and(col("point").eq(lit("b")))).unwrap();
        assert_eq!(both.points, Some(vec!["b".into()]));
    }

    #[test]
    fn leaves_what_it_cannot_say_exactly() {
        assert_eq!(Filter::exact(&col("x").gt(lit(1))), None);
        assert_eq!(Filter::exact(&col("time").lt(at(1)).or(col("time").gt(at(5)))), None);
        assert_eq!(Filter::exact(&col("point").not_eq(lit("a"))), None);
        assert_eq!(Filter::exact(&col("time").gt(at(1)).and(col("x").gt(lit(1)))), None);
    }

    #[test]
    fn numbers_bound_blocks() {
        let expr =
            col("x").gt(lit(5.0)).and(lit(9i64).gt_eq(col("x"))).and(col("y").not_eq(lit(1)));
        let bounds = Bound::of(&expr);
        assert_eq!(bounds.len(), 2);
        let may_hold = |min, max| bounds.iter().all(|bound| bound.may_hold(min, max));
        assert!(may_hold(0.0, 6.0) && may_hold(8.0, 20.0) && may_hold(f64::NAN, f64::NAN));
        assert!(!may_hold(0.0, 4.9) && !may_hold(9.1, 20.0));
        assert!(Bound::of(&col("x").gt(lit(5)).or(col("y").gt(lit(1)))).is_empty());
    }
}
