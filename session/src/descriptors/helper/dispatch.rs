//! The table of the kernel's requests: what each one's body holds, and who performs it.

use std::{future::Future, rc::Rc};

use protocol::Errno;

use super::{
    Helper,
    abi::{Body, Fields, Request, VERSION, feature, opcode},
    attributes,
    device::PAGES,
    interrupts::Interrupts,
    locks,
};

/// Bytes that the kernel may read ahead by itself; it takes no more than its administrator allows.
const READ_AHEAD: u32 = 1024 * 1024;

/// Requests that the kernel sends without anybody waiting (reading ahead, writing mapped pages), at most so many at once.
const BACKGROUND: u16 = 64;

/// Bit of `FUSE_FSYNC`: only the data.
const DATA_ONLY: u32 = 1;

/// Bit of `FUSE_GETATTR`: the request names an open file.
const HAS_FILE: u32 = 1;

/// What we ask the kernel for; it gives what it has.
const FEATURES: u64 = feature::ASYNC_READ
    | feature::POSIX_LOCKS
    | feature::ATOMIC_O_TRUNC
    | feature::BIG_WRITES
    | feature::FLOCK_LOCKS
    | feature::AUTO_INVAL_DATA
    | feature::PARALLEL_DIROPS
    | feature::MAX_PAGES
    | feature::HANDLE_KILLPRIV_V2
    | feature::INIT_EXT
    | feature::DIRECT_IO_ALLOW_MMAP;

impl Helper {
    /// Performs a request in a task of its own, and answers it.
    pub(super) fn take_up(self: &Rc<Self>, request: Request, interrupts: &Rc<Interrupts>) {
        match request.opcode {
            opcode::FORGET => self.forget_one(&request),
            opcode::BATCH_FORGET => self.forget_many(request.fields()),
            opcode::INTERRUPT => {
                if let Some(unique) = request.fields().u64() {
                    interrupts.signal(unique);
                }
            }
            opcode::RELEASE | opcode::RELEASEDIR => {
                // Before whatever is asked after it: locks that this frees are free.
                let released = request.fields().u64().map(|number| self.release(number));
                let helper = self.clone();
                self.tasks.spawn_local(async move {
                    if let Some(released) = released {
                        released.await;
                    }
                    // The kernel keeps the file's number until then, and so we know it by the same one if it is opened.
                    helper.device.answer(request.unique, &Ok(Body::default()));
                });
            }
            opcode::DESTROY => self.device.answer(request.unique, &Ok(Body::default())),
            _ => {
                let under_way = interrupts.begin(request.unique);
                let helper = self.clone();
                self.tasks.spawn_local(async move {
                    let waits = request.opcode == opcode::SETLKW;
                    let given_up = under_way.given_up(request.thread, waits);
                    let answer = if waits || request.opcode == opcode::SETLK {
                        helper.place_lock(&request, waits, given_up).await
                    } else {
                        tokio::select! {
                            biased;
                            answer = helper.perform(&request) => answer,
                            () = given_up => Err(Errno(libc::EINTR)),
                        }
                    };
                    helper.device.answer(request.unique, &answer);
                });
            }
        }
    }

    fn forget_one(&self, request: &Request) {
        if let Some(count) = request.fields().u64() {
            self.tree.borrow_mut().forget(request.node, count);
        }
    }

    fn forget_many(&self, mut fields: Fields<'_>) {
        let (Some(count), Some(_)) = (fields.u32(), fields.u32()) else { return };
        for _ in 0..count {
            let (Some(node), Some(lookups)) = (fields.u64(), fields.u64()) else { return };
            self.tree.borrow_mut().forget(node, lookups);
        }
    }

    async fn place_lock(
        self: &Rc<Self>,
        request: &Request,
        wait: bool,
        given_up: impl Future<Output = ()>,
    ) -> Result<Body, Errno> {
        let wanted = locks::Wanted::parse(request.fields()).ok_or(Errno::EINVAL)?;
        self.lock(&self.file(wanted.file)?, wanted, wait, given_up).await.map(|()| Body::default())
    }

