# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev test: every test of the repository, against a cluster of its own.

run_test() {
  local keep='' cluster=yes
  while (($#)); do
    case $1 in
      --keep) keep=yes ;;
      --no-cluster) cluster='' ;;
      --) shift; break ;;
      *) fail "unknown option $1; arguments for cargo test follow --" ;;
    esac
    shift
  done

  . "$root/dev.d/build.sh"
  MIRRORD_DIST=$(run_build)
  MIRRORD_TEST_PYTHON=$(need_python "${programs_python[@]}")/bin/python
  . "$root/dev.d/debuggers.sh"
  MIRRORD_TEST_DEBUGGERS=$(need_debuggers)
  export MIRRORD_DIST MIRRORD_TEST_PYTHON MIRRORD_TEST_DEBUGGERS
  if [[ $cluster ]]; then
    . "$root/dev.d/programs.sh"
    MIRRORD_TEST_PROGRAMS=$(need_programs)
    export MIRRORD_TEST_PROGRAMS
    with_cluster "$keep"
    say "proves that pods reach nothing outside"
    "$root/fixtures/cluster/isolation-test" >&2
  else
    say "no cluster: the end-to-end suites skip themselves, as they need MIRRORD_CLUSTER_ENTER, which is not set"
    unset MIRRORD_CLUSTER_ENTER
    # Never the developer's own cluster.
    export KUBECONFIG=/dev/null
  fi
  cd "$root"
  # Without --workspace when there are arguments: it would overrule their -p.
  if (($# == 0)); then
    test_language_server
    test_neovim
    test_emacs
    test_vscode
    (. "$root/dev.d/jetbrains.sh" && test_jetbrains)
    set -- --workspace
  fi
  cargo test "$@"
}

# The language server under the capabilities of real editors; the part with a cluster only if there is one.
test_language_server() {
  local packages
  mapfile -t packages <"$root/fixtures/tests/lsp/requirements.txt"
  say "tests the language server with pytest-lsp"
  PYTHONDONTWRITEBYTECODE=1 "$(need_python "${packages[@]}")/bin/pytest" "$root/fixtures/tests/lsp"
}

# The plugin in a real Neovim without a screen; the part with a cluster only if there is one.
test_neovim() {
  local nvim
  nvim=$(. "$root/dev.d/editors.sh" && need_neovim)
  say "tests the plugin for Neovim"
  NVIM=$nvim "$root/fixtures/tests/neovim/run"
}

# What docs/editors.md proposes for Emacs, in a real one; debugging only if there is a cluster.
test_emacs() {
  need_apt emacs-nox elpa-eglot elpa-dap-mode
  say "tests the language server in Emacs"
  KUBECONFIG=/dev/null emacs_suite eglot-test
  if [[ ${MIRRORD_CLUSTER_ENTER:-} ]]; then
    say "tests the debug adapter in Emacs"
    emacs_suite dap-test
  fi
}

# emacs_suite NAME
emacs_suite() {
  PATH=$MIRRORD_DIST:$PATH timeout -k 5 120 \
    emacs --batch -l "$root/fixtures/tests/emacs/$1.el" -f ert-run-tests-batch-and-exit
}

# The extension in the real VS Code, with a person's clicks; pictures of it are kept.
test_vscode() (
  if [[ ! ${MIRRORD_CLUSTER_ENTER:-} ]]; then
    say "VS Code is not tested: its test needs a cluster"
    return 0
  fi
  . "$root/dev.d/editors.sh"
  local folder vsix artefacts=${MIRRORD_TEST_ARTEFACTS:-$CACHE/artefacts}/vscode
  folder=$(need_code_server)
  vsix=$(pack_vscode "$MIRRORD_DIST")
  say "tests the extension in VS Code; pictures go to $artefacts"
  rm -rf "$artefacts"
  MIRRORD_TEST_CODE_SERVER=$folder MIRRORD_TEST_VSIX=$vsix MIRRORD_TEST_ARTEFACTS=$artefacts \
    timeout 600 "$folder/node/bin/node" --test --test-reporter=spec "$root/fixtures/tests/vscode/editor.test.mjs" >&2
)

# with_cluster KEEP: a cluster with our agent and the demo namespace; ends with this script unless it was there before.
with_cluster() {
  local ours='' fresh=()
  "$root/fixtures/cluster/cluster" status >/dev/null 2>&1 || ours=yes
  if [[ $ours && ! $1 ]]; then
    trap '"$root/fixtures/cluster/cluster" down' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
  fi
  MIRRORD_AGENT_IMAGE_TAR=$MIRRORD_DIST/mirrord-agent.tar "$root/fixtures/cluster/cluster" up
  # Pods that were there before may still hold agents of an earlier build.
  [[ $ours ]] || fresh=(--fresh)
  "$root/fixtures/cluster/cluster" shop "${fresh[@]}"
  KUBECONFIG=$("$root/fixtures/cluster/cluster" kubeconfig)
  # kubectl of the cluster's version, for tests and for scripts.
  PATH=$(dirname "$(readlink -f "$(dirname "$KUBECONFIG")/kubectl")"):$PATH
  MIRRORD_CLUSTER_ENTER=$root/fixtures/cluster/enter
  export KUBECONFIG PATH MIRRORD_CLUSTER_ENTER
}
