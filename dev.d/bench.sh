# shellcheck shell=bash disable=SC2154,SC2164 # ./dev sets root, and -e
# ./dev bench: figures, with the same surroundings as the tests.

run_bench() {
  . "$root/dev.d/build.sh"
  . "$root/dev.d/test.sh"
  MIRRORD_DIST=$(run_build)
  MIRRORD_TEST_PYTHON=$(need_python debugpy flask)/bin/python
  export MIRRORD_DIST MIRRORD_TEST_PYTHON
  with_cluster ''
  cd "$root"
  cargo run --release -p mirrord-fixtures --bin bench -- "$@"
}
