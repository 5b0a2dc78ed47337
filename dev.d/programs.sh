# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# The programs of parity, built in every way that matters for how the layer gets into them.

# The oldest Go that the programs are tried with, beside the one that is installed.
readonly old_go=go1.22.12

# need_programs: builds what has changed; prints the folder that they are in.
need_programs() {
  need_apt gcc libc6-dev musl-tools busybox-static python3 ruby rsync
  command -v node >/dev/null || need_apt nodejs
  command -v javac >/dev/null || need_apt default-jdk-headless
  need_go
  # Paths below it are in pods' specifications: it stays the same when a program changes.
  local folder=$CACHE/programs/built
  mkdir -p "$folder"
  with_lock "$CACHE/programs/lock" build_programs "$folder"
  printf '%s\n' "$folder"
}

build_programs() {
  local from=$root/fixtures/programs
  changed "$1" scripts "$from"/{prepare.sh,python/parity.py,node/parity.js,ruby/parity.rb,bash/parity.sh}
  changed "$1" c "$from/c/parity"
  changed "$1" go "$from/go"
  changed "$1" rust "$from/rust"
  changed "$1" java "$from/java"
  changed "$1" debugged "$from/c/debug" "$from/go-debug"
}

# changed FOLDER NAME SOURCE...: runs `make_NAME FOLDER SOURCE...` unless that was done with these very sources.
changed() {
  local folder=$1 name=$2 hash started=$SECONDS
  shift 2
  hash=$(find "$@" "$root/dev.d/programs.sh" -type f ! -path '*/target/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [[ $hash != "$(cat "$folder/.$name" 2>/dev/null)" ]] || return 0
  say "builds the programs of parity: $name"
  "make_$name" "$folder" "$@" >&2
  printf '%s\n' "$hash" >"$folder/.$name"
  say "built them in $((SECONDS - started)) s"
}

make_scripts() {
  local file
  for file in "${@:2}"; do place_program "$1" "$file"; done
}

# place_program FOLDER FILE [NAME]: by renaming, because an older one may be running.
place_program() {
  local name=${3:-${2##*/}}
  cp "$2" "$1/.$name.new"
  mv "$1/.$name.new" "$1/$name"
}

# Four kinds of executable: only the first can load a library.
make_c() {
  local made flags=(-std=gnu17 -D_GNU_SOURCE -O1 -g -w)
  made=$(mktemp -d)
  gcc "${flags[@]}" "$2"/*.c -o "$made/c-dynamic" -lresolv -ldl
  # The linker warns of getaddrinfo in static programs, which is what we want to see.
  gcc "${flags[@]}" -DSTATIC -static "$2"/*.c -o "$made/c-static" -lresolv 2>/dev/null
  gcc "${flags[@]}" -DSTATIC -static-pie "$2"/*.c -o "$made/c-static-pie" -lresolv 2>/dev/null
  musl-gcc "${flags[@]}" -DSTATIC -static "$2"/*.c -o "$made/c-musl"
  make_scripts "$1" "$made"/*
  rm -r "$made"
}

make_go() {
  local made
  made=$(mktemp -d)
  local build=(env -C "$2" nice go build -buildvcs=false)
  CGO_ENABLED=0 "${build[@]}" -o "$made/go-static" .
  CGO_ENABLED=1 "${build[@]}" -o "$made/go-cgo" .
  CGO_ENABLED=0 "${build[@]}" -buildmode=pie -o "$made/go-pie" .
  CGO_ENABLED=0 "${build[@]}" -ldflags='-s -w' -o "$made/go-stripped" .
  GOTOOLCHAIN=$old_go CGO_ENABLED=0 "${build[@]}" -o "$made/go-old" .
  GOTOOLCHAIN=$old_go CGO_ENABLED=1 "${build[@]}" -o "$made/go-old-cgo" .
  make_scripts "$1" "$made"/*
  rm -r "$made"
}

make_rust() {
  local musl=x86_64-unknown-linux-musl glibc=x86_64-unknown-linux-gnu target=$CACHE/programs/rust-target kind
  if [[ ! -d $(rustc --print sysroot)/lib/rustlib/$musl ]]; then
    command -v rustup >/dev/null || fail "Rust's target $musl is missing, and there is no rustup to install it"
    say "installs Rust's target $musl"
    rustup -q target add "$musl"
  fi
  CARGO_TARGET_DIR=$target nice cargo build -q --locked --release --target "$glibc" --target "$musl" --manifest-path "$2/Cargo.toml"
  for kind in glibc musl; do place_program "$1" "$target/${!kind}/release/parity" "rust-$kind"; done
}

make_java() {
  mkdir -p "$1/java"
  javac -d "$1/java" "$2/Parity.java"
}

# Programs that debuggers stop, without optimisation.
make_debugged() {
  local made
  made=$(mktemp -d)
  gcc -g -O0 "$2/stop.c" -o "$made/stop-dynamic"
  gcc -g -O0 -static "$2/stop.c" -o "$made/stop-static"
  env -C "$3" GOTOOLCHAIN="$debugged_go" CGO_ENABLED=0 nice go build -buildvcs=false -gcflags='all=-N -l' -o "$made/stop-go" .
  make_scripts "$1" "$made"/*
  rm -r "$made"
}
