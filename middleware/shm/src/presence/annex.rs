//! What of an endpoint has no fixed length: its names, its partition, the octets it announces.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tidewire_qos::Qos;

use crate::error::ShmError;

/// Longest topic or type name in bytes.
const NAME_MAX: usize = 255;

/// Bytes that the partition and the octets of one endpoint may have, two for each name and octet
/// sequence included.
pub const ANNOUNCED_MAX: usize = 4096;

/// Words of an [`Annex`]: names and policies, each with its length.
const WORDS: usize = (ANNOUNCED_MAX + 2 * (NAME_MAX + 2)).div_ceil(8);

/// Bytes of [`ANNOUNCED_MAX`] that policies take.
pub fn announced_len(qos: &Qos) -> usize {
    let names = qos.partition.iter().map(String::len);
    let octets = [&qos.user_data, &qos.topic_data, &qos.group_data].map(Vec::len);
    names.chain(octets).map(|len| len + 2).sum()
}

/// Whether there is more to say of the policies than fits a slot.
pub(super) fn is_needed(qos: &Qos) -> bool {
    !qos.partition.is_empty()
        || !qos.user_data.is_empty()
        || !qos.topic_data.is_empty()
        || !qos.group_data.is_empty()
}

/// The place for it, beside the slot of the same index. Never touched, it takes no memory.
#[repr(C)]
pub(crate) struct Annex {
    len: AtomicU32,
    words: [AtomicU64; WORDS],
}

/// The same, as its endpoint says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) topic: String,
    pub(crate) type_name: String,
}

impl Annex {
    /// Written before the slot is taken, while nobody looks.
    pub(super) fn store(&self, text: &Text) {
        for (word, bytes) in self.words.iter().zip(text.0.chunks(8)) {
            let mut value = [0; 8];
            value[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(value), Ordering::Relaxed);
        }
        self.len.store(text.0.len() as u32, Ordering::Relaxed);
    }

    /// What is there; the caller makes sure that it belongs to one endpoint alone.
    pub(super) fn load(&self) -> Text {
        let len = (self.len.load(Ordering::Relaxed) as usize).min(WORDS * 8);
        let words = self.words[..len.div_ceil(8)].iter();
        let mut bytes: Vec<u8> =
            words.flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
        bytes.truncate(len);
        Text(bytes)
    }
}

/// Names and policies one after the other, each after its length in two bytes; the partition is last.
pub(super) struct Text(Vec<u8>);

impl Text {
    pub(super) fn new(names: &Names, qos: &Qos) -> Result<Self, ShmError> {
        let announced = announced_len(qos);
        for (what, name, len, max) in [
            ("topic name", &*names.topic, names.topic.len(), NAME_MAX),
            ("type name", &*names.type_name, names.type_name.len(), NAME_MAX),
            (
                "partition and user, topic and group data of",
                &*names.topic,
                announced,
                ANNOUNCED_MAX,
            ),
        ] {
            if len > max {
                return Err(ShmError::TooLong { what, name: name.to_owned(), len, max });
            }
        }
        let mut bytes = Vec::new();
        let fixed = [
            names.topic.as_bytes(),
            names.type_name.as_bytes(),
            &qos.user_data,
            &qos.topic_data,
            &qos.group_data,
        ];
        for part in fixed.into_iter().chain(qos.partition.iter().map(String::as_bytes)) {
            bytes.extend_from_slice(&(part.len() as u16).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Ok(Self(bytes))
    }

    /// The names; the policies go into `qos`. What is cut short is left out: nobody of ours wrote it.
    pub(super) fn read(&self, qos: &mut Qos) -> Names {
        let mut parts = Parts(&self.0);
        let mut next = || parts.next().unwrap_or_default().to_vec();
        let names = Names { topic: text(&next()), type_name: text(&next()) };
        (qos.user_data, qos.topic_data, qos.group_data) = (next(), next(), next());
        qos.partition = parts.map(text).collect();
        names
    }
}

fn text(bytes: &(impl AsRef<[u8]> + ?Sized)) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}

struct Parts<'text>(&'text [u8]);

impl<'text> Iterator for Parts<'text> {
    type Item = &'text [u8];

    fn next(&mut self) -> Option<&'text [u8]> {
        let (len, rest) = self.0.split_first_chunk::<2>()?;
        let (part, rest) = rest.split_at_checked(u16::from_le_bytes(*len).into())?;
        self.0 = rest;
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names { topic: "plant/pump".into(), type_name: "T".into() }
    }

    #[test]
    fn names_partition_and_octets_survive_shared_memory() {
        let qos = Qos {
            partition: vec!["east".into(), String::new(), "plant*".into()],
            user_data: vec![0, 1, 255],
            group_data: vec![7; 300],
            ..Qos::default()
        };
        let annex = Annex { len: 0.into(), words: [const { AtomicU64::new(u64::MAX) }; WORDS] };
        annex.store(&Text::new(&names(), &qos).unwrap());
        let mut found = Qos::default();
        assert_eq!(annex.load().read(&mut found), names());
        assert_eq!(found, qos);
        // Whatever another process may have left there.
        annex.len.store(u32::MAX, Ordering::Relaxed);
        annex.words.iter().for_each(|word| word.store(0xffff_ffff_ffff_ff00, Ordering::Relaxed));
        annex.load().read(&mut found);
    }

    #[test]
    fn the_longest_fits_and_one_byte_more_is_refused_with_its_name() {
        let longest = Names { topic: "t".repeat(NAME_MAX), type_name: "T".repeat(NAME_MAX) };
        let mut qos = Qos { user_data: vec![9; ANNOUNCED_MAX - 6], ..Qos::default() };
        assert_eq!(announced_len(&qos), ANNOUNCED_MAX);
        let annex = Annex { len: 0.into(), words: [const { AtomicU64::new(0) }; WORDS] };
        annex.store(&Text::new(&longest, &qos).unwrap());
        let mut found = Qos::default();
        assert_eq!((annex.load().read(&mut found), &found), (longest, &qos));
        qos.group_data.push(1);
        let error = Text::new(&names(), &qos).err().unwrap().to_string();
        assert!(error.contains("plant/pump") && error.contains("4097"), "{error}");
    }
}
