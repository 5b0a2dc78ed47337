//! Listings: what they tell of the entries of a folder answers questions about those.

use std::{collections::HashMap, sync::Arc, time::Duration};

use protocol::{
    Errno, codec,
    file::{Access, Details, Entry, GetAttribute},
    operation::Operation,
};

use super::{Asked, FRESH, Known, Question, Remembered};
use crate::descriptors::wire::Moment;

/// Bytes of a listing that are kept while it passes: more than the entries that an agent tells details of. What comes
/// behind them is not remembered.
const LISTING_LIMIT: usize = 1024 * 1024;

/// Entries of all folders together, each some 200 bytes; beyond that all are forgotten.
const ENTRY_LIMIT: usize = 32 * 1024;

/// How long after its listing a folder may be listed anew for somebody who goes on looking at its entries.
const RENEWABLE: Duration = Duration::from_secs(10);

/// Answers that a listing has to have given for that: who looks at two or three files needs no others.
const WORTH_RENEWING: u32 = 8;

/// Kinds of attributes that files of one folder are asked for.
const ABSENT_LIMIT: usize = 64;

/// Folders that were listed, by their paths as programs have them.
#[derive(Debug, Default)]
pub(super) struct Folders {
    folders: HashMap<Vec<u8>, Folder>,
    /// Of all of them.
    entries: usize,
}

#[derive(Clone, Debug)]
struct Folder {
    asked: Moment,
    entries: HashMap<Vec<u8>, Details>,
    /// What the target says to those who ask for an attribute of a file that has none.
    absent: HashMap<Absent, Vec<u8>>,
    /// How many questions it has answered.
    answered: u32,
}

/// A question to which files without attributes answer alike: device, type, attribute.
type Absent = (u64, u32, Vec<u8>);

impl Folders {
    /// What a listing tells in answer to a question.
    pub(super) fn answer(&mut self, question: &Question) -> Option<Known> {
        let known = self.told(question)?;
        if let Some(folder) = split(question).and_then(|(folder, _)| self.folders.get_mut(folder)) {
            folder.answered += 1;
        }
        Some(known)
    }

    fn told(&self, question: &Question) -> Option<Known> {
        let (folder, details) = self.entry(question)?;
        let answer = match &question.operation {
            Operation::Stat { .. } => codec::encode(&Ok::<_, Errno>(details.metadata)).ok()?,
            // It is there. What may be done with it depends on more.
            Operation::Access { request: Access { mode: libc::F_OK, .. } } => {
                codec::encode(&Ok::<_, Errno>(())).ok()?
            }
            Operation::ReadLink { .. } if !is_link(&details) => codec::encode(&Err::<(), _>(Errno::EINVAL)).ok()?,
            Operation::ListAttributes { .. } if details.bare => {
                codec::encode(&Ok::<_, Errno>(Vec::<u8>::new())).ok()?
            }
            _ => folder.absent.get(&absent(question, &details)?)?.clone(),
        };
        Some(Known { answer, asked: folder.asked })
    }

    /// Notes how a file without attributes answers: its neighbours will do the same.
    pub(super) fn learn(&mut self, question: &Question, answer: &[u8]) {
        let Some((_, details)) = self.entry(question) else { return };
        let (Some(absent), Some((folder, _))) = (absent(question, &details), split(question)) else { return };
        if matches!(codec::decode::<Result<Vec<u8>, Errno>>(answer), Ok(Err(_)))
            && let Some(folder) = self.folders.get_mut(folder)
            && folder.absent.len() < ABSENT_LIMIT
        {
            folder.absent.insert(absent, answer.to_owned());
        }
    }

    #[cfg(test)]
    pub(super) fn grow_older(&mut self, by: Duration) {
        self.folders.values_mut().for_each(|folder| folder.asked = folder.asked.before(by));
    }

