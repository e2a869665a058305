use serde::Serialize;
use serde::ser::SerializeStruct;

/// One measured quantity, ours beside a peer's.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured, with the size.
    pub name: String,
    /// `ns`, `1/s`, `B`.
    pub unit: &'static str,
    /// Median of our runs; of none it is NaN, as is what follows from it.
    pub ours: f64,
    /// Who stands beside us.
    pub peer: &'static str,
    /// Median of the peer's runs.
    pub theirs: f64,
    /// ours / theirs, the median over pairs of runs of the same round: below 1 is better for times and sizes,
    /// above 1 for rates. A machine that is slow for a while is so for both of a pair.
    pub ratio: f64,
    /// Between what half of the pairs' ratios lie: their quartiles.
    pub ratio_range: [f64; 2],
}

impl Figure {
    /// A figure from runs; those at the same place were of one round.
    pub fn of_runs(
        name: impl Into<String>,
        unit: &'static str,
        ours: &[f64],
        peer: &'static str,
        theirs: &[f64],
    ) -> Self {
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        Self {
            name: name.into(),
            unit,
            ours: median(ours),
            peer,
            theirs: median(theirs),
            ratio: median(&ratios),
            ratio_range: [quantile(&ratios, 0.25), quantile(&ratios, 0.75)],
        }
    }
}

/// The contract's keys: name, unit, ours, peer, theirs, ratio, ratio_range.
impl Serialize for Figure {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Figure", 7)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("unit", self.unit)?;
        object.serialize_field("ours", &self.ours)?;
        object.serialize_field("peer", self.peer)?;
        object.serialize_field("theirs", &self.theirs)?;
        object.serialize_field("ratio", &self.ratio)?;
        object.serialize_field("ratio_range", &self.ratio_range)?;
        object.end()
    }
}

/// The middle value; the mean of the two middle ones for an even count. NaN for none.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which the given part of `values` lies, interpolated linearly between neighbours.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let place = part * last as f64;
    let below = values[place.floor() as usize];
    let above = values[place.ceil() as usize];
    // Neither may be finite.
    if below == above { below } else { below + (above - below) * place.fract() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_runs_that_were_neighbours() {
        // The machine was ten times slower from the third run on, for us only in the last.
        let figure =
            Figure::of_runs("x", "ns", &[2.0, 4.0, 20.0, 210.0], "peer", &[1.0, 2.0, 10.0, 10.0]);
        assert_eq!((figure.ours, figure.theirs), (12.0, 6.0));
        assert_eq!(figure.ratio, 2.0);
        assert_eq!(figure.ratio_range, [2.0, 6.75]);
    }

    #[test]
    fn nobody_to_measure_is_not_a_number() {
        let figure = Figure::of_runs("x", "ns", &[1.0], "peer", &[]);
        assert!(figure.theirs.is_nan() && figure.ratio.is_nan() && figure.ratio_range[0].is_nan());
        assert_eq!(figure.ours, 1.0);
        let json = serde_json::to_value(figure).unwrap();
        assert_eq!(json["ratio_range"], serde_json::json!([null, null]));
    }

    #[test]
    fn the_middle_of_an_even_count_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    }
}
