# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev bench: figures, with the same surroundings as the tests.

run_bench() {
  local word words=() around=()
  for word; do
    case $word in
      --scale) around=(with_scale_cluster) ;;
      *) words+=("$word") ;;
    esac
  done

  . "$root/dev.d/build.sh"
  . "$root/dev.d/test.sh"
  MIRRORD_DIST=$(run_build)
  MIRRORD_TEST_PYTHON=$(need_python "${programs_python[@]}")/bin/python
  . "$root/dev.d/debuggers.sh"
  MIRRORD_TEST_DEBUGGERS=$(need_debuggers)
  export MIRRORD_DIST MIRRORD_TEST_PYTHON MIRRORD_TEST_DEBUGGERS
  # The peer of `files`.
  command -v sshfs >/dev/null || need_apt sshfs
  [[ -x /usr/sbin/sshd ]] || need_apt openssh-server
  with_cluster ''
  cd "$root"
  "${around[@]}" cargo run --release -p mirrord-fixtures --bin bench -- "${words[@]}"
}

# with_scale_cluster CMD...: runs it with a second cluster that it may fill; ends that cluster.
with_scale_cluster() (
  export MIRRORD_SCALE_KUBECONFIG
  trap 'MIRRORD_CLUSTER=scale "$root/fixtures/cluster/cluster" down' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  MIRRORD_CLUSTER=scale "$root/fixtures/cluster/cluster" up
  MIRRORD_SCALE_KUBECONFIG=$(MIRRORD_CLUSTER=scale "$root/fixtures/cluster/cluster" kubeconfig)
  "$@"
)
