# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# The programs of parity, built in every way that matters for how the layer gets into them.

# The oldest Go that the programs are tried with, beside the one that is installed.
readonly old_go=go1.22.12

# need_programs: prints the folder that they are in; its name is the hash of what they are made from.
need_programs() {
  need_apt gcc libc6-dev musl-tools busybox-static python3 ruby gdb lldb
  command -v node >/dev/null || need_apt nodejs
  command -v javac >/dev/null || need_apt default-jdk-headless
  need_go
  local folder
  folder=$CACHE/programs/$(cd "$root" && find fixtures/programs dev.d/programs.sh -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
  with_lock "$CACHE/programs/lock" programs_once "$folder"
  printf '%s\n' "$folder"
}

programs_once() {
  if [[ ! -d $1 ]]; then
    local started=$SECONDS
    say "builds the programs of parity"
    rm -rf "$1.new" && mkdir -p "$1.new"
    build_programs "$1.new" >&2
    mv "$1.new" "$1"
    find "$(dirname "$1")" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
    say "built them in $((SECONDS - started)) s"
  fi
  touch "$1"
}

build_programs() {
  local from=$root/fixtures/programs file
  for file in prepare.sh python/parity.py node/parity.js ruby/parity.rb bash/parity.sh; do cp "$from/$file" "$1/"; done
  build_c "$from/c/parity" "$1"
  build_go "$from/go" "$1"
  build_rust "$from/rust" "$1"
  mkdir "$1/java" && javac -d "$1/java" "$from/java/Parity.java"
}

# Four kinds of executable: only the first can load a library.
build_c() {
  local flags=(-std=gnu17 -D_GNU_SOURCE -O1 -g -w)
  gcc "${flags[@]}" "$1"/*.c -o "$2/c-dynamic" -lresolv -ldl
  # The linker warns of getaddrinfo in static programs, which is what we want to see.
  gcc "${flags[@]}" -DSTATIC -static "$1"/*.c -o "$2/c-static" -lresolv 2>/dev/null
  gcc "${flags[@]}" -DSTATIC -static-pie "$1"/*.c -o "$2/c-static-pie" -lresolv 2>/dev/null
  musl-gcc "${flags[@]}" -DSTATIC -static "$1"/*.c -o "$2/c-musl"
}

build_go() {
  local build=(env -C "$1" nice go build -buildvcs=false)
  CGO_ENABLED=0 "${build[@]}" -o "$2/go-static" .
  CGO_ENABLED=1 "${build[@]}" -ldflags=-linkmode=external -o "$2/go-cgo" .
  CGO_ENABLED=0 "${build[@]}" -buildmode=pie -o "$2/go-pie" .
  CGO_ENABLED=0 "${build[@]}" -ldflags='-s -w' -o "$2/go-stripped" .
  GOTOOLCHAIN=$old_go CGO_ENABLED=0 "${build[@]}" -o "$2/go-old" .
  GOTOOLCHAIN=$old_go CGO_ENABLED=1 "${build[@]}" -o "$2/go-old-cgo" .
}

build_rust() {
  local musl=x86_64-unknown-linux-musl host target
  host=$(rustc -vV | sed -n 's/^host: //p')
  target=$CACHE/programs/rust-target
  CARGO_TARGET_DIR=$target nice cargo build -q --release --manifest-path "$1/Cargo.toml"
  cp "$target/release/parity" "$2/rust-$([[ $host == *musl* ]] && echo musl || echo glibc)"
  if [[ ! -d $(rustc --print sysroot)/lib/rustlib/$musl ]]; then
    command -v rustup >/dev/null || fail "Rust's target $musl is missing, and there is no rustup to install it"
    say "installs Rust's target $musl"
    rustup -q target add "$musl"
  fi
  CARGO_TARGET_DIR=$target nice cargo build -q --release --target "$musl" --manifest-path "$1/Cargo.toml"
  cp "$target/$musl/release/parity" "$2/rust-musl"
}
