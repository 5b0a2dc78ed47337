# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# The plugin for JetBrains IDEs: built by Maven, compiled against the sources of the platform that Debian has.

# No IDE and no jar of the platform is in a package registry; its source package is the one thing that the compiler can check against.
readonly platform_file=intellij-community-idea_183.5153.4.orig.tar.xz
readonly platform_sha256=9e87c814020ce95e166810008febbceb5b98c4b446dcb398b56dd052b5e288c9
readonly platform_pool=${MIRRORD_DEBIAN_MIRROR:-http://deb.debian.org/debian}/pool/main/i/intellij-community-idea

# test_jetbrains: logic against the real server, glue against the platform, the zip as the marketplace reads it.
test_jetbrains() {
  local sources
  if ! sources=$(need_platform_sources); then
    say "the plugin for JetBrains IDEs is not tested: the platform's sources cannot be had from $platform_pool"
    return 0
  fi
  say "tests the plugin for JetBrains IDEs"
  build_jetbrains "$sources" verify
}

# pack_jetbrains DIST: prints the zip, which is put beside the programs that it brings.
pack_jetbrains() {
  local sources
  if ! sources=$(need_platform_sources); then
    say "the plugin for JetBrains IDEs is not packed: the platform's sources cannot be had from $platform_pool"
    return 0
  fi
  MIRRORD_DIST=$1 build_jetbrains "$sources" -DskipTests package
  printf '%s\n' "$1/mirrord-jetbrains.zip"
}

# build_jetbrains SOURCES ARG...: what Maven makes stays in the cache, the zip goes beside the programs.
build_jetbrains() {
  command -v javac >/dev/null || need_apt default-jdk-headless
  command -v mvn >/dev/null || need_apt maven
  local target=$CACHE/jetbrains/target roots
  roots=$(find "$1"/platform "$1"/java -maxdepth 3 -type d -name src | sort | paste -sd,)
  shift
  with_lock "$CACHE/jetbrains/.lock" run_maven "$target" "$roots" "$@"
}

run_maven() {
  local target=$1 roots=$2
  shift 2
  timeout -k 10 900 mvn -q -B -ntp -f "$root/editors/jetbrains/pom.xml" -Dmirrord.target="$target" -Dmirrord.dist="$MIRRORD_DIST" \
    -Dplatform.roots="$roots" "$@" </dev/null >&2
  cp "$target"/plugin/mirrord-jetbrains-*.zip "$MIRRORD_DIST/mirrord-jetbrains.zip"
}

# need_platform_sources: prints the folder that has them.
need_platform_sources() {
  local folder=$CACHE/jetbrains
  mkdir -p "$folder"
  with_lock "$folder/.lock" once "$folder/platform" "$platform_sha256" fetch_platform_sources || return
  printf '%s\n' "$folder/platform"
}

fetch_platform_sources() {
  local file=$1/$platform_file
  # Nothing here ends the script: whoever asked says what is left out.
  curl -fsSL --max-time 300 -o "$file" "$platform_pool/$platform_file" || exit
  sha256sum --quiet -c <<<"$platform_sha256  $file" >&2 || exit
  # Only what the compiler reads.
  tar -xJf "$file" -C "$1" --strip-components=1 --wildcards '*/platform/*.java' '*/java/*.java' || exit
  rm "$file"
}
