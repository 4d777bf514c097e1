# The first boot: from installed packages to work that goes on while the power is cut.
source $here/site.sh
domains() { ps -eo label,user,args | awk -v program="$1" '$3 ~ program "$" { print $1, $2; exit }'; }
listeners() { ss -Hltn | awk '{ print $4 }' | sort -u | tr '\n' ' '; }
our_denials() { ausearch -m avc -ts boot 2>/dev/null | grep -E 'stargraph' | grep '^type=AVC' ; }

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
if [ ! -e $here/debug ]; then
  units=(stargraphd.service stargraph-auditd.service stargraph-checkpoint.service stargraphd.socket stargraph-entries.socket stargraph-trust.socket stargraph-checkpoint.timer)
  equals "systemd-analyze verify has nothing to say" "" "$(systemd-analyze verify --man=no "${units[@]/#//usr/lib/systemd/system/}" 2>&1 | grep stargraph)"
  for unit in stargraphd stargraph-auditd stargraph-checkpoint; do
    exposure=$(systemd-analyze security --offline=true --no-pager "/usr/lib/systemd/system/$unit.service" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+ [A-Z]+' | tail -n 1)
    check "systemd-analyze security: $unit $exposure, at most 0.8" 0 awk -v have="${exposure%% *}" 'BEGIN { exit !(have != "" && have <= 0.8) }'
  done
fi

# --- first boot
make_site
check "setup alone says what is missing" 7 stargraph-setup --no-enable --recovery $site/sheet --fips required --side-effects allow
equals "it has not begun to listen" "" "$(listeners)"
check "the recovery sheet holds the key" 0 bash -c "stargraph-setup --prove-recovery <$site/sheet"
sed '3s/: ..../: 0000/' $site/sheet >$site/sheet.bad
check "a slip of the pen in it is found" 4 bash -c "stargraph-setup --prove-recovery <$site/sheet.bad"
rm /etc/stargraph/stargraph.yaml
check "setup makes a request for the site's CA" 7 stargraph-setup --request localhost --no-enable --fips required --side-effects allow --principals $site/principals.yaml
sign_request site /etc/stargraph/server.csr $site/server.pem DNS:localhost
check "a certificate of another key is refused" 7 stargraph-setup --no-enable --certificate $site/operator.pem
check "setup takes the certificate, CA and principals" 0 stargraph-setup --no-enable --certificate $site/server.pem --client-ca $site/site.ca.pem
wrong=$(fingerprint governor | tr '0-9a-f' '1-9a-f0')
check "a governor with a wrong fingerprint is refused" 3 stargraph-setup --no-enable --governor $site/governor.pub.pem --holder "Grace Hopper" --fingerprint "$wrong"
check "setup confirms a governor by fingerprint and enables the sockets" 0 stargraph-setup --governor $site/governor.pub.pem --holder "Grace Hopper" --fingerprint "$(fingerprint governor)"
check "setup may be run again and changes nothing" 0 stargraph-setup
equals "only the appliance's port listens now" "*:8443 " "$(listeners)"
equals "sealed keys are root's alone" "600 root 600 root 600 root " "$(stat -c '%a %U' /etc/credstore.encrypted/stargraph-* | tr '\n' ' ')"
equals "the configuration is root:stargraph 0640" "640 root stargraph" "$(stat -c '%a %U %G' /etc/stargraph/stargraph.yaml)"
equals "the sockets are their users' alone" "600 stargraph 600 root " "$(stat -c '%a %U' /run/stargraph/entries.sock /run/stargraph/trust.sock | tr '\n' ' ')"
equals "the sockets have types of their own" "stargraph_entries_t stargraph_trust_t " "$(stat -c %C /run/stargraph/entries.sock /run/stargraph/trust.sock | cut -d : -f 3 | tr '\n' ' ')"
check "the daemon is not running before somebody calls" 3 systemctl is-active stargraphd.service

# --- packs
site_policy
examples=/usr/share/stargraph/examples/soc-triage
check "packs are built and signed" 0 eval "pack $site/policy governor 1 policy.sgpack && pack $examples/policy publisher 1 rules.sgpack && pack $examples/triage publisher 1 triage.sgpack"
check "the governor's policy is imported" 0 stargraph-site import $site/policy.sgpack
check "an import without a fingerprint is refused" 3 stargraph-site import $site/rules.sgpack
check "an import with a wrong fingerprint is refused" 3 stargraph-site import $site/rules.sgpack --fingerprint "$(fingerprint publisher | tr '0-9a-f' '1-9a-f0')"
python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[-1] ^= 1; open(sys.argv[2], "wb").write(b)' $site/rules.sgpack $site/bad.sgpack
check "a pack with one byte changed is refused" 4 stargraph-site import $site/bad.sgpack --fingerprint "$(fingerprint publisher)"
check "with its fingerprint the publisher is pinned for soc.*" 0 stargraph-site import $site/rules.sgpack --fingerprint "$(fingerprint publisher)" --scope 'soc.*'
check "the next pack of that publisher needs no ceremony" 0 stargraph-site import $site/triage.sgpack
check "the trust store can be looked at" 0 stargraph-site pins

# --- the daemon
equals "the first connection starts the daemon, and the operator is answered" 200 "$(answers operator)"
check "the daemon is active" 0 systemctl is-active stargraphd.service
journal=$(journalctl -b -u stargraphd -u stargraph-auditd -p warning --no-pager -o cat | grep -v '^$' | head -n 8)
[ -z "$journal" ] || note "$journal"
if [ -e $here/debug ]; then note "$(our_denials | sed -E 's/.*denied/denied/; s/ pid=[0-9]+//; s/ino=[0-9]+//' | sort | uniq -c | head -n 60)"; fi
equals "a client of a foreign CA gets no answer" 000 "$(answers intruder)"
equals "a client without a certificate gets no answer" 000 "$(curl --silent --output /dev/null --write-out '%{http_code}' --cacert $site/site.ca.pem https://localhost:8443/health)"
equals "the daemon runs in its domain, as its user" "system_u:system_r:stargraphd_t:s0 stargra+" "$(ps -eo label,user,comm | awk '$3 == "stargraphd" { print $1, $2; exit }' | sed 's/stargraph$/stargra+/')"
equals "the audit writer runs in its domain" system_u:system_r:stargraph_audit_t:s0 "$(ps -eo label,comm | awk '$2 ~ /^stargraph-audi/ { print $1; exit }')"
pid=$(systemctl show -P MainPID stargraphd)
equals "the daemon has its system-call filter, no new privileges, no capability" "2 1 0000000000000000" "$(awk '/^Seccomp:|^NoNewPrivs:|^CapEff:/ { v[$1] = $2 } END { print v["Seccomp:"], v["NoNewPrivs:"], v["CapEff:"] }' /proc/$pid/status)"
equals "its network namespace is not the machine's" different "$([ "$(readlink /proc/$pid/ns/net)" = "$(readlink /proc/1/ns/net)" ] || echo different)"
equals "the log says that FIPS and SELinux are enforced" "true enforcing" "$(cat /var/log/stargraph/audit-*.jsonl | jq -r 'select(.event == "daemon.started") | "\(.data.fips) \(.data.selinux)"' | tail -n 1)"

# --- work
mkdir -p /etc/stargraph/workers/soc /usr/libexec/soc
install -m 0755 $examples/worker.py /usr/libexec/soc/worker.py
install -m 0644 $site/worker.pem $site/site.ca.pem /etc/stargraph/workers/soc/
install -m 0600 -o stargraph-worker $site/worker.key.pem /etc/stargraph/workers/soc/worker.key.pem
printf 'url: https://localhost:8443\ncertificate: /etc/stargraph/workers/soc/worker.pem\nkey: /etc/stargraph/workers/soc/worker.key.pem\nca: /etc/stargraph/workers/soc/site.ca.pem\n' >/etc/stargraph/workers/soc/client.yaml
printf 'STARGRAPH_KINDS="--kind soc.enrich --kind soc.score --kind soc.decide --kind soc.remediate"\nSTARGRAPH_EXEC=/usr/libexec/soc/worker.py\n' >/etc/stargraph/workers/soc/environment
chmod 0644 /etc/stargraph/workers/soc/client.yaml /etc/stargraph/workers/soc/environment
restorecon -R /etc/stargraph /usr/libexec
check "a confined worker starts" 0 systemctl start stargraph-worker@soc
for alert in port-scan dev-malware prod-malware prod-ransomware; do check "the run $alert starts" 0 start_run $alert $alert; done
check "port-scan ends: dismissed" 0 ends port-scan dismissed
check "dev-malware ends: remediated" 0 ends dev-malware remediated
check "prod-malware waits for an approval" 0 waits prod-malware
check "prod-ransomware too" 0 waits prod-ransomware
equals "the worker runs in its domain" system_u:system_r:stargraph_worker_t:s0 "$(ps -eo label,comm | awk '$2 ~ /^stargraph-work/ { print $1; exit }')"
check "the operator may not answer" 5 as operator run respond "$(run_id prod-malware)" --interrupt "$(cat $site/interrupt-prod-malware)" --set decision=approve

# --- reload with approval
rm -rf $site/wider && cp -r $examples/triage $site/wider
sed -i 's/^version: .*/version: "1.1.0"/; s/^  - work:soc.remediate/&\n  - work:soc.quarantine/; s/^  - soc.remediate/&\n  - soc.quarantine/' $site/wider/manifest.yaml
check "an approver's key is added" 0 stargraph-site key add $site/approver.pub.pem --role approver --holder "Radia Perlman" --fingerprint "$(fingerprint approver)"
check "a version that asks for more is imported and waits" 0 eval "pack $site/wider publisher 2 wider.sgpack && stargraph-site import $site/wider.sgpack"
check "a reload with it fails until somebody approves" 1 systemctl reload stargraphd
request=$(stargraph-site --json reload --dry-run 2>/dev/null | jq -r '.. | .request? // empty' | head -n 1)
token=$(stargraph-pack approve "$request" --key $site/approver.key.pem --json 2>/dev/null | jq -r .token)
check "with the approver's token it is done" 0 stargraph-site reload --pid "$(systemctl show -P MainPID stargraphd)" --approval "$token"
check "a reload with nothing to do succeeds" 0 systemctl reload stargraphd

# --- at rest, and across a restart
wide=$(find /var/lib/stargraph /var/lib/stargraph-audit /var/log/stargraph -type f \( ! -perm 600 -o \( -path '/var/lib/stargraph/*' ! -user stargraph \) -o \( ! -path '/var/lib/stargraph/*' ! -user stargraph-audit \) \))
equals "every file of state and log is 0600 and its user's" "" "$wide"
equals "no alert stands readable in the state" "" "$(grep -rlaF -e SOC-2026- -e pay-api-01 /var/lib/stargraph)"
check "the checkpoint of the day is written" 0 eval "systemctl start stargraph-checkpoint && ls /var/lib/stargraph-checkpoints/note-*.jsonl"
check "it warns that no log was carried out" 0 eval "journalctl -u stargraph-checkpoint -p warning -o cat | grep 'not carried out'"
check "the daemon is restarted" 0 systemctl restart stargraphd
equals "it answers" 200 "$(answers operator)"
cp $site/interrupt-prod-malware $site/interrupt-before
check "prod-malware still waits" 0 waits prod-malware
equals "with the same question" "$(cat $site/interrupt-before)" "$(cat $site/interrupt-prod-malware)"
equals "SELinux denied nothing that ordinary use needs" "" "$(our_denials | sed -E 's/.*denied/denied/' | sort | uniq -c | head -n 20)"
note "$(our_denials | sed -E 's/.*denied/denied/; s/ pid=[0-9]+//; s/ino=[0-9]+//' | sort | uniq -c | head -n 60)"
head -c 100 /etc/stargraph/stargraph.yaml >/dev/null
check "the log is carried out" 0 stargraph-export /mnt/export-1
note "HEAD $(cat /mnt/export-1/note-*.jsonl)"

if [ -e $here/debug ]; then
  note "$(journalctl -b -p warning --no-pager -o short | grep -vE 'kernel|audit' | tail -n 60)"
fi
# --- the power is cut while runs are in flight
for number in 1 2 3 4; do start_run wave-$number dev-malware; done
equals "four more runs were acknowledged" 4 "$(cat $site/run-wave-* | wc -l)"
sync
say CUT
sleep 600
