# The second boot: after the power was cut. What was acknowledged is there; then attacks, trouble, removal.
source $here/site.sh
our_denials() { ausearch -m avc -ts boot 2>/dev/null | grep -E 'stargraph' | grep '^type=AVC' ; }
examples=/usr/share/stargraph/examples/soc-triage

# --- after the power cut
equals "SELinux is enforcing" Enforcing "$(getenforce)"
check "the sockets are there again by themselves" 0 systemctl is-active stargraphd.socket stargraph-entries.socket stargraph-trust.socket
equals "the first connection starts the daemon again" 200 "$(answers operator)"
for number in 1 2 3 4; do check "wave-$number, in flight when the power went, ends: remediated" 0 ends wave-$number remediated; done
cp $site/interrupt-prod-malware $site/interrupt-before
check "prod-malware still waits" 0 waits prod-malware
equals "with the same question" "$(cat $site/interrupt-before)" "$(cat $site/interrupt-prod-malware)"
check "prod-ransomware still waits" 0 waits prod-ransomware
check "the analyst approves one" 0 as analyst run respond "$(run_id prod-malware)" --interrupt "$(cat $site/interrupt-prod-malware)" --set decision=approve
check "and rejects the other" 0 as analyst run respond "$(run_id prod-ransomware)" --interrupt "$(cat $site/interrupt-prod-ransomware)" --set decision=reject
check "prod-malware ends: remediated" 0 ends prod-malware remediated
check "prod-ransomware ends: rejected" 0 ends prod-ransomware "remediation rejected by an analyst"
check "the log is whole and holds the note that was carried out before" 0 stargraph-audit verify /var/log/stargraph --pubkey /etc/stargraph/audit.pub.pem --anchor "$(ls /mnt/export-1/note-*.jsonl)"
check "the log is carried out again" 0 stargraph-export /mnt/export-2
check "the checkpoint warns no more" 0 eval "systemctl start stargraph-checkpoint; ! journalctl -u stargraph-checkpoint -p warning -o cat --since -30s | grep 'not carried out'"
check "stargraph doctor finds every needed wall held" 0 stargraph doctor
note "$last"
equals "SELinux denied nothing that ordinary use needs" "" "$(our_denials | sed -E 's/.*denied/denied/' | sort | uniq -c | head -n 20)"

# --- code of an attacker in the daemon's place
attacker=/usr/sbin/stargraph-attacker
install -m 0755 $here/attacker $attacker
chcon -t stargraphd_exec_t $attacker
# Not in /tmp: a private one would have no such file, and a file that is not there proves nothing.
cp /usr/bin/true /srv/library.so && chmod 0755 /srv/library.so
rows=(execute=/usr/bin/true execute=/usr/sbin/stargraphd dial udp reach=/run/stargraph/trust.sock
  read=/etc/credstore.encrypted/stargraph-audit-key read=/etc/shadow append=/var/log/stargraph/audit-000001.jsonl append=/etc/stargraph/stargraph.yaml append=$attacker
  load=/srv/library.so load=/var/lib/stargraph/stargraph.db write-and-run-memory trace)
first_segment=$(ls /var/log/stargraph/audit-*.jsonl | head -n 1)
rows=("${rows[@]/audit-000001.jsonl/${first_segment##*/}}")
# What it prints goes into the journal, whose socket systemd hands every domain; a file in /run the domain may not write.
printed() { journalctl --sync; journalctl -b -o cat -u "$1" | grep -E '^(DONE|denied|failed:) ' || true; }
# result OUTPUT ROW: denied, DONE, failed: ERRNO, or nothing when the row is not there.
result() {
  local line
  line=$(grep -F " $2 " <<<"$1" | head -n 1)
  printf '%s' "${line%% "$2" *}"
}
# SELinux alone: as root, no unit's walls, only the domain. Unsealed credentials are no row here: only discretionary access
# keeps the units' apart, and root passes that.
systemctl start stargraphd
systemd-run --quiet --wait --collect --unit=stargraph-attack-alone --property=NoNewPrivileges=yes $attacker "${rows[@]}"
seen=$(printed stargraph-attack-alone.service)
note "$seen"
for row in "${rows[@]}"; do
  equals "in the daemon's domain, as root, without any other wall: $row is" denied "$(result "$seen" "$row")"
