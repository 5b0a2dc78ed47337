//! Entries that stay as long as somebody asks for them.

use std::time::Instant;

/// Something that stays as long as somebody asks for it.
pub(super) trait Asked {
    fn asked(&mut self) -> &mut Instant;
}

/// The entry that is `wanted`, made if there is none; of more than `most`, the one that was asked for longest ago goes.
pub(super) fn ask<T: Asked>(
    entries: &mut Vec<T>,
    most: usize,
    wanted: impl FnMut(&T) -> bool,
    now: Instant,
    make: impl FnOnce() -> T,
) -> &mut T {
    let at = entries.iter().position(wanted).unwrap_or_else(|| {
        if entries.len() >= most {
            let asked: Vec<Instant> = entries.iter_mut().map(|entry| *entry.asked()).collect();
            let oldest = (0..asked.len()).min_by_key(|at| asked[*at]).expect("there are at least `most`");
            entries.swap_remove(oldest);
        }
        entries.push(make());
        entries.len() - 1
    });
    *entries[at].asked() = now;
    &mut entries[at]
}
