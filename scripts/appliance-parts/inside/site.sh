# The people around the machine, in the machine: a CA, certificates, a governor, a publisher, an approver.

site=/mnt/site
ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -sha384 -days 30 -subj "/O=Site/CN=$1 CA" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout "$site/$1.ca.key.pem" -out "$site/$1.ca.pem" 2>/dev/null
}
# certificate CA NAME SUBJECT_ALTERNATIVE_NAME
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -sha384 -subj "/O=Site/CN=$2" \
    -keyout "$site/$2.key.pem" -out "$site/$2.csr" 2>/dev/null
  sign_request "$1" "$site/$2.csr" "$site/$2.pem" "$3"
}
# sign_request CA REQUEST CERTIFICATE SUBJECT_ALTERNATIVE_NAME
sign_request() {
  openssl x509 -req -in "$2" -CA "$site/$1.ca.pem" -CAkey "$site/$1.ca.key.pem" -CAcreateserial -sha384 -days 30 -out "$3" \
    -extfile <(printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n' "$4") 2>/dev/null
}
make_site() {
  umask 077
  mkdir -p $site
  ca site && ca foreign
  local person
  for person in operator analyst worker auditor; do certificate site $person "URI:urn:site:$person"; done
  certificate foreign intruder URI:urn:site:operator
  for person in operator analyst worker; do
    printf 'url: https://localhost:8443\ncertificate: %s\nkey: %s\nca: %s\n' $site/$person.pem $site/$person.key.pem $site/site.ca.pem >$site/$person.yaml
  done
  for person in governor publisher approver; do stargraph-pack keygen --out $site --name $person --alg ecdsa-p384-sha384 >/dev/null; done
  for person in operator analyst worker auditor; do
    printf '  - name: %s\n    tenant: soc\n    match: {san_uri: "urn:site:%s"}\n' $person $person
  done >$site/principals.yaml
}
# pack DIRECTORY KEY EPOCH FILE: as the publisher's machine does it.
pack() { stargraph-pack build "$1" --key "$site/$2.key.pem" --epoch "$3" --out "$site/$4"; }
fingerprint() { stargraph-pack --json fingerprint "$site/$1.pub.pem" | jq -r .fingerprint; }
as() {
  local person=$1
  shift
  stargraph --config "$site/$person.yaml" "$@"
}
# answers PERSON: HTTP status of /health with that person's certificate, 000 when TLS refuses.
answers() {
  curl --silent --output /dev/null --write-out '%{http_code}' --max-time 60 --cacert $site/site.ca.pem --cert "$site/$1.pem" \
    --key "$site/$1.key.pem" https://localhost:8443/health
}
# start_run NAME ALERT: remembers the run's id.
start_run() { as operator --json run start graph:soc-triage --params "/usr/share/stargraph/examples/soc-triage/alerts/$2.json" | jq -r .run_id >"$site/run-$1"; [ -s "$site/run-$1" ]; }
run_id() { cat "$site/run-$1"; }
# ends NAME REASON
ends() {
  local reply
  reply=$(as operator --json run watch "$(run_id "$1")" --timeout 120)
  [ "$(jq -r '.state + ": " + .reason' <<<"$reply")" = "done: $2" ] || { printf '%s\n' "$reply" && return 1; }
}
# waits NAME: stands at a question; remembers its id.
waits() {
  local reply
  reply=$(as operator --json run watch "$(run_id "$1")" --timeout 120)
  jq -er .interrupt.interrupt_id <<<"$reply" >"$site/interrupt-$1" || { printf '%s\n' "$reply" && return 1; }
}
site_policy() {
  mkdir -p $site/policy
  cat >$site/policy/manifest.yaml <<'Y'
kind: policy
id: site.policy
version: "1.0.0"
description: The policy of this site.
Y
  cat >$site/policy/policy.yaml <<'Y'
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
