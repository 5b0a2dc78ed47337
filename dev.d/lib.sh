# shellcheck shell=bash
# What every development script shares: where the cache is, how to speak, how to install what is missing.

# `set -e` shall hold inside $(...) too.
shopt -s inherit_errexit

# Everything that is made lives here and never in the clone; two clones on a machine share it.
CACHE=${MIRRORD_DEV_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mirrord-dev}

# Progress goes to stderr, so that stdout stays for what a caller reads.
say() { printf 'dev: %s\n' "$*" >&2; }
fail() { printf 'dev: error: %s\n' "$*" >&2; exit 1; }

# as_root CMD...: only as far as needed, and never silently.
as_root() {
  if ((EUID == 0)); then "$@"; return; fi
  command -v sudo >/dev/null || fail "this needs root and there is no sudo: $*"
  say "with sudo: $*"
  sudo "$@"
}

# need_apt PACKAGE...: installs those that are missing.
need_apt() {
  command -v apt-get >/dev/null ||
    fail "this machine has no apt-get; the scripts know Debian and Ubuntu only. Needed: $*"
  local package missing=()
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installs with apt: ${missing[*]}"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -y
    --no-install-recommends install "${missing[@]}") log
  log=$(mktemp)
  # The package lists are refreshed only when they turn out to be missing or stale.
  if ! as_root "${install[@]}" </dev/null >"$log" 2>&1; then
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >>"$log" 2>&1 || true
    as_root "${install[@]}" </dev/null >>"$log" 2>&1 || { tail -20 "$log" >&2; fail "apt cannot install ${missing[*]}"; }
  fi
  rm -f "$log"
}

# need_go: Go 1.21 or newer on PATH; from there on Go fetches the exact version that a go.mod asks for.
need_go() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true)
  if [[ $version =~ ^go1\.([0-9]+) ]] && ((BASH_REMATCH[1] >= 21)); then return; fi
  local go=1.24.13 home
  home=$CACHE/go-$go
  if [[ ! -x $home/bin/go ]]; then
    need_apt curl ca-certificates python3
    say "installs Go $go into $home (found: ${version:-none})"
    local zip
    zip=$(mktemp)
    # The Go module proxy serves the toolchain as a module: no other download site is needed.
    curl -fsSL -o "$zip" "https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go$go.linux-amd64.zip" ||
      fail "cannot fetch Go $go from proxy.golang.org; install Go 1.21 or newer by hand"
    rm -rf "$home.new" && mkdir -p "$home.new"
    python3 -m zipfile -e "$zip" "$home.new"
    chmod -R +x "$home.new"/golang.org/toolchain@*/{bin,pkg/tool}
    rm -rf "$home" && mv "$home.new"/golang.org/toolchain@* "$home"
    rm -rf "$home.new" "$zip"
  fi
  export PATH=$home/bin:$PATH
}

# with_lock FILE CMD...: one at a time, whichever clone asks.
with_lock() {
  local file=$1; shift
  mkdir -p "$(dirname "$file")"
  (
    # Short waits are not worth a word.
    if ! flock -w 2 8; then
      say "waits for another run that holds $file"
      flock 8
    fi
    "$@"
  ) 8>>"$file"
}

# once FOLDER VERSION MAKE: `MAKE NEW_FOLDER` unless FOLDER is of this version.
once() {
  [[ $(cat "$1/.version" 2>/dev/null) != "$2" ]] || return 0
  say "installs ${1##*/} (${2:0:12}) into $1"
  rm -rf "$1" "$1.new"
  mkdir -p "$1.new"
  "$3" "$1.new"
  printf '%s\n' "$2" >"$1.new/.version"
  mv "$1.new" "$1"
}

# need_rust: a Rust toolchain and the C linker that it uses.
need_rust() {
  command -v cargo >/dev/null || fail "no Rust toolchain; get one from https://rustup.rs and try again"
  command -v cc >/dev/null || need_apt gcc libc6-dev
}

# The Python packages that programs under test are made of: one list, so that the tests and the bench share an environment.
# shellcheck disable=SC2034 # test.sh and bench.sh use it
readonly programs_python=(debugpy==1.8.22 flask==3.1.3 gunicorn==27.0.1 pytest==9.2.0)

# need_python PACKAGE[==VERSION]...: a virtual environment in the cache that has them. Prints its folder.
need_python() {
  local venv=$CACHE/venv package name version missing=()
  if [[ ! -x $venv/bin/pip ]]; then
    command -v python3 >/dev/null || need_apt python3
    # Debian ships the module without its wheel of pip.
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_apt python3-venv
    say "makes a Python environment in $venv"
    python3 -m venv "$venv"
  fi
  for package; do
    version='*'
    [[ $package != *==* ]] || version=${package#*==}
    # An installed package has a folder of metadata named after it, with '_' for '-'.
    name=${package%%==*}
    compgen -G "$venv/lib/python3*/site-packages/${name//-/_}-$version.dist-info" >/dev/null || missing+=("$package")
  done
  if ((${#missing[@]})); then
    say "installs with pip into $venv: ${missing[*]}"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}" >&2
  fi
  printf '%s\n' "$venv"
}

# own_target: cargo names a workspace's own crates by their path inside it and trusts modification times, so what
# another clone has compiled later than our sources are old would pass for ours. Only these crates are made again.
# shellcheck disable=SC2154,SC2164 # ./dev sets root, and -e
own_target() {
  local marker=$CARGO_TARGET_DIR/.clone
  mkdir -p "$CARGO_TARGET_DIR"
  if [[ $(cat "$marker" 2>/dev/null || true) == "$root" ]]; then return; fi
  if [[ -d $CARGO_TARGET_DIR/debug || -d $CARGO_TARGET_DIR/release || -d $CACHE/target-agent ]]; then
    say "another clone was built last: makes this one's own crates again"
    local crate clean=()
    for crate in "$root"/*/Cargo.toml; do clean+=(-p "$(sed -n 's/^name = "\(mirrord-.*\)"/\1/p' "$crate" | head -n 1)"); done
    (
      cd "$root"
      local host
      host=$(rustc -vV | sed -n 's/^host: //p')
      cargo clean -q "${clean[@]}"
      cargo clean -q --release "${clean[@]}"
      CARGO_TARGET_DIR=$CACHE/target-agent cargo clean -q --profile agent --target "$host" "${clean[@]}"
    )
  fi
  printf '%s\n' "$root" >"$marker"
}
