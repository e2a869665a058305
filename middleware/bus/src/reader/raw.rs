//! Reading payloads as they are.

use std::sync::Arc;
use std::time::Duration;

use tidewire_filter::Filter;
use tidewire_idl::{Guid, Sample, TypeHandle};
use tidewire_qos::Qos;
use tidewire_transport::EndpointSpec;

use super::core::ReaderCore;
use super::status::reader_statuses;
use crate::error::{BusError, ReadError};
use crate::participant::{Core, RawTopic};

/// Reads serialised samples, encapsulation header included, without knowing their type. Disposes and
/// unregisters come as samples whose `info.state` says so; their payload is the serialised key.
pub struct RawReader {
    pub(super) core: Arc<ReaderCore>,
}

impl RawReader {
    pub(crate) fn new(
        core: &Arc<Core>,
        topic: &RawTopic,
        ty: Option<&TypeHandle>,
        qos: &Qos,
        filter: Option<Filter>,
        cached: bool,
    ) -> Result<Self, BusError> {
        let mut spec = EndpointSpec::new(&topic.name, &topic.type_name, topic.keyed);
        spec.qos = qos.clone();
        Ok(Self { core: ReaderCore::new(core, spec, ty.map(|ty| &**ty), filter, cached)? })
    }

    /// The next sample, if one is there.
    ///
    /// # Errors
    /// [`ReadError::Dds`] when nothing is there and the DDS backend has died.
    pub fn take(&self) -> Result<Option<Sample>, ReadError> {
        let taken = self.core.take()?;
        Ok(taken.map(|(info, payload)| Sample { info, payload: payload.into_bytes() }))
    }

    /// Appends up to `max` samples to `out` and says how many. Errors end it early and are logged; the
    /// next [`take`](Self::take) or call tells them again if they last.
    pub fn take_into(&self, out: &mut Vec<Sample>, max: usize) -> usize {
        for taken in 0..max {
            match self.take() {
                Ok(Some(sample)) => out.push(sample),
                Ok(None) => return taken,
                Err(error) => {
                    tracing::warn!(topic = self.topic(), %error, "reading stopped early");
                    return taken;
                }
            }
        }
        max
    }

    /// The next sample, waiting for it up to `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<Sample>, ReadError> {
        self.core.until(timeout, || self.take())
    }

    /// The next sample, for async code.
    pub async fn recv(&self) -> Result<Sample, ReadError> {
        self.core.until_async(|| self.take()).await
    }
}

/// What typed and raw readers tell of themselves.
macro_rules! reader_state {
    ($($head:tt)*) => {
        $($head)* {
            /// Its GUID.
            pub fn guid(&self) -> Guid {
                self.core.guid()
            }

            /// Topic name.
            pub fn topic(&self) -> &str {
                &self.core.spec.topic
            }

            /// The policies it was made with.
            pub fn qos(&self) -> &Qos {
                &self.core.spec.qos
            }

            /// Changes taken so far.
            pub fn received(&self) -> u64 {
                self.core.received()
            }

            /// Samples that were written while matched but never came: gaps in the writers' sequence
            /// numbers, and what a full queue had no room for.
            pub fn lost(&self) -> u64 {
                self.core.lost()
            }

            /// The content filter it was made with, and the parameters now in force.
            pub fn filter(&self) -> Option<Filter> {
                self.core.filter()
            }

            /// Gives the content filter other parameters, for samples not taken yet (DDS 1.4,
            /// 2.2.2.3.3.2). Over DDS samples are filtered as they come: those that wait to be
            /// taken have passed the old ones.
            ///
            /// # Errors
            /// [`BusError::Filter`] for parameters that do not fit the expression, which then keeps
            /// the old ones; [`BusError::NoFilter`] if the reader has none.
            pub fn set_expression_parameters(
                &self,
                parameters: &[&str],
            ) -> Result<(), BusError> {
                self.core.set_expression_parameters(parameters)
            }

            /// Samples the content filter kept back. They are neither received nor lost.
            pub fn filtered(&self) -> u64 {
                self.core.filtered()
            }

            /// Samples dropped because their writer announced another type on this topic.
            pub fn foreign(&self) -> u64 {
                self.core.foreign()
            }

            /// Waits for history of a TRANSIENT or PERSISTENT topic (DDS 1.4, 2.2.2.5.3.33): until the
            /// durability services of the domain have handed over what they keep for this reader,
            /// or it has been given up. False if `timeout` passed first, as it does where there is
            /// no service. Whoever takes after it gets history first. Readers that request less
            /// are told true at once: TRANSIENT_LOCAL writers do not say where their history ends.
            ///
            /// # Errors
            /// As for `take`.
            pub fn wait_for_historical_data(
                &self,
                timeout: Duration,
            ) -> Result<bool, crate::ReadError> {
                self.core.wait_for_historical_data(timeout)
            }

            /// Writers matched now, on this host and elsewhere.
            pub fn matched_writers(&self) -> usize {
                self.core.matched_writers()
            }

            /// Waits until at least `count` writers are matched.
            ///
            /// # Errors
            /// [`BusError::NobodyThere`] after `timeout`.
            pub fn wait_for_writers(
                &self,
                count: usize,
                timeout: Duration,
            ) -> Result<(), BusError> {
                self.core.wait_for_writers(count, timeout)
            }
        }
    };
}
pub(super) use reader_state;

reader_state!(impl RawReader);
reader_statuses!(impl RawReader);
