use serde::Serialize;
use serde::ser::SerializeStruct;

/// One measured quantity, ours beside a peer's.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What was measured, with the size.
    pub name: String,
    /// `ns`, `1/s`, `B`.
    pub unit: &'static str,
    /// Median of our runs.
    pub ours: f64,
    /// Who stands beside us.
    pub peer: &'static str,
    /// Median of the peer's runs.
    pub theirs: f64,
}

impl Figure {
    /// A figure from two medians.
    pub fn new(
        name: impl Into<String>,
        unit: &'static str,
        ours: f64,
        peer: &'static str,
        theirs: f64,
    ) -> Self {
        Self { name: name.into(), unit, ours, peer, theirs }
    }

    /// ours / theirs: below 1 is better for times and sizes, above 1 for rates.
    pub fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }
}

/// The contract's keys: name, unit, ours, peer, theirs, ratio.
impl Serialize for Figure {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Figure", 6)?;
        object.serialize_field("name", &self.name)?;
        object.serialize_field("unit", self.unit)?;
        object.serialize_field("ours", &self.ours)?;
        object.serialize_field("peer", self.peer)?;
        object.serialize_field("theirs", &self.theirs)?;
        object.serialize_field("ratio", &self.ratio())?;
        object.end()
    }
}

/// The middle value; the mean of the two middle ones for an even count. NaN for none.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}
