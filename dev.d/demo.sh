# shellcheck shell=bash disable=SC2154 # ./dev sets root
# ./dev demo: builds, then hands over to `mirrord demo`.

run_demo() {
  . "$root/dev.d/build.sh"
  local dist
  dist=$(run_build)
  exec "$dist/mirrord" demo "$@"
}
