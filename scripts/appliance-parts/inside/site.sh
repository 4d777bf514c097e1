# The people around the machine, in the machine: what the guide supposes to lie with them; sourced.

keys=/media/keys stick=/media/stick
people='operator analyst auditor leaver worker'
examples=/usr/share/stargraph/examples/soc-triage
# make_site: before the guide's scene `keys`.
make_site() {
  local person
  mkdir -p $keys /media/checks /media/backup /media/archive $stick/worker
  for person in $people intruder; do
    printf 'url: https://appliance.site:8443\ncertificate: %s\nkey: %s\nca: %s\n' $stick/$person.pem $keys/$person.key.pem $stick/site.ca.pem >$keys/$person.yaml
    [ $person = intruder ] || printf '  - name: %s\n    tenant: soc\n    match: {san_uri: "urn:site:%s"}\n' $person $person
  done >$stick/principals.yaml
  printf 'url: https://appliance.site:8443\ncertificate: /etc/stargraph/workers/soc/worker.pem\nkey: /run/credentials/stargraph-worker@soc.service/worker.key.pem\nca: /etc/stargraph/workers/soc/site.ca.pem\n' >$stick/worker/client.yaml
  printf 'STARGRAPH_KINDS="--kind soc.enrich --kind soc.score --kind soc.decide --kind soc.remediate"\nSTARGRAPH_EXEC=/usr/libexec/soc/worker.py\n' >$stick/worker/environment
  site_policy
  # A version that asks for more, and the ones that a next publisher signs.
  wider_triage $keys/soc-triage-1.1 1.1.0 && wider_triage $keys/soc-triage-1.2 1.2.0
  cp -r $examples/policy $keys/soc-policy-1.1
  sed -i 's/^version: .*/version: "1.1.0"/' $keys/soc-policy-1.1/manifest.yaml
  sed -i '/id: soc.policy/{n;s/version: .*/version: "1.1.0"/}' $keys/soc-triage-1.2/graphs/*.yaml
}
wider_triage() {
  cp -r $examples/triage "$1"
  sed -i "s/^version: .*/version: \"$2\"/; s/^  - work:soc.remediate/&\n  - work:soc.quarantine/; s/^  - soc.remediate/&\n  - soc.quarantine/" "$1/manifest.yaml"
}
# a foreign CA, and somebody with its certificate for the operator's name
make_intruder() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -noenc -sha384 -days 30 -subj "/O=Foreign/CN=Site CA" -keyout $keys/foreign.key.pem -out $keys/foreign.pem
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -noenc -sha384 -subj "/O=Site/CN=operator" -addext subjectAltName=URI:urn:site:operator -keyout $keys/intruder.key.pem -out $keys/intruder.csr
  openssl x509 -req -in $keys/intruder.csr -copy_extensions copyall -CA $keys/foreign.pem -CAkey $keys/foreign.key.pem -sha384 -days 30 -out $stick/intruder.pem
} 2>/dev/null
fingerprint() { stargraph-pack --json fingerprint "$1" | jq -r .fingerprint; }
# wrong FINGERPRINT: another one
wrong() { printf '%s' "$1" | tr '0-9a-f' '1-9a-f0'; }
key_id() { openssl pkey -pubin -in "$keys/$1.pub.pem" -outform DER | openssl dgst -sha384 -r | cut -c 1-96; }
# paper: what came by another way than the stick, for the guide's variables.
paper() {
  local name
  for name in publisher governor approver next-publisher next-governor; do
    [ ! -f $keys/$name.pub.pem ] || printf -v "$(tr a-z- A-Z_ <<<$name)" %s "$(fingerprint $keys/$name.pub.pem)"
  done
  [ ! -f /etc/stargraph/audit.pub.pem ] || AUDIT=$(fingerprint /etc/stargraph/audit.pub.pem)
}
as() {
  local person=$1
  shift
  stargraph --config "$keys/$person.yaml" "$@"
}
# answers PERSON [SECONDS]: HTTP status of /health with that person's certificate, 000 when TLS refuses or nobody answers.
answers() {
  curl --silent --output /dev/null --write-out '%{http_code}' --max-time "${2:-60}" --cacert $stick/site.ca.pem --cert "$stick/$1.pem" \
    --key "$keys/$1.key.pem" https://appliance.site:8443/health
}
# answered PERSON: within three minutes, which an emulated machine on a busy one may need to start.
answered() {
  local end=$((SECONDS + 180))
  until [ "$(answers "$1")" = 200 ]; do
    [ $SECONDS -lt $end ] || return 1
    sleep 1
  done
}
# start_run NAME ALERT: remembers the run's id.
start_run() { as operator --json run start graph:soc-triage --params "$examples/alerts/$2.json" | jq -r .run_id >"$keys/run-$1" && grep -q . "$keys/run-$1"; }
run_id() { cat "$keys/run-$1"; }
# at_work NAME: its state, once it waits for a worker; else the one it has after twenty seconds.
at_work() {
  local end=$((SECONDS + 20)) state
  until state=$(as operator --json run show "$(run_id "$1")" | jq -r .state) && [ "$state" = working ]; do [ $SECONDS -lt $end ] || break; done
  printf '%s' "$state"
}
# ends NAME REASON
ends() {
  local reply
  reply=$(as operator --json run watch "$(run_id "$1")" --timeout 200)
  [ "$(jq -r '.state + ": " + .reason' <<<"$reply")" = "done: $2" ] || { printf '%s\n' "$reply" && return 1; }
}
# waits NAME: stands at a question; remembers its id.
waits() {
  local reply
  reply=$(as operator --json run watch "$(run_id "$1")" --timeout 200)
  jq -er .interrupt.interrupt_id <<<"$reply" >"$keys/interrupt-$1" || { printf '%s\n' "$reply" && return 1; }
}
governed() { printf 'kind: %s\nid: %s\nversion: "1.0.0"\n' "$2" "$3" >"$1/manifest.yaml"; }
rotation_pack() {
  mkdir -p $keys/rotation && governed $keys/rotation rotation site.rotation
  printf 'format: stargraph.rotation.v1\nscope: "soc.*"\nold_key: "%s"\nnew_key: "%s"\nreason: "worn out"\n' "$(key_id publisher)" \
    "$(openssl pkey -pubin -in $keys/next-publisher.pub.pem -outform DER | openssl base64 -A)" >$keys/rotation/rotation.yaml
}
revocation_pack() {
  mkdir -p $keys/revoked && governed $keys/revoked revocation site.revoked
  printf 'format: stargraph.revocations.v1\nnumber: 1\nkeys:\n  - {key_id: "%s", reason: "left the firm", date: "2026-11-22"}\n' "$(key_id publisher)" >$keys/revoked/revocations.yaml
}
site_policy() {
  mkdir -p $keys/site-policy
  cat >$keys/site-policy/manifest.yaml <<'Y'
kind: policy
id: site.policy
version: "1.0.0"
description: The policy of this site.
Y
  cat >$keys/site-policy/policy.yaml <<'Y'
format: stargraph.policy.v1
label: acceptance
mode: enforce
not_before: "2026-01-01T00:00:00Z"
not_after: "2037-01-01T00:00:00Z"
supersedes: null
org_policy:
  version: "1"
  allowed_permissions: ["inventory:read", "edr:isolate"]
  allowed_models: {}
  allow_legacy_unsigned: false
  require_deterministic: false
governance:
  version: 1
  require_deterministic: false
  max_external_dependencies: 0
roles:
  operator: ["runs:start", "runs:read", "runs:cancel", "packs:read"]
  analyst: ["runs:read", "runs:respond"]
  worker: ["work:soc.enrich", "work:soc.score", "work:soc.decide", "work:soc.remediate"]
  auditor: ["audit:read", "audit:site"]
assignments:
  operator: [operator]
  analyst: [analyst]
  worker: [worker]
  auditor: [auditor]
Y
}
