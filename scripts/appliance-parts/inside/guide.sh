# Runs the air-gap guide: its shell blocks are files $here/guide/NN-SCENE, in their order; sourced.
#
# Each command is a check of its own. It is meant to succeed, or to end as its comment says (`# exit 3`). A scene that is
# not the next one of the guide fails, so guide and acceptance cannot part.

# guide SCENE: in a shell of its own, so that neither its umask nor its folder stay.
guide() {
  local scene=$1 number file
  number=$(($(cat "$here/guide.at" 2>/dev/null || echo 0) + 1))
  file=$(printf '%s/guide/%02d-%s' "$here" "$number" "$scene")
  printf '%s\n' "$number" >"$here/guide.at"
  if [ ! -f "$file" ]; then
    say "not ok scene $number of the guide is $scene: it has $(ls "$here/guide" | sed -n "${number}p")"
    return 1
  fi
  (cd /root && umask 022 && commands "$scene" 5<"$file")
}
# commands SCENE: from descriptor 5.
commands() {
  local scene=$1 line command= want got text
  while IFS= read -r line <&5; do
    command=$command$line
    case $line in
      *\\) command=$command$'\n' && continue ;;
      '' | '#'*) command= && continue ;;
    esac
    want=0 got=0
    [[ $command =~ '# exit '([0-9]+)$ ]] && want=${BASH_REMATCH[1]}
    text=$(printf '%s' "$command" | tr -s '\n\\ ' ' ')
    eval "$command" >"$here/said" 2>&1 </dev/null 5<&- || got=$?
    { printf '## %s: exit %s\n' "$text" "$got" && cat "$here/said"; } >>"$here/guide.log"
    if [ "$got" -eq "$want" ]; then
      say "ok guide, $scene: ${text:0:150}"
    else
      say "not ok guide, $scene: $text: exit $got, expected $want"
      tail -n 12 "$here/said" | while IFS= read -r line; do say "# $line"; done
    fi
    command=
  done
}
# guide_ends: every scene was run.
guide_ends() { equals "every command of the guide was executed" "$(ls "$here/guide" | wc -l)" "$(cat "$here/guide.at")"; }
