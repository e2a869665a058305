//! The model file.
//!
//! ```text
//! offset  bytes  what
//! 0       8      magic "TWMODEL\n"
//! 8       4      format version, u32 little-endian
//! 12      4      length of the header H, u32 little-endian
//! 16      4      number of weights W, u32 little-endian
//! 20      H      header: UTF-8 JSON
//! 20+H    4W     weights: f32 little-endian, part after part
//! 20+H+4W 4      CRC-32 (IEEE) of everything before it, u32 little-endian
//! ```

use std::path::Path;

use super::{Header, Model};
use crate::{ModelError, detector};

const MAGIC: &[u8; 8] = b"TWMODEL\n";

/// The format this build writes, and the newest it reads.
pub const FORMAT: u32 = 1;

/// Bytes before the header.
const HEAD: usize = 20;

impl Model {
    /// The bytes of the model's file.
    ///
    /// # Errors
    /// When the header has no JSON form or exceeds 4 GiB.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ModelError> {
        let bad = |what: String| ModelError::Corrupt { place: self.header.id.clone(), what };
        let header = serde_json::to_vec(&self.header).map_err(|e| bad(e.to_string()))?;
        let weights: usize = self.header.parts.iter().map(|p| p.weights.len()).sum();
        let length = |n: usize| u32::try_from(n).map_err(|_| bad(format!("{n} is too long")));
        let mut out = Vec::with_capacity(HEAD + header.len() + 4 * weights + 4);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT.to_le_bytes());
        out.extend_from_slice(&length(header.len())?.to_le_bytes());
        out.extend_from_slice(&length(weights)?.to_le_bytes());
        out.extend_from_slice(&header);
        for weight in self.header.parts.iter().flat_map(|p| &p.weights) {
            out.extend_from_slice(&weight.to_le_bytes());
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        Ok(out)
    }

    /// Reads a model back; `place` says in errors where the bytes are from.
    ///
    /// # Errors
    /// When the bytes are no model, of a newer format, cut short or damaged.
    pub fn from_bytes(bytes: &[u8], place: &str) -> Result<Self, ModelError> {
        let place = place.to_string();
        if bytes.len() < 8 || bytes[..8] != *MAGIC {
            return Err(ModelError::NotAModel { place });
        }
        let short =
            |expected| ModelError::Truncated { place: place.clone(), found: bytes.len(), expected };
        let number = |at: usize| {
            let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
            four.map(u32::from_le_bytes).ok_or_else(|| short(HEAD))
        };
        let format = number(8)?;
        if format > FORMAT {
            return Err(ModelError::NewerFormat { place, found: format, known: FORMAT });
        }
        let (header_len, weight_count) = (number(12)? as usize, number(16)? as usize);
        let weights_at = HEAD + header_len;
        let crc_at = weights_at + 4 * weight_count;
        if bytes.len() < crc_at + 4 {
            return Err(short(crc_at + 4));
        }
        let (expected, found) = (number(crc_at)?, crc32fast::hash(&bytes[..crc_at]));
        if expected != found {
            return Err(ModelError::Checksum { place, found, expected });
        }
        let corrupt = |what: String| ModelError::Corrupt { place: place.clone(), what };
        let mut header: Header = serde_json::from_slice(&bytes[HEAD..weights_at])
            .map_err(|e| corrupt(format!("header: {e}")))?;
        let mut weights = bytes[weights_at..crc_at]
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let mut detectors = Vec::with_capacity(header.parts.len());
        for part in &mut header.parts {
            part.weights = weights.by_ref().take(part.weight_count).collect();
            if part.weights.len() != part.weight_count {
                return Err(corrupt(format!("the {} part has too few weights", part.kind)));
            }
            detectors.push(detector::load(part)?);
        }
        if detectors.is_empty() {
            return Err(corrupt("it holds no detector".into()));
        }
        Ok(Self { header, detectors })
    }

    /// Writes the model's file, by way of a temporary one beside it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let failed = |source| ModelError::Io { path: path.to_path_buf(), source };
        let bytes = self.to_bytes()?;
        let beside = path.with_extension("twm.tmp");
        std::fs::write(&beside, bytes).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    /// Reads a model's file.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes), and when the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path)
            .map_err(|source| ModelError::Io { path: path.to_path_buf(), source })?;
        Self::from_bytes(&bytes, &path.display().to_string())
    }
}