    /// How many entries are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.entries
    }

    /// The folder whose new listing would answer a question that an old one has answered so far: asking for all its entries
    /// at once takes no longer than asking for one. Whoever is told is to list it; the others are not told.
    pub(super) fn renewable(&mut self, question: &Question) -> Option<Vec<u8>> {
        let (path, _) = split(question)?;
        let looks = matches!(question.operation, Operation::Stat { .. } | Operation::Access { .. });
        let (folder, _) = self.told_of(question).filter(|_| looks && !path.is_empty())?;
        let is_due = (FRESH..RENEWABLE).contains(&folder.asked.age()) && folder.answered >= WORTH_RENEWING;
        let folder = self.folders.get_mut(path).filter(|_| is_due)?;
        folder.answered = 0;
        Some(path.to_owned())
    }

    /// The fresh listing that has the file of a question, and what it tells of it.
    fn entry(&self, question: &Question) -> Option<(&Folder, Details)> {
        self.told_of(question).filter(|(folder, _)| folder.asked.age() < FRESH)
    }

    /// The listing that has the file of a question, however old, and what it tells of it.
    fn told_of(&self, question: &Question) -> Option<(&Folder, Details)> {
        let (folder, name) = split(question)?;
        let folder = self.folders.get(folder)?;
        let details = *folder.entries.get(name)?;
        let (_, follow) = question.path()?;
        (!follow || !is_link(&details)).then_some((folder, details))
    }

    fn insert(&mut self, path: Vec<u8>, mut folder: Folder) {
        let lives = |folder: &Folder| {
            let limit = if folder.answered < WORTH_RENEWING { FRESH } else { RENEWABLE };
            folder.asked.age() < limit
        };
        self.folders.retain(|_, folder| lives(folder));
        // Who has begun to look goes on.
        folder.answered = self.folders.remove(&path).map_or(0, |old| old.answered);
        self.entries = self.folders.values().map(|folder| folder.entries.len()).sum();
        if self.entries + folder.entries.len() > ENTRY_LIMIT {
            *self = Self::default();
        }
        self.entries += folder.entries.len();
        self.folders.insert(path, folder);
    }
}

/// The question for an attribute of a file that has none. Who may read the names (`user.`) is not asked alike.
fn absent(question: &Question, details: &Details) -> Option<Absent> {
    let Operation::GetAttribute { request: GetAttribute { name, .. } } = &question.operation else { return None };
    let alike = details.bare && (name.starts_with(b"security.") || name.starts_with(b"system."));
    alike.then(|| (details.metadata.dev, details.metadata.mode & libc::S_IFMT, name.clone()))
}

fn is_link(details: &Details) -> bool {
    details.metadata.mode & libc::S_IFMT == libc::S_IFLNK
}

/// A question's path: its folder, without slashes at the end, and the name in there. A path that ends with a slash has none.
fn split(question: &Question) -> Option<(&[u8], &[u8])> {
    let (path, _) = question.path()?;
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((trimmed(&path[..slash]), &path[slash + 1..]))
}

fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    &path[..end]
}

/// A listing on its way to whoever asked for it.
#[derive(Debug)]
pub(in crate::descriptors) struct Passing {
    remembered: Arc<Remembered>,
    asked: Asked,
    /// As the program had it, and without links.
    paths: [Vec<u8>; 2],
    bytes: Vec<u8>,
}

impl Passing {
    pub(super) fn new(remembered: Arc<Remembered>, asked: Asked, paths: [Vec<u8>; 2]) -> Self {
        Self { remembered, asked, paths, bytes: Vec::new() }
    }

    /// Sees the next bytes pass.
    pub(in crate::descriptors) fn see(&mut self, bytes: &[u8]) {
        let room = LISTING_LIMIT - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// All has passed.
    pub(in crate::descriptors) fn end(self) {
        let Self { remembered, asked, paths, bytes } = self;
        let (mut entries, mut rest) = (HashMap::new(), bytes.as_slice());
        while let Some(Entry { name, details, .. }) = Entry::take_from(&mut rest) {
            if let Some(details) = details {
                entries.insert(name.to_owned(), details);
            }
        }
        let folder = Folder { asked: asked.at, entries, absent: HashMap::new(), answered: 0 };
        let mut state = remembered.state();
        if state.changes != asked.changes || folder.entries.is_empty() {
            return;
        }
        let [told, real] = paths.each_ref().map(|path| trimmed(path).to_owned());
        if told != real {
            state.folders.insert(told, folder.clone());
        }
        state.folders.insert(real, folder);
    }
}