    async fn perform(self: &Rc<Self>, request: &Request) -> Result<Body, Errno> {
        let short = Errno::EINVAL;
        let mut fields = request.fields();
        match request.opcode {
            opcode::INIT => init(fields).ok_or(short),
            opcode::LOOKUP => {
                let name = fields.text().ok_or(short)?;
                let node = self.look_up(&*self.node(request.node)?, name).await?;
                Ok(self.entry(&node))
            }
            opcode::OPEN | opcode::OPENDIR => {
                let flags = fields.i32().ok_or(short)?;
                let opened = self.open(&self.node(request.node)?, flags).await?;
                Ok(Self::open_answer(Body::default(), opened))
            }
            opcode::GETATTR => {
                let (flags, _, number) = (fields.u32(), fields.u32(), fields.u64().ok_or(short)?);
                let file = (flags.ok_or(short)? & HAS_FILE != 0).then(|| self.file(number)).transpose()?;
                self.attributes(&self.node(request.node)?, file.as_ref()).await
            }
            opcode::SETATTR => {
                let wanted = attributes::Wanted::parse(fields).ok_or(short)?;
                self.change(&self.node(request.node)?, wanted).await
            }
            opcode::READ | opcode::READDIR => {
                let (file, offset) = (self.file(fields.u64().ok_or(short)?)?, fields.u64().ok_or(short)?);
                let len = fields.u32().ok_or(short)? as usize;
                if request.opcode == opcode::READ {
                    self.read(&file, offset, len).await.map(Body)
                } else {
                    self.read_directory(&file, offset, len).await.map(Body)
                }
            }
            opcode::WRITE => {
                let (file, offset) = (self.file(fields.u64().ok_or(short)?)?, fields.u64().ok_or(short)?);
                let len = fields.u32().ok_or(short)?;
                let (_flags, _owner, _open_flags, _) = (fields.u32(), fields.u64(), fields.u32(), fields.u32());
                let data = fields.rest().get(..len as usize).ok_or(short)?;
                self.write(&file, offset.cast_signed(), data).await?;
                Ok(Body::default().u32(len).u32(0))
            }
            // The descriptor that was opened for a program: an error is for who writes, and the session has nobody to tell.
            opcode::FLUSH if is_of_the_session(request.thread) => Ok(Body::default()),
            opcode::FLUSH => {
                let file = self.file(fields.u64().ok_or(short)?)?;
                let owner = fields.u64().and(fields.u64()).ok_or(short)?;
                self.close_one(&file, owner).await.map(|()| Body::default())
            }
            opcode::FSYNC | opcode::FSYNCDIR => {
                let (file, flags) = (self.file(fields.u64().ok_or(short)?)?, fields.u32().ok_or(short)?);
                self.synchronise(&file, flags & DATA_ONLY != 0).await.map(|()| Body::default())
            }
            opcode::CREATE | opcode::TMPFILE => {
                let (flags, mode) = (fields.i32().ok_or(short)?, fields.u32().ok_or(short)?);
                let name = fields.u64().and_then(|_| fields.text()).ok_or(short)?;
                let parent = self.node(request.node)?;
                let (node, opened) = if request.opcode == opcode::CREATE {
                    self.create(&parent, name, flags, mode & 0o7777).await?
                } else {
                    self.create_nameless(&parent, flags, mode & 0o7777).await?
                };
                Ok(Self::open_answer(self.entry(&node), opened))
            }
            _ => self.perform_rarely(request).await,
        }
    }

