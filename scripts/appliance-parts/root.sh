# Debian roots made from the machine's own package sources; sourced by scripts/package and scripts/appliance.
#
# A root is a folder in the cache, named by suite, purpose and what was asked for. It is made once, whole or not at all.

suite=${STARGRAPH_SUITE:-trixie}

# suite_sources: apt's one-line entries for $suite, derived from the machine's own Debian entries: the same mirrors and keys.
suite_sources() {
  local known='^(bullseye|bookworm|trixie|forky)(-updates|-security)?$'
  {
    find /etc/apt/sources.list.d -name '*.sources' -print0 2>/dev/null | sort -z | xargs -0 -r awk -v known="$known" '
      function flush(   i, n, word) {
        n = split(suites, word, /[ \t]+/)
        for (i = 1; i <= n; i++) if (debian && !off && word[i] ~ known) print uri, word[i], key
        suites = uri = key = ""; debian = off = 0
      }
      FNR == 1 || /^[ \t]*$/ { flush() }
      /^Enabled:[ \t]*no/ { off = 1 }
      /^URIs:/ { uri = $2 }
      /^Suites:/ { sub(/^Suites:[ \t]*/, ""); suites = $0 }
      /^Signed-By:[ \t]*\// { key = $2 }
      /^Components:/ && /(^|[ \t])main([ \t]|$)/ { debian = 1 }
      END { flush() }'
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } | awk -v known="$known" '
      $1 == "deb" && / main( |$)/ {
        at = 2; key = ""
        if ($2 ~ /^\[/) {
          for (;; at++) { if (match($at, /signed-by=[^] ]*/)) key = substr($at, RSTART + 10, RLENGTH - 10); if ($at ~ /\]$/) break }
          at++
        }
        if ($(at + 1) ~ known) print $at, $(at + 1), key
      }'
  } | awk -v suite="$suite" '{
    sub(/^[a-z]+/, suite, $2)
    if (!seen[$1, $2]++) print "deb " ($3 ? "[signed-by=" $3 "] " : "") $1 " " $2 " main"
  }'
}

# debian_root PURPOSE PACKAGE...: prints the folder of a root of $suite with these packages.
debian_root() {
  local purpose=$1 key root_folder scratch
  shift
  key=$(printf '%s\n' "$suite" "$@" | sha256sum | cut -c 1-12)
  root_folder=$cache/roots/$suite-$purpose-$key
  mkdir -p "$cache/roots"
  exec 7>"$cache/roots/.lock-$purpose"
  flock 7
  if [ ! -d "$root_folder" ]; then
    step "root: $suite for $purpose (once; network of the package mirror)" >&2
    scratch=$cache/roots/.making-$purpose
    rm -rf --one-file-system "$scratch" "$scratch.list"
    suite_sources >"$scratch.list"
    [ -s "$scratch.list" ] || die "root: no Debian source found under /etc/apt"
    logged "$root/build/log/root-$purpose.log" mmdebstrap --variant=minbase --format=directory --skip=cleanup/apt/lists \
      --include="$(printf '%s\n' "$@" | paste -sd,)" "$suite" "$scratch" "$scratch.list" ||
      die "root: mmdebstrap (log: build/log/root-$purpose.log)"
    rm -f "$scratch.list"
    mv "$scratch" "$root_folder"
  fi
  flock -u 7
  printf '%s\n' "$root_folder"
}
