use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Datagram, Receiver};
use crate::intake::Intake;
use crate::options::Network;
use crate::rate::Rate;
use crate::split::{self, Piece};
use crate::stats::EndpointStats;
use crate::{Format, IngressError, IngressOptions, Reason, Reject};

/// How long to wait for datagrams before looking whether to stop, and at the kernel's counters.
const NAP: Duration = Duration::from_millis(100);
/// How long what goes on coming is still taken after the stop.
const LAST_CALL: Duration = Duration::from_millis(500);

/// What a UDP thread works with.
pub(crate) struct Job<'a, 'b> {
    pub format: Format,
    pub options: &'a IngressOptions,
    pub sources: &'a [Network],
    pub intake: &'a Intake<'b>,
    pub stats: &'a EndpointStats,
}

impl Job<'_, '_> {
    /// Receives until `stopped`; then what has arrived.
    pub fn run(
        &self,
        receiver: &mut Receiver,
        stopped: &impl Fn() -> bool,
    ) -> Result<(), IngressError> {
        let mut rate = Rate::new(self.options.max_rate);
        let mut looked = Instant::now();
        let mut damaged = 0;
        let failed = IngressError::system(receiver.address(), "receive");
        let mut receive =
            |timeout| receiver_step(self, receiver, timeout, &mut rate, &mut looked, &mut damaged);
        let result = (|| {
            while !stopped() {
                receive(NAP)?;
            }
            let end = Instant::now() + LAST_CALL;
            while receive(Duration::ZERO)? > 0 && Instant::now() < end {}
            Ok(())
        })();
        result.map_err(failed)
    }

    /// Takes what one datagram holds.
    pub fn take(&self, datagram: Datagram<'_>, rate: &mut Rate) {
        let Datagram { source, bytes } = datagram;
        EndpointStats::add(&self.stats.datagrams, 1);
        if !self.sources.is_empty() && !self.sources.iter().any(|net| net.holds(*source.ip())) {
            EndpointStats::add(&self.stats.foreign, 1);
            return;
        }
        if rate.take().is_err() {
            EndpointStats::add(&self.stats.over_rate, 1);
            return;
        }
        split::datagram(self.format, self.options.max_frame, bytes, |piece| {
            let refused = match piece {
                Piece::Whole(bytes) => {
                    self.intake.take(self.format, bytes, self.stats).result.err()
                }
                Piece::Skipped(reject, _) | Piece::Lost(reject) => Some(reject),
            };
            // Nothing is sent back: whoever forges his address must not reach others through us.
            if let Some(reject) = refused {
                self.stats.reject(&reject, &source);
            }
        });
    }
}

fn receiver_step(
    job: &Job<'_, '_>,
    receiver: &mut Receiver,
    timeout: Duration,
    rate: &mut Rate,
    looked: &mut Instant,
    damaged: &mut u64,
) -> std::io::Result<usize> {
    let count = receiver.receive(timeout, |datagram| job.take(datagram, rate))?;
    if looked.elapsed() >= NAP || timeout.is_zero() {
        *looked = Instant::now();
        job.stats.dropped_by_kernel.store(receiver.dropped(), Ordering::Relaxed);
        let now = receiver.damaged();
        for _ in *damaged..now {
            let reject = Reject::new(Reason::Malformed, "a datagram with a wrong checksum");
            job.stats.reject(&reject, &"the network");
        }
        *damaged = now;
    }
    Ok(count)
}
