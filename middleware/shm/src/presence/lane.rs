//! What a slot may hold: a writer, or a reader on some lane.

/// The way a sample takes: which iceoryx2 service of the topic.
///
/// Reliability is one choice: a full RELIABLE reader makes the writer wait, a full BEST_EFFORT one
/// loses its oldest sample. Width is the other: iceoryx2 looks at every subscriber there could be
/// with every sample, so the first readers share a narrow service and later ones get wider ones, at
/// the price of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lane(u8);

impl Lane {
    /// Readers that fit, by width.
    const WIDTHS: [usize; 3] = [8, 32, 128];
    pub(crate) const COUNT: usize = 2 * Self::WIDTHS.len();

    /// The narrow lane.
    pub(crate) fn of(reliable: bool) -> Self {
        Self(u8::from(!reliable))
    }

    pub(crate) fn is_reliable(self) -> bool {
        self.0 & 1 == 0
    }

    /// All lanes, narrow ones first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT as u8).map(Self)
    }

    /// The next wider lane of the same reliability.
    pub(crate) fn wider(self) -> Option<Self> {
        (self.index() + 2 < Self::COUNT).then_some(Self(self.0 + 2))
    }

    /// Readers that fit.
    pub(crate) fn width(self) -> usize {
        Self::WIDTHS[self.index() / 2]
    }

    /// All readers of a topic that fit on one host, of one reliability.
    pub(crate) fn all_widths() -> usize {
        Self::WIDTHS.iter().sum()
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    fn decode(word: u32) -> Option<Self> {
        u8::try_from(word).ok().map(Self).filter(|lane| lane.index() < Self::COUNT)
    }
}

/// What a slot describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointKind {
    Reader(Lane),
    /// It sends on whatever lanes have readers.
    Writer,
}

impl EndpointKind {
    const WRITER: u32 = 0x100;
    const READER: u32 = 0x200;

    pub(super) fn encode(self) -> u32 {
        match self {
            Self::Reader(lane) => Self::READER | u32::from(lane.0),
            Self::Writer => Self::WRITER,
        }
    }

    pub(super) fn decode(word: u32) -> Option<Self> {
        match (word & 0xff00, word & 0xff) {
            (Self::READER, lane) => Lane::decode(lane).map(Self::Reader),
            (Self::WRITER, 0) => Some(Self::Writer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_endpoint_is_told_apart() {
        let mut kinds = vec![EndpointKind::Writer];
        for reliable in [true, false] {
            let mut lane = Some(Lane::of(reliable));
            while let Some(now) = lane {
                assert_eq!(now.is_reliable(), reliable);
                kinds.push(EndpointKind::Reader(now));
                lane = now.wider();
            }
        }
        assert_eq!(kinds.len(), 1 + Lane::COUNT);
        for kind in &kinds {
            assert_eq!(EndpointKind::decode(kind.encode()), Some(*kind));
        }
        assert_eq!(EndpointKind::decode(0), None);
        assert_eq!(EndpointKind::decode(EndpointKind::READER | 6), None);
    }
}
