#!/bin/bash
# The laws as neverallow rules, and what the whole policy gives our domains: of the policy that the machine boots with.
set -u
laws=$(STARGRAPH_POLICY_MODULE=/usr/share/selinux/packages/stargraph.pp /acceptance/check-selinux 2>&1) ||
  printf 'not ok the laws of the SELinux module hold: %s\n' "$(tail -n 1 <<<"$laws")"
[ -n "$laws" ] || printf 'not ok the laws of the SELinux module were looked at\n'
sed -nE 's/^ok [0-9]+ (.*)/ok policy: \1/p' <<<"$laws"
