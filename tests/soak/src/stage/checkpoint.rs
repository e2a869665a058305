//! All alive, all quiet, all books compared.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::Stage;
use super::slot::PATIENCE;
use crate::books::Side;
use crate::node::Order;

/// Between two looks at what readers have got.
const LOOK: Duration = Duration::from_millis(200);

impl Stage {
    /// Brings everybody to life, waits until all writers reach all readers, lets writing rest, and
    /// compares; says whether all held.
    pub fn checkpoint(&mut self) -> anyhow::Result<bool> {
        for slot in &mut self.slots {
            slot.resume = None;
            if slot.is_stopped() {
                slot.go_on()?;
            }
            slot.start()?;
        }
        let held = self
            .wait("everybody to start", |stage| stage.slots.iter().all(super::Slot::is_up))?
            && self.all_meet()?
            && self.all_rest(&Order::Hold)?
            && self.all_arrive()?
            && self.all_mark()?
            && self.all_arrive()?;
        let sides = self.sides();
        // What did not come about in time shows in the books, too.
        let wrong = self.audit.check(&self.topics, &sides);
        self.report.wrong.extend(wrong);
        self.series.take(&self.slots, &self.store);
        self.report.row(&sides, &self.series, &self.audit);
        let writers: BTreeSet<String> =
            sides.iter().flat_map(|side| &side.written).map(|book| book.writer.clone()).collect();
        self.audit.keep(&writers);
        for slot in &mut self.slots {
            slot.order(&Order::Go(writers.clone()));
            slot.disturbed = false;
        }
        Ok(held && self.report.wrong.is_empty())
    }

    /// Everything of every process that is compared.
    fn sides(&self) -> Vec<Side> {
        let side = |slot: &super::Slot| {
            let (read, frozen) = slot.read().cloned().unwrap_or_default();
            Side {
                name: slot.role.name.clone(),
                pid: slot.pid().unwrap_or_default(),
                shm: slot.role.shm,
                dds: slot.role.dds,
                disturbed: slot.disturbed,
                frozen,
                written: slot.written().cloned().unwrap_or_default(),
                read,
            }
        };
        self.slots.iter().map(side).collect()
    }

    /// Asks readers until each has heard of each writer.
    fn all_meet(&mut self) -> anyhow::Result<bool> {
        self.ask_until("all writers to reach all readers", |stage| {
            stage.slots.iter().all(|reader| {
                let Some((reads, _)) = reader.read() else { return true };
                let writers = stage.slots.iter().filter(|writer| writer.role.reaches(&reader.role));
                writers.filter_map(super::Slot::writers).all(|writers| {
                    reads.iter().all(|read| {
                        !stage.topics[read.topic].is_stream()
                            || read.tracks.contains_key(&writers[read.topic])
                    })
                })
            })
        })
    }

    /// Gives writers an order that ends with their books.
    fn all_rest(&mut self, order: &Order) -> anyhow::Result<bool> {
        for slot in self.slots.iter_mut().filter(|slot| slot.role.writes) {
            slot.order(order);
        }
        self.wait("writers to rest", |stage| {
            stage.slots.iter().all(|slot| !slot.role.writes || slot.written().is_some())
        })
    }

    /// Has one more sample of each topic written, so that what is missing at the end shows as a gap.
    /// A process on DDS alone that was killed holds writers until its lease ends.
    fn all_mark(&mut self) -> anyhow::Result<bool> {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let refused = self.audit.refused();
            if !self.all_rest(&Order::Mark)? {
                return Ok(false);
            }
            if self.audit.refused() == refused {
                return Ok(true);
            }
            if Instant::now() > deadline {
                self.report.wrong.push("writers are still refused samples".to_owned());
                return Ok(false);
            }
            std::thread::sleep(5 * LOOK);
        }
    }

    /// Asks readers until each has what was written last.
    fn all_arrive(&mut self) -> anyhow::Result<bool> {
        self.ask_until("the last samples to arrive", |stage| {
            stage.slots.iter().all(|reader| {
                let Some((reads, _)) = reader.read() else { return true };
                let writers = stage.slots.iter().filter(|writer| writer.role.reaches(&reader.role));
                let books = writers.filter_map(super::Slot::written).flatten();
                books.into_iter().all(|book| {
                    let Some(read) = reads.iter().find(|read| read.topic == book.topic) else {
                        return true;
                    };
                    let topic = &stage.topics[book.topic];
                    if !topic.is_stream() {
                        return book.values.iter().all(|(p, v)| read.values.get(p) == Some(v));
                    }
                    let last = read.tracks.get(&book.writer).map_or(0, |track| track.last);
                    !topic.is_reliable()
                        || last == book.last
                        || stage.audit.is_refused(&book.writer, book.last)
                })
            })
        })
    }

    fn ask_until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Self) -> bool,
    ) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for slot in self.slots.iter_mut().filter(|slot| slot.role.reads) {
                slot.order(&Order::Books);
            }
            let answered = self.wait("readers to tell their books", |stage| {
                stage.slots.iter().all(|slot| !slot.role.reads || slot.read().is_some())
            })?;
            if !answered || done(self) {
                return Ok(answered);
            }
            if Instant::now() > deadline {
                self.report.wrong.push(format!("waited {PATIENCE:?} in vain for {what}"));
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.hear();
            if !self.report.wrong.is_empty() {
                return Ok(false);
            }
            if done(self) {
                return Ok(true);
            }
            if Instant::now() > deadline {
                self.report.wrong.push(format!("waited {PATIENCE:?} in vain for {what}"));
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
