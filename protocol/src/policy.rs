//! What the session decided for the layers of its programs: pure data, interpreted by the crate `rules`.

use std::net::IpAddr;

use bincode::{Decode, Encode};

/// Everything that a layer needs to tell local from remote without asking.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Policy {
    /// Paths.
    pub files: FilePolicy,
    /// Names; true: they are resolved where the target is.
    pub remote_dns: bool,
    /// Splits names while `remote_dns` is on. Ports and addresses of its entries mean nothing here.
    pub dns_filter: Option<Filter>,
    /// Connections that the program opens.
    pub outgoing: OutgoingPolicy,
    /// Ports that the program listens on.
    pub incoming: IncomingPolicy,
    /// The pod's host name, when the program shall see it. gethostname(2).
    pub host_name: Option<Vec<u8>>,
    /// Processes, by executable or base name of `argv[0]`, that run without us.
    pub skip_processes: Vec<String>,
    /// How programs that the layer cannot live in are started.
    pub launch: LaunchPolicy,
    /// The device (`st_dev`) of descriptors that are the target's files themselves; 0: there are none.
    pub files_device: u64,
}

/// First argument of a launcher ([`LaunchPolicy::launcher`]); then come the program's path, its `argv[0]` and its other
/// arguments. It finds its session in the environment, as a layer does.
pub const LAUNCH_COMMAND: &str = "launch-supervised";

/// First argument of the same program where an editor puts it before a program's command line, which is the rest: it
/// becomes that program, in whichever way the program needs.
pub const PREFIX_COMMAND: &str = "launch";

/// How programs that the layer cannot live in are started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct LaunchPolicy {
    /// A program that, called with [`LAUNCH_COMMAND`], puts itself under a seccomp filter and becomes another: for
    /// posix_spawn(3), which leaves no place for that between fork and exec. Empty: there is none.
    pub launcher: Vec<u8>,
    /// Whether programs with the layer get a seccomp filter too, for system calls that do not come from libc.
    pub strict: bool,
    /// Whether processes import the environment themselves ([`crate::link::ToSession::Environment`]).
    pub load_environment: bool,
}

/// Where a path leads when no pattern names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum FileMode {
    /// Everything local; lists and defaults are not asked.
    #[default]
    Local,
    /// Local, except for what a list makes remote.
    LocalWithOverrides,
    /// Reads are remote, writes local.
    Read,
    /// Reads and writes are remote.
    Write,
}

/// Rules for paths. All patterns are regular expressions, case-insensitive and unanchored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct FilePolicy {
    /// What holds for paths that nothing else decides.
    pub mode: FileMode,
    /// Paths that do not exist for the program.
    pub not_found: Vec<String>,
    /// Paths whose reads and writes are remote.
    pub read_write: Vec<String>,
    /// Paths whose reads are remote and whose writes are local.
    pub read_only: Vec<String>,
    /// Paths that stay local.
    pub local: Vec<String>,
    /// Patterns and what they are replaced with (`$1` stands for a group), before any other rule is asked.
    pub mapping: Vec<(String, String)>,
    /// Whether the target's `/etc/resolv.conf` and `/etc/hosts` are seen in every mode (while its DNS is in use).
    pub resolver_files_remote: bool,
    /// The user's home directory, absolute, without a final slash.
    pub home: Vec<u8>,
    /// Folder for temporary files, absolute, without a final slash.
    pub temporary: Vec<u8>,
    /// Working directory of the launch, absolute, without a final slash.
    pub working: Vec<u8>,
    /// What the launch is about (a program's file, or the folder that it is built from), absolute: local for all processes of
    /// the session, debuggers too.
    pub launched: Vec<Vec<u8>>,
    /// Names in the target's root directory; none: not known.
    pub target_root: Vec<Vec<u8>>,
}

/// Rules for connections that the program opens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct OutgoingPolicy {
    /// TCP leaves from the target.
    pub tcp: bool,
    /// Splits destinations, those on loopback aside.
    pub filter: Option<Filter>,
    /// Loopback destinations mean this machine, without asking the session.
    pub ignore_localhost: bool,
    /// Port of the session's address for held connections; see `docs`: one-sided simultaneous open. 0: not available.
    pub hold_port: u16,
    /// Port of the session's plain relay listener, for sockets that cannot be held. 0: not available.
    pub relay_port: u16,
}

/// Rules for ports that the program listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct IncomingPolicy {
    /// Listening is announced to the session at all.
    pub enabled: bool,
    /// Listeners bound to loopback stay private.
    pub ignore_localhost: bool,
    /// Only these ports (of the target), when present.
    pub ports: Option<Vec<u16>>,
    /// Local ports left out.
    pub ignore_ports: Vec<u16>,
    /// Pairs (local, remote), one to one.
    pub port_mapping: Vec<(u16, u16)>,
    /// Pairs (asked, real): local ports that are bound exactly so, or not at all.
    pub listen_ports: Vec<(u16, u16)>,
    /// Ranges, ends included: ports of debuggers, which stay private on the loopback address and on all.
    pub debugger_ports: Vec<(u16, u16)>,
}

/// A list of destinations, and which side it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Filter {
    /// True: the listed ones are the target's, all others this machine's; false: the other way round.
    pub lists_remote: bool,
    /// Who is listed.
    pub entries: Vec<Destination>,
}

/// An entry of a [`Filter`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Destination {
    /// Whom.
    pub host: Host,
    /// Only this port; else every port.
    pub port: Option<u16>,
    /// Whether it speaks of TCP; one that does not is for UDP alone.
    pub tcp: bool,
}

/// Whom an entry means.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Host {
    /// Everyone.
    Any,
    /// The addresses that a name stands for.
    Name(String),
    /// The addresses whose first `length` bits are those of `address`.
    Subnet {
        /// First address.
        address: IpAddr,
        /// Bits that count.
        length: u8,
    },
}
