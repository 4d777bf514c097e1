# The disk in another machine, with another TPM: recovery from paper; removal; decommission.
source $here/site.sh
source $here/look.sh
paper

equals "SELinux is enforcing" Enforcing "$(getenforce)"
check "on another machine's TPM the daemon does not start" 1 systemctl start stargraphd
equals "and nobody is answered" 000 "$(answers operator 5)"
check "for want of its keys" 0 eval "journalctl -b -o cat -u stargraphd -u stargraph-auditd | grep -i credentials"
cp $keys/paper /run/sheet
guide mainboard
check "with the keys from paper it answers" 0 answered operator
check "with every run" 0 ends prod-ransomware "remediation rejected by an analyst"
check "the log goes on where it was" 0 stargraph-audit verify /var/log/stargraph --pubkey /etc/stargraph/audit.pub.pem --anchor /media/checks/note-2.jsonl
check "stargraph doctor finds every needed wall held" 0 stargraph doctor
no_denials "recovery on another machine"

# --- removal
first_segment=$(ls /var/log/stargraph/audit-*.jsonl | head -n 1)
check "the package is removed" 0 dpkg --remove stargraph
check "removal keeps the database, the log and the keys" 0 ls /var/lib/stargraph/stargraph.db "$first_segment" /etc/credstore.encrypted/stargraph-state-key
equals "nothing listens any more" "" "$(listeners)"
check "the package is installed again over what was kept" 0 eval "dpkg --install $stick/packages/stargraph_*.deb && systemctl enable --now stargraph-entries.socket stargraph-trust.socket stargraphd.socket"
check "and goes on where it was" 0 answered operator
check "with every run" 0 ends prod-ransomware "remediation rejected by an analyst"
no_denials "removal, installation over what was kept"
equals "every file of state and log is 0600 and its user's still" "" "$(astray)"
# After the last look at denials: what it tries is denied, and stands among them.
check "stargraph doctor --attack finds every needed wall held" 0 stargraph doctor --attack
note "$(grep attack <<<"$last")"

# --- the end
guide decommission
check "the purge kept the key the log is checked with, and deleted database and keys" 0 eval "ls /etc/stargraph/audit.pub.pem && ! ls /var/lib/stargraph && ! ls /etc/credstore.encrypted/stargraph-state-key"
equals "no private key is left in the folders of the appliance" "" "$(grep -rlE 'PRIVATE KEY' /etc/stargraph; find /etc/credstore.encrypted -name 'stargraph-*')"
equals "purge said what it deleted and what it kept" "deletes /var/lib/stargraph keeps /etc/stargraph/audit.pub.pem keeps /var/log/stargraph " "$(grep -oE '(deletes /var/lib/stargraph$|keeps /etc/stargraph/audit.pub.pem|keeps /var/log/stargraph)' $here/guide.log | tr '\n' ' ')"
check "what was carried out last verifies without the appliance" 0 stargraph-verify log $stick/log-last --pubkey /media/checks/audit.pub.pem
guide_ends
ended=yes