    /// The rest of the table.
    async fn perform_rarely(self: &Rc<Self>, request: &Request) -> Result<Body, Errno> {
        let short = Errno::EINVAL;
        let mut fields = request.fields();
        let node = self.node(request.node)?;
        let node = &node;
        match request.opcode {
            opcode::READLINK => self.read_link(node).await.map(Body),
            opcode::MKDIR | opcode::MKNOD => {
                let mode = fields.u32().ok_or(short)?;
                if request.opcode == opcode::MKDIR {
                    let name = fields.u32().and_then(|_umask| fields.text()).ok_or(short)?;
                    Ok(self.entry(&*self.make_directory(node, name, mode & 0o7777).await?))
                } else {
                    let (device, _umask, _) = (fields.u32().ok_or(short)?, fields.u32(), fields.u32());
                    if super::abi::decode_device(device) != 0 {
                        return Err(Errno(libc::EPERM));
                    }
                    Ok(self.entry(&*self.make_node(node, fields.text().ok_or(short)?, mode).await?))
                }
            }
            opcode::SYMLINK => {
                let (name, text) = (fields.text().ok_or(short)?, fields.text().ok_or(short)?);
                Ok(self.entry(&*self.make_link(node, name, text).await?))
            }
            opcode::UNLINK | opcode::RMDIR => {
                let name = fields.text().ok_or(short)?;
                self.remove(node, name, request.opcode == opcode::RMDIR).await.map(|()| Body::default())
            }
            opcode::RENAME | opcode::RENAME2 => {
                let new_parent = self.node(fields.u64().ok_or(short)?)?;
                let flags = if request.opcode == opcode::RENAME2 { fields.u64().ok_or(short)? } else { 0 };
                let (from, to) = (fields.text().ok_or(short)?, fields.text().ok_or(short)?);
                let flags = u32::try_from(flags).map_err(|_| short)?;
                self.rename((node, from), (&*new_parent, to), flags).await.map(|()| Body::default())
            }
            opcode::LINK => {
                let file = self.node(fields.u64().ok_or(short)?)?;
                Ok(self.entry(&*self.hard_link(&file, node, fields.text().ok_or(short)?).await?))
            }
            opcode::STATFS => self.file_system(node).await,
            opcode::ACCESS => self.access(node, fields.u32().ok_or(short)?).await.map(|()| Body::default()),
            opcode::GETXATTR => {
                let (room, _) = (fields.u32().ok_or(short)?, fields.u32());
                fit(self.attribute(node, fields.text().ok_or(short)?).await?, room)
            }
            opcode::LISTXATTR => fit(self.attribute_names(node).await?, fields.u32().ok_or(short)?),
            opcode::SETXATTR => {
                let (len, flags) = (fields.u32().ok_or(short)?, fields.i32().ok_or(short)?);
                let name = fields.text().ok_or(short)?;
                let value = fields.rest().get(..len as usize).ok_or(short)?;
                self.set_attribute(node, name, value, flags).await.map(|()| Body::default())
            }
            opcode::REMOVEXATTR => {
                self.remove_attribute(node, fields.text().ok_or(short)?).await.map(|()| Body::default())
            }
            opcode::GETLK => {
                let wanted = locks::Wanted::parse(fields).ok_or(short)?;
                self.test_lock(&self.file(wanted.file)?, wanted).await
            }
            opcode::FALLOCATE => {
                let file = self.file(fields.u64().ok_or(short)?)?;
                let range = (fields.u64().ok_or(short)?, fields.u64().ok_or(short)?);
                self.allocate(&file, range, fields.u32().ok_or(short)?).await.map(|()| Body::default())
            }
            opcode::LSEEK => {
                let (file, offset) = (self.file(fields.u64().ok_or(short)?)?, fields.u64().ok_or(short)?);
                let found = self.seek(&file, offset, fields.u32().ok_or(short)?).await?;
                Ok(Body::default().u64(found.cast_unsigned()))
            }
            // The kernel then does without, or tells the program.
            _ => Err(Errno::ENOSYS),
        }
    }
}

/// Puts a value where the program has `room` bytes for it; without room it asks for the size.
fn fit(value: Vec<u8>, room: u32) -> Result<Body, Errno> {
    let len = u32::try_from(value.len()).map_err(|_| Errno(libc::E2BIG))?;
    match room {
        0 => Ok(Body::default().u32(len).u32(0)),
        room if room < len => Err(Errno(libc::ERANGE)),
        _ => Ok(Body(value)),
    }
}

/// The greeting: `struct fuse_init_in`, `struct fuse_init_out`.
fn init(mut fields: Fields<'_>) -> Option<Body> {
    let (major, minor) = (fields.u32()?, fields.u32()?);
    let (_read_ahead, low) = (fields.u32()?, fields.u32()?);
    let high = fields.u32().unwrap_or(0);
    let offered = u64::from(low) | (u64::from(high) << 32);
    tracing::debug!(major, minor, offered, "the kernel greets");
    let agreed = offered & FEATURES;
    let body = Body::default().u32(VERSION.0).u32(VERSION.1).u32(READ_AHEAD).u32(low_half(agreed));
    let body = body.u16(BACKGROUND).u16(BACKGROUND * 3 / 4).u32(u32::from(PAGES) * 4096);
    let body = body.u32(1).u16(PAGES).u16(0).u32(low_half(agreed >> 32));
    Some(body.zeros(28))
}

fn low_half(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).expect("masked")
}

/// Whether a thread belongs to the process that has started us.
fn is_of_the_session(thread: i32) -> bool {
    std::path::Path::new(&format!("/proc/{}/task/{thread}", nix::unistd::getppid())).exists()
}
