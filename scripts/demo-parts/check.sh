# Scenes, checks and the table at the end; sourced by scripts/demo.

declare -a rows=()
failures=0
checks=0
scene_number=0
scene_title=
scene_failures=0
last_output=

close_scene() {
  [ -n "$scene_title" ] || return 0
  local verdict=held
  [ "$scene_failures" -eq 0 ] || verdict="FAILED ($scene_failures)"
  rows+=("$(printf '%2d  %-76s %s' "$scene_number" "$scene_title" "$verdict")")
}

scene() {
  close_scene
  scene_number=$((scene_number + 1))
  scene_title=$1
  scene_failures=0
  printf '\n%d. %s\n' "$scene_number" "$1"
}

say() { printf '      %s\n' "$*"; }

# verdict HELD TEXT DETAIL
verdict() {
  checks=$((checks + 1))
  if [ "$1" = yes ]; then
    printf '  ok  %s\n' "$2"
    return 0
  fi
  failures=$((failures + 1))
  scene_failures=$((scene_failures + 1))
  printf '  NO  %s\n%s\n' "$2" "$(sed 's/^/        /' <<<"$3")"
}

# check TEXT EXIT_CODE COMMAND...: the command ends with exactly this exit code.
check() {
  local text=$1 want=$2 got=0
  shift 2
  last_output=$("$@" 2>&1 </dev/null) || got=$?
  if [ "$got" -eq "$want" ]; then verdict yes "$text (exit $got)" ""; else verdict no "$text: exit $got, expected $want" "$last_output"; fi
}

# quiet COMMAND...: shown only when it fails, which ends the demo.
quiet() {
  last_output=$("$@" 2>&1) || die "$*: $last_output"
}

show_output() { sed 's/^/      | /' <<<"$last_output" | cut -c1-150; }

finish() {
  close_scene
  printf '\n    %-76s %s\n' scene result
  printf '%s\n' "${rows[@]}"
  printf '\ndemo: %d checks, %d failed, %d s after the build\n' "$checks" "$failures" "$((SECONDS - started))"
  [ "$failures" -eq 0 ] || die "$failures checks did not hold"
}