done
# In the unit: its listener, its user, its walls, another program.
mkdir -p /run/systemd/system
sed -e 's/^ListenStream=.*/ListenStream=127.0.0.1:8444/' -e 's/^FileDescriptorName=.*/FileDescriptorName=https/' /usr/lib/systemd/system/stargraphd.socket >/run/systemd/system/stargraph-attack.socket
sed -e "s|^ExecStart=.*|ExecStart=$attacker dial-through-listener dial udp execute=/usr/bin/true reach=/run/stargraph/trust.sock read=/var/log/stargraph/${first_segment##*/} load=/srv/library.so write-and-run-memory|" \
  -e 's/^Sockets=.*/Sockets=stargraph-attack.socket/' -e 's/^Type=.*/Type=oneshot/' -e '/^Restart/d; /^WatchdogSec/d; /^ExecReload/d; /^NotifyAccess/d; /^LoadCredential/d' \
  -e 's|^ExecPaths=.*|ExecPaths='$attacker' /usr/lib /lib -/lib64|' -e 's/stargraphd.socket/stargraph-attack.socket/' \
  /usr/lib/systemd/system/stargraphd.service >/run/systemd/system/stargraph-attack.service
semanage port -a -t stargraph_port_t -p tcp 8444 2>/dev/null || semanage port -m -t stargraph_port_t -p tcp 8444 2>/dev/null
systemctl daemon-reload
systemctl start stargraph-attack.socket && systemctl start stargraph-attack.service
seen=$(printed stargraph-attack.service)
note "$seen"
for row in dial-through-listener dial udp execute=/usr/bin/true reach=/run/stargraph/trust.sock "read=/var/log/stargraph/${first_segment##*/}" load=/srv/library.so write-and-run-memory; do
  equals "inside the unit of the daemon: $row is" denied "$(result "$seen" "$row")"
done
systemctl stop stargraph-attack.socket
rm -f /run/systemd/system/stargraph-attack.* $attacker /srv/library.so

# --- trouble
check "a killed audit writer comes back, and so does the daemon" 0 eval "systemctl kill -s KILL stargraph-auditd; until_true 60 eval '[ \"\$(answers operator)\" = 200 ]'"
free=$(df --output=avail -B1 /var | tail -n 1)
fallocate -l $((free - 300000000)) /var/fill
check "on a nearly full disk a new run is refused" 6 as operator run start graph:soc-triage --params $examples/alerts/port-scan.json
rm /var/fill
check "with space again it is taken" 0 start_run after-full port-scan
check "and ends" 0 ends after-full dismissed
now=$(date +%s)
date -s @$((now - 400 * 86400)) >/dev/null
systemctl restart stargraphd
equals "with the clock a year back the daemon does not start" 000 "$(answers operator)"
date -s @$((now + 60)) >/dev/null
check "with the right time it does" 0 eval "systemctl reset-failed stargraphd; until_true 60 eval '[ \"\$(answers operator)\" = 200 ]'"

# --- removal
if dpkg-query -W stargraph >/dev/null 2>&1; then
  check "the package is removed" 0 dpkg --remove stargraph
  check "removal keeps the database, the log and the keys" 0 ls /var/lib/stargraph/stargraph.db "$first_segment" /etc/credstore.encrypted/stargraph-state-key
  equals "nothing listens any more" "" "$(ss -Hltn | awk '{ print $4 }')"
  check "the package is installed again over what was kept" 0 eval "dpkg --install $here/debs/stargraph_*.deb && systemctl enable --now stargraph-entries.socket stargraph-trust.socket stargraphd.socket"
  equals "and goes on where it was" 200 "$(answers operator)"
  check "with every run" 0 ends prod-malware remediated
  systemctl stop stargraphd.socket stargraphd stargraph-auditd
  check "the package is purged" 0 dpkg --purge stargraph
  equals "purge says what it deletes and what it keeps" "deletes /var/lib/stargraph keeps /etc/stargraph/audit.pub.pem keeps /var/log/stargraph " "$(printf '%s\n' "$last" | grep -oE '(deletes /var/lib/stargraph$|keeps /etc/stargraph/audit.pub.pem|keeps /var/log/stargraph)' | tr '\n' ' ')"
  check "purge keeps the audit log" 0 stargraph-audit verify /var/log/stargraph --pubkey /etc/stargraph/audit.pub.pem
  check "and deletes database and keys" 2 ls /var/lib/stargraph /etc/credstore.encrypted/stargraph-state-key
fi
