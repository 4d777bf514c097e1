# What the machine shows of itself; sourced.

listeners() { ss -Hltun | awk '{ print $1 == "tcp" ? $5 : $1 " " $5 }' | sort -u | tr '\n' ' '; }
# domain COMMAND: label of the first process of that name, with its user's first letters
domain() { ps -eo label,comm | awk -v name="$1" 'index($2, name) == 1 { print $1; exit }'; }
# no_denials believes in silence only while auditd is there; that ausearch is not always silent attacks.sh shows.
our_denials() { ausearch -m avc -ts boot 2>/dev/null | grep '^type=AVC.*stargraph'; }
no_denials() { equals "ausearch -m avc has nothing of our domains: $1" "" "$(systemctl is-active auditd.service | grep -vx active; our_denials | sed -E 's/.*denied/denied/; s/ pid=[0-9]+//; s/ino=[0-9]+//' | sort | uniq -c | head -n 30)"; }
# Not 0600, or somebody else's: files of state and log.
astray() {
  find /var/lib/stargraph /var/lib/stargraph-audit /var/log/stargraph -type f \
    \( ! -perm 600 -o \( -path '/var/lib/stargraph/*' ! -user stargraph \) -o \( ! -path '/var/lib/stargraph/*' ! -user stargraph-audit \) \)
}
