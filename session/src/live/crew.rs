//! Tasks that come and go with what is wanted.

use std::collections::HashMap;

use tokio::task::{AbortHandle, JoinSet};

/// Tasks by id; dropping it ends them all.
#[derive(Debug, Default)]
pub(super) struct Crew {
    tasks: JoinSet<u64>,
    running: HashMap<u64, AbortHandle>,
}

impl Crew {
    /// Ends tasks that are not wanted any more, and begins those that are.
    pub(super) fn suit<T, F>(&mut self, wanted: Vec<(u64, T)>, mut begin: impl FnMut(u64, T) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while let Some(ended) = self.tasks.try_join_next() {
            // A task that ended by itself is begun again; one that was aborted or panicked is not in its place.
            if let Ok(id) = ended {
                self.running.remove(&id);
            }
        }
        self.running.retain(|id, task| {
            let keep = wanted.iter().any(|(wanted, _)| wanted == id);
            if !keep {
                task.abort();
            }
            keep
        });
        for (id, what) in wanted {
            self.running.entry(id).or_insert_with(|| {
                let work = begin(id, what);
                self.tasks.spawn(async move {
                    work.await;
                    id
                })
            });
        }
    }
}
