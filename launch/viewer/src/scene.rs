//! The layout: a tab per site, a plot per point and topic, what went wrong below.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use rerun::RecordingStream;
use rerun::blueprint::{
    Blueprint, BlueprintActivation, BlueprintPanel, ContainerLike, Grid, SelectionPanel, Tabs,
    TextLogView, TimePanel, TimeSeriesView, Vertical,
};
use rerun::external::re_sdk_types::blueprint::components::PanelState;

use crate::ViewError;

/// The timeline all entities are on: source time.
pub const TIMELINE: &str = "time";

/// What the scene shows: site → point → topics with curves.
#[derive(Default)]
pub struct Scene {
    sites: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    changed: bool,
}

impl Scene {
    /// Notes that curves of `topic` at `point` exist.
    pub fn add(&mut self, site: &str, point: &str, topic: &str) {
        let topics =
            self.sites.entry(site.to_owned()).or_default().entry(point.to_owned()).or_default();
        self.changed |= topics.insert(topic.to_owned());
    }

    /// Sends the layout where something new appeared since the last call. Only then: it replaces
    /// what a person has arranged by hand.
    ///
    /// # Errors
    /// Rerun refused the blueprint.
    pub fn send(&mut self, stream: &RecordingStream) -> Result<(), ViewError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        self.blueprint().send(stream, BlueprintActivation::default())?;
        Ok(())
    }

    fn blueprint(&self) -> Blueprint {
        let sites: Vec<ContainerLike> = self.sites.keys().map(|site| self.site(site)).collect();
        let log: ContainerLike =
            TextLogView::new("anomalies and injected faults").with_contents(["/**"]).into();
        let plots: ContainerLike =
            if sites.len() > 1 { Vertical::new(sites).into() } else { Tabs::new(sites).into() };
        Blueprint::new(Vertical::new([plots, log]).with_row_shares(vec![4.0, 1.0]))
            .with_blueprint_panel(BlueprintPanel::from_state(PanelState::Collapsed))
            .with_selection_panel(SelectionPanel::from_state(PanelState::Collapsed))
            .with_time_panel(
                TimePanel::new().with_state(PanelState::Collapsed).with_timeline(TIMELINE),
            )
    }

    fn site(&self, site: &str) -> ContainerLike {
        let plots: Vec<ContainerLike> = self.sites[site]
            .iter()
            .flat_map(|(point, topics)| {
                topics.iter().map(move |topic| {
                    TimeSeriesView::new(format!("{point} {topic}"))
                        .with_origin(topic_path(site, point, topic))
                        // A score has no unit of the topic's: it would flatten the curves.
                        .with_contents(["$origin/**", "- $origin/anomaly/**"])
                        .into()
                })
            })
            .collect();
        let columns = (plots.len() as f64).sqrt().ceil().clamp(1.0, 5.0) as u32;
        Grid::new(plots).with_name(site).with_grid_columns(columns).into()
    }
}

/// `/site/point/topic`, where `point` may carry slashes of its own.
pub fn topic_path(site: &str, point: &str, topic: &str) -> String {
    let point = point.strip_prefix(site).unwrap_or(point);
    format!("/{site}/{}/{}", point.trim_matches('/'), topic.trim_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_named_after_its_site_does_not_repeat_it() {
        assert_eq!(topic_path("plant", "plant/pump1", "vibration"), "/plant/pump1/vibration");
        assert_eq!(topic_path("plant", "arm", "/imu"), "/plant/arm/imu");
    }

    #[test]
    fn the_layout_is_sent_once_per_change() {
        let mut scene = Scene::default();
        scene.add("plant", "pump1", "vibration");
        assert!(scene.changed);
        let (stream, storage) = rerun::RecordingStreamBuilder::new("test").memory().unwrap();
        scene.send(&stream).unwrap();
        let after_first = storage.take().len();
        scene.add("plant", "pump1", "vibration");
        scene.send(&stream).unwrap();
        assert!(after_first > 0);
        assert_eq!(storage.take().len(), 0, "nothing new, nothing sent");
    }
}
