# After the power was cut: what was acknowledged is there. Then the guide's later chapters.
source $here/site.sh
source $here/look.sh
paper

# --- after the power cut
mkdir $stick/log-yesterday && cp /var/log/stargraph/audit-*.jsonl $stick/log-yesterday/
equals "SELinux is enforcing" Enforcing "$(getenforce)"
check "the sockets are there again by themselves" 0 systemctl is-active stargraphd.socket stargraph-entries.socket stargraph-trust.socket
check "the first connection starts the daemon again" 0 answered operator
check "the worker came with the machine" 0 systemctl is-active stargraph-worker@soc
check "prod-ransomware still waits" 0 waits prod-ransomware
equals "with the same question" "$(cat $keys/interrupt-before)" "$(cat $keys/interrupt-prod-ransomware)"
check "the analyst rejects it" 0 as analyst run respond "$(run_id prod-ransomware)" --interrupt "$(cat $keys/interrupt-prod-ransomware)" --set decision=reject
check "prod-ransomware ends: rejected" 0 ends prod-ransomware "remediation rejected by an analyst"

# --- the guide's later chapters
guide next-week
since=$(date +%s)
check "the checkpoint warns no more" 0 eval "systemctl start stargraph-checkpoint; ! journalctl -u stargraph-checkpoint -p warning -o cat --since @$since | grep 'not carried out'"
# Not first: whoever waited for the worker that the power took waits for the end of its lease, 30 s.
for number in 1 2 3 4; do check "wave-$number, in flight when the power went, ends: remediated" 0 ends wave-$number remediated; done
guide backup
check "after the backup a run ends" 0 eval "start_run lost port-scan && ends lost dismissed"
guide restore-database
check "the reason why it was refused before was said" 0 eval "journalctl -u stargraphd -o cat -n 200 | grep FORK"
check "the database of before goes on beside the log that went on" 0 answered operator
check "with a run of before the backup" 0 ends prod-ransomware "remediation rejected by an analyst"
check "and a new run ends" 0 eval "start_run beside-the-log port-scan && ends beside-the-log dismissed"
check "the daemon says on record from where it went on" 0 eval "grep -h resumed_from /var/log/stargraph/audit-*.jsonl | tail -n 1 | jq -e '.data.resumed_from > 0'"
guide restore
check "the restored appliance answers" 0 answered operator
check "a run of before the backup is there" 0 ends prod-ransomware "remediation rejected by an analyst"
check "a new run ends" 0 eval "start_run restored port-scan && ends restored dismissed"
check "the auditor's note of after the backup shows the restore" 4 stargraph-audit verify /var/log/stargraph --pubkey /media/checks/audit.pub.pem --anchor "$(ls $stick/log-before-restore/note-*)"
check "the one of before does not" 0 stargraph-audit verify /var/log/stargraph --pubkey /media/checks/audit.pub.pem --anchor /media/checks/note-2.jsonl
guide next-keys
paper
rotation_pack
revocation_pack
guide rotate-publisher
guide next-release
guide rotate-governor
guide rotate-tls
check "the daemon answers with the new certificate" 0 answered operator
guide revoke-key
check "a run goes on under the next publisher's packs" 0 eval "start_run next port-scan && ends next dismissed"
check "who leaves is still known" 0 answered leaver
guide revoke-certificate
equals "the list is named in the configuration" 1 "$(grep -c '^  crl: /etc/stargraph/clients.crl.pem' /etc/stargraph/stargraph.yaml)"
equals "whose certificate is revoked gets no answer" 000 "$(answers leaver)"
check "everybody else does" 0 answered operator
pids() { systemctl show -P MainPID stargraphd stargraph-auditd | tr '\n' ' '; }
before=$(pids)
check "the package is installed over itself while the daemon is at work" 0 eval "dpkg --install $stick/packages/stargraph_*.deb"
equals "and restarted neither daemon nor audit writer" "$before" "$(pids)"
guide upgrade
check "after the upgrade the daemon answers" 0 answered operator
guide collect
guide archive
# another UNIT PID: the unit has another main process than that, within three minutes
another() {
  local end=$((SECONDS + 180)) now
  until now=$(systemctl show -P MainPID "$1") && [ "${now:-0}" -ne 0 ] && [ "$now" -ne "$2" ]; do
    [ $SECONDS -lt $end ] || return 1
    sleep 1
  done
}
check "the daemon is at work" 0 answered operator
writer=$(systemctl show -P MainPID stargraph-auditd) daemon=$(systemctl show -P MainPID stargraphd)
check "a killed audit writer comes back" 0 eval "systemctl kill -s KILL stargraph-auditd; another stargraph-auditd $writer"
check "the daemon, which ended without it, too" 0 another stargraphd "$daemon"
check "and answers" 0 answered operator
guide audit-stops
guide yesterday
# By who logged in as 4242 and hides behind sudo in a sudo, which leaves root's name.
stargraph-pack keygen --out $keys --name spare --alg ecdsa-p384-sha384 >/dev/null
check "an act of trust is done behind sudo in a sudo" 0 eval '(echo 4242 >/proc/self/loginuid; SUDO_UID=0 SUDO_USER=root stargraph-site key add $keys/spare.pub.pem --role publisher --holder "Kept for \$5" --fingerprint "$(fingerprint $keys/spare.pub.pem)")'
equals "the log names who logged in, and the holder as it was given" 'uid-0.login-4242: Kept for $5' "$(cat /var/log/stargraph/audit-*.jsonl | jq -r 'select(.event == "trust.key_added") | .actor + ": " + .data.holder' | tail -n 1)"
no_denials "restart, export, backup, rotation, revocation, upgrade"
equals "every file of state and log is 0600 and its user's still" "" "$(astray)"
ended=yes
