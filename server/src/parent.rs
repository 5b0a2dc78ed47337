//! The process that has started us.

use std::{os::unix::process::parent_id, time::Duration};

/// How often it is looked after.
const INTERVAL: Duration = Duration::from_secs(1);

/// Resolves when it has gone: then we have another parent. Never where that is the first process from the beginning.
pub(crate) async fn gone() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(INTERVAL).await;
    }
}
