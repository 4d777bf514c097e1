# Code of an attacker in the daemon's place: the program of tests/packaging/attacker.cpp, labelled as the daemon; sourced.
attacker=/usr/sbin/stargraph-attacker
install -m 0755 $here/attacker $attacker
chcon -t stargraphd_exec_t $attacker
# The unit has a /tmp of its own, and a file that is not there proves nothing: there the attacker writes the library first.
for library in /srv/library.so /tmp/library.so; do cp /usr/bin/true $library && chmod 0755 $library; done
rows=(execute=/usr/bin/true execute=/usr/sbin/stargraphd dial fastopen udp reach=/run/stargraph/trust.sock
  read=/etc/credstore.encrypted/stargraph-audit-key read=/etc/shadow append=/var/log/stargraph/audit-000001.jsonl append=/etc/stargraph/stargraph.yaml append=$attacker
  load=/srv/library.so load=/tmp/library.so write-and-load=/var/lib/stargraph/library.so load=/var/lib/stargraph/stargraph.db write-and-run-memory trace)
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
  equals "in the daemon's domain, as root, without any other wall, $row is denied" denied "$(result "$seen" "$row")"
done
# In the unit: its listener, its user, its walls, another program. fastopen-through-listener is no row above: no hook of SELinux
# sees it; without the daemon's own filter, as here, sysctl.d is the wall.
mkdir -p /run/systemd/system
sed -e 's/^ListenStream=.*/ListenStream=127.0.0.1:8444/' -e 's/^FileDescriptorName=.*/FileDescriptorName=https/' /usr/lib/systemd/system/stargraphd.socket >/run/systemd/system/stargraph-attack.socket
rows=(dial-through-listener dial fastopen udp execute=/usr/bin/true reach=/run/stargraph/trust.sock "read=/var/log/stargraph/${first_segment##*/}"
  "append=/var/log/stargraph/${first_segment##*/}" read=/etc/credstore.encrypted/stargraph-audit-key read=/run/credentials/stargraph-auditd.service/stargraph-audit-key
  append=/etc/stargraph/stargraph.yaml load=/srv/library.so write-and-load=/tmp/mine.so write-and-load=/dev/shm/mine.so write-and-load=/var/lib/stargraph/mine.so write-and-run-memory trace fastopen-through-listener)
sed -e "s|^ExecStart=.*|ExecStart=$attacker ${rows[*]}|" \
  -e 's/^Sockets=.*/Sockets=stargraph-attack.socket/' -e 's/^Type=.*/Type=oneshot/' -e '/^Restart/d; /^WatchdogSec/d; /^ExecReload/d; /^NotifyAccess/d; /^LoadCredential/d' \
  -e 's|^ExecPaths=.*|ExecPaths='$attacker' /usr/lib /lib -/lib64|' -e 's/stargraphd.socket/stargraph-attack.socket/' \
  /usr/lib/systemd/system/stargraphd.service >/run/systemd/system/stargraph-attack.service
semanage port -a -t stargraph_port_t -p tcp 8444 2>/dev/null || semanage port -m -t stargraph_port_t -p tcp 8444 2>/dev/null
systemctl daemon-reload
systemctl start stargraph-attack.socket && systemctl start stargraph-attack.service
seen=$(printed stargraph-attack.service)
note "$seen"
for row in "${rows[@]}"; do
  equals "inside the unit of the daemon, $row is denied" denied "$(result "$seen" "$row")"
done
systemctl stop stargraph-attack.socket
rm -f /run/systemd/system/stargraph-attack.* $attacker /srv/library.so /tmp/library.so
systemctl daemon-reload
check "ausearch shows what the attacker was denied" 0 eval "our_denials | grep 'scontext=[^ ]*:stargraphd_t:'"
