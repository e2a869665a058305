//! What the writers of a topic have set aside on this host, for people who size /dev/shm.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use iceoryx2::prelude::{CallbackProgression, PortFactory};
use tidewire_transport::EndpointSpec;

use crate::domain::ShmDomain;
use crate::error::ShmError;
use crate::presence::Lane;
use crate::service;
use crate::wire::Cell;

/// The memory one writer has for one kind of readers; see [`ShmDomain::segments`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name of the writer's participant, as far as it is ASCII.
    pub participant: String,
    /// Whether it is for RELIABLE readers; else for BEST_EFFORT ones.
    pub reliable: bool,
    /// Samples that fit.
    pub chunks: usize,
    /// Payload bytes that fit into each.
    pub chunk_size: usize,
    /// Bytes of address space, headers included: what it can grow to.
    pub reserved: u64,
    /// Bytes of memory taken now.
    pub used: u64,
}

impl ShmDomain {
    /// The memory that writers of a topic have on this host now. A writer without readers on this host
    /// has none.
    ///
    /// # Errors
    /// [`ShmError::Incompatible`] or [`ShmError::Backend`] if the topic's services cannot be looked at.
    pub fn segments(&self, spec: &EndpointSpec) -> Result<Vec<Segment>, ShmError> {
        let files = self.files();
        let mut segments = Vec::new();
        for lane in Lane::all() {
            let Some(factory) = service::open_existing(self.node(), spec, lane)? else { continue };
            let mut names = HashMap::new();
            let listed = factory.nodes(|state| {
                if let iceoryx2::prelude::NodeState::Alive(node) = state {
                    use iceoryx2::node::NodeView;
                    let name = node.details().as_ref().map(|details| details.name().to_string());
                    names.insert(node.id().value(), name.unwrap_or_default());
                }
                CallbackProgression::Continue
            });
            if let Err(error) = listed {
                tracing::debug!(?error, "cannot tell whose memory it is");
            }
            factory.dynamic_config().list_publishers(|publisher| {
                let (reserved, used) = files
                    .get(&publisher.publisher_id.value())
                    .and_then(|path| std::fs::metadata(path).ok())
                    .map_or((0, 0), |file| (file.len(), 512 * file.blocks()));
                segments.push(Segment {
                    participant: names.get(&publisher.node_id.value()).cloned().unwrap_or_default(),
                    reliable: lane.is_reliable(),
                    chunks: publisher.number_of_samples,
                    chunk_size: publisher.max_slice_len * size_of::<Cell>() - crate::wire::PAD,
                    reserved,
                    used,
                });
                CallbackProgression::Continue
            });
        }
        segments.sort_by(|a, b| (&a.participant, !a.reliable).cmp(&(&b.participant, !b.reliable)));
        Ok(segments)
    }

    /// The files of this domain's publishers, by publisher id: iceoryx2 names them
    /// `<prefix><hash>_<id>.data`.
    fn files(&self) -> HashMap<u128, PathBuf> {
        let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        let id = |name: &str| {
            let name = name.strip_prefix(self.iceoryx_prefix())?.strip_suffix(".data")?;
            name.rsplit('_').next()?.parse().ok()
        };
        entries.filter_map(|entry| Some((id(entry.file_name().to_str()?)?, entry.path()))).collect()
    }
}
