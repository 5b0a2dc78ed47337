//! One list, kept up to date: listed, watched, listed again when the watch is lost.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::core::WatchEvent;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::Pace;
use crate::cluster::{Call, Cluster, ClusterError, Form};

/// Pauses after failures: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// A watch that ends sooner was cut off by somebody who may do so again.
const SHORT: Duration = Duration::from_secs(1);
/// Failures in a row before they are told; one may be a balancer's mood.
const TOLD_AFTER: u32 = 2;

/// Something that can be followed.
pub(super) trait Object: DeserializeOwned + Clone + Send + 'static {
    /// Its resource version.
    fn version(&self) -> &str;
}

/// What is heard of a list.
#[derive(Debug)]
pub(super) enum News<T> {
    /// It is listed anew; what is known counts until the list is complete.
    Begin,
    /// A part of the list.
    Part(Vec<T>),
    /// The list is complete.
    Complete,
    /// New or changed.
    Set(T),
    /// Gone.
    Gone(T),
    /// The watch runs: what is known stays true until something else is heard.
    Watching,
    /// It may not be listed.
    Forbidden,
    /// The cluster has no such kind.
    Absent,
    /// It cannot be had at the moment, and why.
    Failing(String),
}

impl<T> News<T> {
    /// The same news of something else.
    pub(super) fn map<U>(self, mut of: impl FnMut(T) -> U) -> News<U> {
        match self {
            News::Begin => News::Begin,
            News::Part(objects) => News::Part(objects.into_iter().map(of).collect()),
            News::Complete => News::Complete,
            News::Set(object) => News::Set(of(object)),
            News::Gone(object) => News::Gone(of(object)),
            News::Watching => News::Watching,
            News::Forbidden => News::Forbidden,
            News::Absent => News::Absent,
            News::Failing(why) => News::Failing(why),
        }
    }
}

/// What to follow.
#[derive(Clone, Debug)]
pub(super) struct Followed<'a> {
    pub(super) list: Call<'a>,
    pub(super) form: Form,
    /// Objects that are wanted at most, roughly.
    pub(super) most: usize,
}

/// Tells `hear` what happens to a list, for ever.
pub(super) async fn follow<T: Object>(
    cluster: &Cluster,
    followed: &Followed<'_>,
    pace: &Pace,
    mut hear: impl FnMut(News<T>),
) -> std::convert::Infallible {
    let mut failures = 0;
    let mut version = None;
    loop {
        let begun = Instant::now();
        let error = match run(cluster, followed, pace, &mut version, &mut hear).await {
            Ok(()) if begun.elapsed() >= SHORT => {
                failures = 0;
                continue;
            }
            Ok(()) => {
                failures += 1;
                sleep(pause(failures)).await;
                continue;
            }
            Err(error) => error,
        };
        match error.code() {
            // What came after `version` is forgotten.
            Some(410) if version.is_some() => version = None,
            Some(code @ (403 | 404)) => {
                version = None;
                hear(if code == 403 { News::Forbidden } else { News::Absent });
                sleep(spread(pace.closed)).await;
                continue;
            }
            _ => {}
        }
        failures += 1;
        tracing::debug!(call = %followed.list, %error, failures, "a watch failed");
        if failures >= TOLD_AFTER {
            hear(News::Failing(error.to_string()));
        }
        sleep(pause(failures)).await;
    }
}

/// Lists unless `version` says from where to go on, then watches until the watch ends.
async fn run<T: Object>(
    cluster: &Cluster,
    followed: &Followed<'_>,
    pace: &Pace,
    version: &mut Option<String>,
    hear: &mut impl FnMut(News<T>),
) -> Result<(), ClusterError> {
    let Followed { list, form, most } = followed;
    let from = if let Some(version) = version {
        version.clone()
    } else {
        hear(News::Begin);
        let listed = cluster.pages::<T>(list, *form, *most, |page| hear(News::Part(page))).await?;
        hear(News::Complete);
        version.insert(listed).clone()
    };
    let mut events = std::pin::pin!(cluster.watch::<T>(list, *form, &from).await?);
    hear(News::Watching);
    // A watch without a word for longer than bookmarks take is dead: a balancer dropped it, or the laptop slept.
    while let Ok(event) = timeout(pace.silence, events.next()).await {
        let Some(event) = event else { return Ok(()) };
        match event.map_err(|error| cluster.explain(error, list))? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *version = Some(object.version().to_owned());
                hear(News::Set(object));
            }
            WatchEvent::Deleted(object) => {
                *version = Some(object.version().to_owned());
                hear(News::Gone(object));
            }
            WatchEvent::Bookmark(bookmark) => *version = Some(bookmark.metadata.resource_version),
            WatchEvent::Error(status) => return Err(cluster.explain(kube::Error::Api(status), list)),
        }
    }
    Ok(())
}

/// How long to wait after so many failures in a row.
pub(super) fn pause(failures: u32) -> Duration {
    let (first, longest) = PAUSE;
    spread((first * 2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(longest))
}

/// Between half and all of `pause`, so that what failed together does not come back together.
fn spread(pause: Duration) -> Duration {
    let random = u32::try_from(RandomState::new().hash_one(()) % 512).expect("below 512");
    pause / 2 + pause / 1024 * random
}

impl Object for Pod {
    fn version(&self) -> &str {
        self.metadata.resource_version.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for (failures, longest) in [(1, 250), (2, 500), (5, 4000), (30, 30_000), (u32::MAX, 30_000)] {
            let longest = Duration::from_millis(longest);
            assert!((longest / 2..=longest).contains(&pause(failures)), "{failures}: {:?}", pause(failures));
        }
    }
}
