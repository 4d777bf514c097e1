# The disk as the power left it, once more, in a machine of its own: an attacker in the daemon's place, then trouble.
source $here/site.sh
source $here/look.sh

check "the first connection starts the daemon" 0 answered operator
source $here/attacks.sh

# --- trouble
free=$(df --output=avail -B1 /var | tail -n 1)
fallocate -l $((free - 300000000)) /var/fill
check "on a nearly full disk a new run is refused" 6 as operator run start graph:soc-triage --params $examples/alerts/port-scan.json
rm /var/fill
check "with space again it is taken, and ends" 0 eval "start_run after-full port-scan && ends after-full dismissed"
fallocate -l "$(df --output=avail -B1 /var | tail -n 1)" /var/fill
check "on a full disk too" 6 as operator run start graph:soc-triage --params $examples/alerts/port-scan.json
rm /var/fill
check "with space again the daemon answers, or came back" 0 answered operator
check "and the log is whole" 0 stargraph-audit verify /var/log/stargraph --pubkey /etc/stargraph/audit.pub.pem
now=$(date +%s)
date -s @$((now - 400 * 86400)) >/dev/null
# curl would refuse the server's certificate on that clock too, whatever the daemon does.
check "with the clock a year back the daemon does not start" 1 systemctl restart stargraphd
check "and the reason is the clock" 0 eval "journalctl --sync; journalctl -b -o cat -u stargraphd | grep clock-behind"
date -s @$((now + 60)) >/dev/null
check "with the right time the daemon is" 0 eval "systemctl reset-failed stargraphd stargraph-auditd; answered operator"
check "and the log is still whole" 0 stargraph-audit verify /var/log/stargraph --pubkey /etc/stargraph/audit.pub.pem
equals "every file of state and log is 0600 and its user's still" "" "$(astray)"
ended=yes
