# From installed packages to work that goes on while the power is cut.
source $here/site.sh
source $here/look.sh
[ -e $here/guide.at ] || echo 2 >$here/guide.at

# --- as installed
equals "SELinux is enforcing" Enforcing "$(getenforce)"
equals "four packages are installed" 4 "$(dpkg-query -W -f '${db:Status-Status}\n' 'stargraph*' | grep -cx installed)"
equals "the policy module is loaded" stargraph "$(semodule -l | grep -x stargraph)"
equals "TCP 8443 is the appliance's own port" stargraph_port_t "$(semanage port -l | awk '/[ ,]8443(,|$)/ && /stargraph/ { print $1 }')"
equals "nothing listens on the network after the installation" "" "$(listeners)"
check "no unit of ours runs yet" 3 systemctl is-active stargraphd.service stargraphd.socket stargraph-auditd.service
for directory in /var/lib/stargraph:stargraph /var/lib/stargraph-audit:stargraph-audit /var/log/stargraph:stargraph-audit; do
  equals "${directory%:*} is ${directory#*:}'s alone" "700 ${directory#*:}" "$(stat -c '%a %U' "${directory%:*}")"
done
units=(stargraphd.service stargraph-auditd.service stargraph-checkpoint.service stargraphd.socket stargraph-entries.socket stargraph-trust.socket stargraph-checkpoint.timer)
equals "systemd-analyze verify has nothing to say" "" "$(systemd-analyze verify --man=no "${units[@]/#//usr/lib/systemd/system/}" 2>&1 | grep stargraph)"
for unit in stargraphd stargraph-auditd stargraph-checkpoint; do
  exposure=$(systemd-analyze security --offline=true --no-pager "/usr/lib/systemd/system/$unit.service" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+ [A-Z]+' | tail -n 1)
  check "systemd-analyze security: $unit $exposure, at most 0.8" 0 awk -v have="${exposure%% *}" 'BEGIN { exit !(have != "" && have <= 0.8) }'
done

# --- keys, first boot
make_site
guide keys
guide ca
make_intruder
paper
guide first-boot
paper
check "setup says what is still missing, and writes the sheet of the keys that it keeps" 7 stargraph-setup --no-enable --recovery $keys/paper
equals "the keys are sealed to disk and TPM together" "sealing: to this machine's disk and TPM together" "$(printf '%s\n' "$last" | grep '^sealing: ')"
equals "it has not begun to listen" "" "$(listeners)"
sed '3s/: ..../: 0000/' $keys/paper >$keys/paper.bad
check "a slip of the pen in the sheet is found" 4 eval "stargraph-setup --prove-recovery <$keys/paper.bad"
guide server-certificate
check "a certificate of another key is refused" 7 stargraph-setup --no-enable --certificate $stick/operator.pem --client-ca $stick/site.ca.pem
check "a governor with a wrong fingerprint is refused" 3 stargraph-setup --no-enable --governor $stick/governor.pub.pem --holder "Grace Hopper" --fingerprint "$(wrong "$GOVERNOR")"
guide governor
# made: what setup made, with owners and modes
made() { (cd / && find etc/stargraph etc/credstore.encrypted ! -type d -exec stat -c '%n %a %U %G' {} + -exec sha384sum {} + | sort); }
before=$(made)
check "setup may be run again" 0 stargraph-setup
equals "and changes nothing" "$before" "$(made)"
equals "only the appliance's port listens now" "*:8443 " "$(listeners)"
equals "sealed keys are root's alone" "600 root 600 root 600 root " "$(stat -c '%a %U' /etc/credstore.encrypted/stargraph-* | tr '\n' ' ')"
equals "the configuration is root:stargraph 0640" "640 root stargraph" "$(stat -c '%a %U %G' /etc/stargraph/stargraph.yaml)"
equals "the sockets are their users' alone" "600 stargraph 600 root " "$(stat -c '%a %U' /run/stargraph/entries.sock /run/stargraph/trust.sock | tr '\n' ' ')"
equals "the sockets have types of their own" "stargraph_entries_t stargraph_trust_t " "$(stat -c %C /run/stargraph/entries.sock /run/stargraph/trust.sock | cut -d : -f 3 | tr '\n' ' ')"
check "the daemon is not running before somebody calls" 3 systemctl is-active stargraphd.service

# --- packs
guide publish
check "an import with a wrong fingerprint is refused" 3 stargraph-site import $stick/soc-policy.sgpack --fingerprint "$(wrong "$PUBLISHER")"
python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[-1] ^= 1; open(sys.argv[2], "wb").write(b)' $stick/soc-policy.sgpack $stick/bad.sgpack
check "a pack with one byte changed is refused" 4 stargraph-site import $stick/bad.sgpack --fingerprint "$PUBLISHER"
guide import

# --- the daemon
check "the first connection starts the daemon, and the operator is answered" 0 answered operator
guide start
equals "a client of a foreign CA gets no answer" 000 "$(answers intruder)"
equals "a client without a certificate gets no answer" 000 "$(curl --silent --output /dev/null --write-out '%{http_code}' --cacert $stick/site.ca.pem https://appliance.site:8443/health)"
equals "the daemon runs in its domain" system_u:system_r:stargraphd_t:s0 "$(domain stargraphd)"
equals "the audit writer runs in its domain" system_u:system_r:stargraph_audit_t:s0 "$(domain stargraph-audi)"
pid=$(systemctl show -P MainPID stargraphd)
equals "the daemon has its user, its system-call filter, no new privileges, no capability" "$(id -u stargraph) 2 1 0000000000000000" "$(awk '/^Uid:|^Seccomp:|^NoNewPrivs:|^CapEff:/ { v[$1] = $2 } END { print v["Uid:"], v["Seccomp:"], v["NoNewPrivs:"], v["CapEff:"] }' /proc/$pid/status)"
equals "its network namespace is not the machine's" different "$([ "$(readlink /proc/$pid/ns/net)" = "$(readlink /proc/1/ns/net)" ] || echo different)"
equals "the log says that FIPS and SELinux are enforced" "true enforcing" "$(cat /var/log/stargraph/audit-*.jsonl | jq -r 'select(.event == "daemon.started") | "\(.data.fips) \(.data.selinux)"' | tail -n 1)"

# --- work
guide worker
guide work
equals "the worker runs in its domain" system_u:system_r:stargraph_worker_t:s0 "$(domain stargraph-work)"
equals "its key is root's alone" "600 root" "$(stat -c '%a %U' /etc/stargraph/workers/soc/worker.key.pem)"
# Another instance, whose program is an attacker's: the unit with its user and its walls, but for the command.
thief=/run/systemd/system/stargraph-worker@thief.service.d
mkdir -p /etc/stargraph/workers/thief $thief
cp /etc/stargraph/workers/soc/* /etc/stargraph/workers/thief/
restorecon -R /etc/stargraph/workers
printf '[Service]\nType=oneshot\nRestart=no\nExecStart=\nExecStart=/bin/sh -c "cat %%d/worker.key.pem >/dev/null || exit 2; for key in /etc/stargraph/workers/*/worker.key.pem /run/credentials/stargraph-worker@soc.service/worker.key.pem; do cat $$key && exit 3; done; kill -0 %s && exit 4; exit 0"\n' \
  "$(systemctl show -P MainPID stargraph-worker@soc)" >$thief/attack.conf
systemctl daemon-reload
check "another instance has its own key, not the worker's, and cannot signal it" 0 systemctl start stargraph-worker@thief
rm -r /etc/stargraph/workers/thief $thief
systemctl daemon-reload

# --- reload with approval
guide wider
check "the reload failed for want of an approval" 0 eval "journalctl --unit stargraphd --output cat | grep approval-missing"
guide approve

# --- at rest, and across a restart
equals "every file of state and log is 0600 and its user's" "" "$(astray)"
equals "no alert stands readable in the state" "" "$(grep -rlaF -e SOC-2026- -e pay-api-01 /var/lib/stargraph)"
check "the checkpoint of the day is written" 0 eval "systemctl start stargraph-checkpoint && ls /var/lib/stargraph-checkpoints/note-*.jsonl"
check "it warns that no log was carried out" 0 eval "journalctl -u stargraph-checkpoint -p warning -o cat | grep 'not carried out'"
guide export
guide check-log
check "prod-ransomware starts" 0 start_run prod-ransomware prod-ransomware
check "and waits for an approval" 0 waits prod-ransomware
cp $keys/interrupt-prod-ransomware $keys/interrupt-before
check "the daemon is restarted" 0 systemctl restart stargraphd
check "prod-ransomware still waits" 0 waits prod-ransomware
equals "with the same question" "$(cat $keys/interrupt-before)" "$(cat $keys/interrupt-prod-ransomware)"
no_denials "installation, first boot, packs, work, reload, export"

# --- the power is cut while runs are in flight: each stands at a task that the worker has, or nobody yet
systemctl kill -s STOP stargraph-worker@soc
for number in 1 2 3 4; do start_run wave-$number dev-malware; done
equals "four more runs were acknowledged" 4 "$(cat $keys/run-wave-* | wc -l)"
for number in 1 2 3 4; do equals "wave-$number is at work" working "$(at_work wave-$number)"; done
sync -f $keys
say CUT
sleep 600
