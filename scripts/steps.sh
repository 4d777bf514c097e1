# Shared by the scripts in this folder; sourced, never run.
#
# Every script prints one line a step and, when it fails, the reason as its last line.

set -euo pipefail
export LC_ALL=C.UTF-8

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=$(basename "$0")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/stargraph
jobs=${STARGRAPH_JOBS:-$(nproc)}
# One compiler cache serves every clone: paths below the clone do not count.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

step() { printf '%s: %s\n' "$program" "$*"; }

die() {
  printf '%s: failed: %s\n' "$program" "$*" >&2
  exit 1
}

# usage TEXT: for a wrong command line.
usage() {
  printf 'usage: %s\n' "$*" >&2
  exit 2
}

have() { command -v "$1" >/dev/null 2>&1; }

# logged FILE COMMAND...: runs the command with its output in FILE; shows the end of FILE if it fails.
logged() {
  local log=$1 status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 60 "$log" >&2
    return "$status"
  fi
}

# first_of NAME...: the first of the named programs that exists, or nothing.
first_of() {
  local name
  for name in "$@"; do
    if have "$name"; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

# our_files PATTERN...: files of the repository (tracked, or new and not ignored) that match, NUL-separated.
our_files() {
  git -C "$root" ls-files -z --cached --others --exclude-standard --deduplicate -- "$@"
}

# needs_setup [OPTION...]: runs scripts/setup; quick when there is nothing to do.
needs_setup() { "$root/scripts/setup" --quiet "$@" || die "scripts/setup did not finish"; }
