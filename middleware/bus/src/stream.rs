//! What is looked for at every wake-up of a participant, as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Gives what `next` finds, and asks it again after each wake-up when it found nothing.
pub(crate) struct Polled<F> {
    notify: Arc<Notify>,
    /// Kept while things come, so that only a wait makes a new one.
    listening: Option<Pin<Box<OwnedNotified>>>,
    next: F,
}

impl<F> Polled<F> {
    pub fn new(notify: Arc<Notify>, next: F) -> Self {
        Self { notify, listening: None, next }
    }
}

impl<F> Unpin for Polled<F> {}

impl<R, F: FnMut() -> Option<R>> Stream for Polled<F> {
    type Item = R;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R>> {
        let Self { notify, listening, next } = self.get_mut();
        loop {
            let mut waiting =
                listening.take().unwrap_or_else(|| Box::pin(notify.clone().notified_owned()));
            // Listening before looking: what comes in between is not missed.
            waiting.as_mut().enable();
            if let Some(found) = next() {
                *listening = Some(waiting);
                return Poll::Ready(Some(found));
            }
            if waiting.as_mut().poll(cx).is_pending() {
                *listening = Some(waiting);
                return Poll::Pending;
            }
        }
    }
}
