# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev build: everything that ships, in one folder whose path is the last line.

# The agent travels over slow links to every node; an image that grows past this has caught something it should not.
readonly agent_image_limit_bytes=$((12 << 20))

run_build() {
  need_rust
  local dist
  dist=$(dist_folder)
  mkdir -p "$dist"
  # One lock for all clones: they share the target folder, so another's program could slip in before we copy.
  with_lock "$CACHE/build/lock" build_into "$dist"
  printf '%s\n' "$dist"
}

build_into() {
  local dist=$1 file host version image_bytes
  local agent_target=$CACHE/target-agent
  cd "$root"
  say "builds mirrord, its server and its layer"
  cargo build --release -p mirrord-server -p mirrord-layer >&2

  say "builds the static agent"
  # --target, even for the host's own triple: else the flags would reach build scripts and proc macros, which
  # cannot be static. linux_getrandom: the fallback of `getrandom` would need libc's dynamic loader.
  host=$(rustc -vV | sed -n 's/^host: //p')
  RUSTFLAGS='-C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"' CARGO_TARGET_DIR=$agent_target \
    cargo build --profile agent --target "$host" -p mirrord-agent >&2

  for file in mirrord mirrord-ide-server libmirrord_layer.so; do
    place "$CARGO_TARGET_DIR/release/$file" "$dist"
  done
  place "$agent_target/$host/agent/mirrord-agent" "$dist"
  # Problems in editors link to it.
  place "$root/docs/configuration.md" "$dist"
  # Nothing but this file is in its image: no loader, no library.
  [[ $(ldd "$dist/mirrord-agent" 2>&1) != *.so* ]] || fail "the agent is not static: $(ldd "$dist/mirrord-agent" | xargs)"

  version=$(cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "mirrord-agent"))')
  "$root/fixtures/cluster/images/mkimage.py" "$dist/mirrord-agent.tar" "mirrord-agent:$version" \
    --file "$dist/mirrord-agent:/mirrord-agent" --entrypoint /mirrord-agent
  image_bytes=$(stat -c %s "$dist/mirrord-agent.tar")
  say "image mirrord-agent:$version has $((image_bytes / 1024)) KiB"
  ((image_bytes <= agent_image_limit_bytes)) ||
    fail "the agent's image has $image_bytes bytes; the limit is $agent_image_limit_bytes"
}

# place FILE FOLDER: by renaming, because an older copy may be running.
place() {
  cp "$1" "$2/.${1##*/}.new"
  mv "$2/.${1##*/}.new" "$2/${1##*/}"
}
