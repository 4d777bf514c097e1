# What scripts/appliance last passed on, and whether there is anything new to try; sourced by scripts/appliance.

# The state it passed on stands in packaging/appliance.passed, which is committed: digest, checks, date, seconds.
passed=packaging/appliance.passed
tried_as_packages=(packaging systemd selinux src/bin scripts/package)
tried_as_files=(scripts/appliance scripts/appliance-parts docs/air-gap-guide.md tests/packaging/attacker.cpp tests/packaging/check-selinux)
packaged=(src include third_party cmake CMakeLists.txt packaging systemd selinux config docs scripts/stargraph-verify scripts/package)

# state_of PACKAGES FILES: a digest of everything that is tried: of one commit what the packages are made of, of the other the
# acceptance itself.
state_of() {
  { git -C "$root" ls-tree -r "$1" -- "${tried_as_packages[@]}" && git -C "$root" ls-tree -r "$2" -- "${tried_as_files[@]}"; } |
    grep -vE "	($passed|packaging/README.md)$" | sha256sum | cut -c 1-64
}
passed_state() { sed -n 's/^state //p' "$root/$passed" 2>/dev/null || true; }
passed_on() { sed -n "s/^$1 //p" "$root/$passed"; }

# same_packages FOLDER: the packages in FOLDER are what the last commit would give.
same_packages() {
  local commit
  commit=$(cat "$1/commit" 2>/dev/null) || return 1
  git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null &&
    git -C "$root" diff --quiet "$commit" HEAD -- "${packaged[@]}" ":!$passed" ":!packaging/README.md" ":!docs/air-gap-guide.md"
}

# if_changed FOLDER: ends the program when there is nothing new to try (0), or no time for it (75). Packages of this commit lie
# in FOLDER or must be built. STARGRAPH_APPLIANCE_BUDGET: the seconds there are; without it there is time.
if_changed() {
  local needs=900 why
  if [ "$(passed_state)" = "$(state_of HEAD HEAD)" ]; then
    step "not needed: nothing that it tries has changed since it passed with $(passed_on checks) checks on $(passed_on date)"
    exit 0
  fi
  why="nothing is on record that it passed on"
  [ -z "$(passed_state)" ] || why="something that it tries has changed since it passed on $(passed_on date)"
  # Seconds on two cores: a run, twice what a quiet machine needs; packages, from the compiler's cache or without it, with
  # the roots to be made.
  if ! same_packages "$1"; then
    if [ -d "$cache/package-ccache" ] && compgen -G "$cache/roots/$suite-*" >/dev/null; then needs=$((needs + 600)); else needs=$((needs + 4500)); fi
  fi
  if [ -n "${STARGRAPH_APPLIANCE_BUDGET:-}" ] && [ "$STARGRAPH_APPLIANCE_BUDGET" -lt "$needs" ]; then
    step "NOT RUN: $why, but it needs some $needs s and $STARGRAPH_APPLIANCE_BUDGET s are left. Run scripts/appliance by hand and commit $passed"
    exit 75
  fi
  step "$why: it runs"
}

# begin_state: which acceptance runs; none that is written down when its files are not those of the last commit.
begin_state() {
  acceptance=$(git -C "$root" rev-parse HEAD)
  git -C "$root" diff --quiet HEAD -- "${tried_as_files[@]}" || acceptance=
}
# remember CHECKS SECONDS FOLDER: all checks held with the packages in FOLDER.
remember() {
  local commit
  commit=$(cat "$3/commit" 2>/dev/null) || commit=
  if [ -z "$commit" ] || [ -z "$acceptance" ]; then
    step "not written down as passed: the packages, or the acceptance, are of no commit"
    return 0
  fi
  printf 'state %s\npackages %s\nacceptance %s\nchecks %s\ndate %s\nseconds %s\n' "$(state_of "$commit" "$acceptance")" "$commit" "$acceptance" "$1" \
    "$(date -u +%Y-%m-%d)" "$2" >"$root/$passed"
  step "written down in $passed; commit it"
}
