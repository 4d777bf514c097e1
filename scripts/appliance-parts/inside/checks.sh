# Checks, in the machine: one line each to the host, with what was seen when one fails.

last=
# check TEXT EXIT_CODE COMMAND...: the command ends with exactly this exit code.
check() {
  local text=$1 want=$2 got=0
  shift 2
  last=$("$@" 2>&1 </dev/null) || got=$?
  if [ "$got" -eq "$want" ]; then
    say "ok $text"
  else
    say "not ok $text: exit $got, expected $want"
    printf '%s\n' "$last" | tail -n 12 | while IFS= read -r line; do say "# $line"; done
  fi
}
# equals TEXT WANTED SEEN
equals() {
  if [ "$2" = "$3" ]; then say "ok $1"; else say "not ok $1: $(printf '%s' "$3" | tr '\n' '|' | cut -c 1-400), expected $(printf '%s' "$2" | tr '\n' '|' | cut -c 1-200)"; fi
}
note() { printf '%s\n' "$*" | while IFS= read -r line; do say "# $line"; done; }
