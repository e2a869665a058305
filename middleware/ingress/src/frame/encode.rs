use tidewire_idl::InstanceState;

use super::{Frame, HEADER, MAGIC, VERSION, flags};
use crate::{Reason, Reject};

impl Frame<'_> {
    /// Appends the frame to `out`.
    ///
    /// # Errors
    /// Names of 0 or more than 255 bytes, a payload beyond 4 GiB; nothing is appended then.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), Reject> {
        let wrong = |what: &str| Reject::new(Reason::Malformed, what.to_owned());
        let byte = |name: &str, what| match u8::try_from(name.len()) {
            Ok(length) if length > 0 => Ok(length),
            _ => Err(wrong(what)),
        };
        let topic = byte(self.topic, "a topic name has 1 to 255 bytes")?;
        let type_name = byte(self.type_name, "a type name has 1 to 255 bytes")?;
        let key = self.key.map_or(0, |_| 16);
        let after = HEADER - 4 + self.topic.len() + self.type_name.len() + key;
        let length = u32::try_from(after.saturating_add(self.payload.len()))
            .map_err(|_| wrong("a frame has at most 4 GiB"))?;
        let mut bits = match self.change {
            InstanceState::Alive => 0,
            InstanceState::Disposed => 1,
            InstanceState::Unregistered => 2,
        };
        for (set, bit) in [
            (self.keyed, flags::KEYED),
            (self.key.is_some(), flags::KEY_HASH),
            (self.answer, flags::ANSWER),
        ] {
            bits |= if set { bit } else { 0 };
        }
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, bits, 0, topic, type_name]);
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.source_time.to_le_bytes());
        out.extend_from_slice(self.topic.as_bytes());
        out.extend_from_slice(self.type_name.as_bytes());
        if let Some(key) = self.key {
            out.extend_from_slice(&key.0);
        }
        out.extend_from_slice(self.payload);
        Ok(())
    }
}
