#!/bin/bash
# The first scenes of the guide, in the root of the appliance before it is labelled and booted for the first time.
set -u
here=/acceptance
say() { printf '%s\n' "$*"; }
source $here/checks.sh
source $here/guide.sh
guide media
guide install
# The laws as neverallow rules, and what the whole policy gives our domains: of Debian 13's policy, before it boots with it.
laws=$(STARGRAPH_POLICY_MODULE=/usr/share/selinux/packages/stargraph.pp $here/check-selinux 2>&1) || say "not ok the laws of the SELinux module hold: $(tail -n 1 <<<"$laws")"
sed -nE 's/^ok [0-9]+ (.*)/ok policy: \1/p' <<<"$laws" | while IFS= read -r line; do say "$line"; done
