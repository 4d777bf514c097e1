# The throwaway site of the demo: certificates, configuration, processes; sourced by scripts/demo.

declare -A run=() interrupt=()
auditd_pid=
daemon_pid=
worker_pid=

open_scratch() {
  have systemd-socket-activate || die "systemd-socket-activate is not installed"
  if [ -n "$keep" ]; then
    mkdir -p "$keep"
    scratch=$(cd "$keep" && pwd)
    [ -z "$(ls -A "$scratch")" ] || die "$scratch is not empty"
  else
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/stargraph-demo-XXXXXX")
  fi
  site=$scratch/site
  config=$site/stargraph.yaml
  (umask 077 && mkdir "$site" "$site/state" "$site/log" "$site/audit-state" "$site/run")
  port=$(free_port)
  stand_in="no systemd here: systemd-socket-activate hands the sockets over"
  [ "$(id -u)" -eq 0 ] || stand_in="$stand_in; trust.sock, root's own on an installed box, belongs to $(id -un) for this demo"
}

close_scratch() {
  local status=$?
  stop_all
  if [ -n "$keep" ]; then
    cp "$site"/log/audit-*.jsonl "$site/audit.pub.pem" "$scratch/" 2>/dev/null || true
    printf 'demo: kept in %s\n' "$scratch"
  elif [ "$status" -eq 0 ]; then
    rm -rf "$scratch"
  else
    printf 'demo: left for a look: %s\n' "$scratch" >&2
  fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# --- certificates (OpenSSL, P-384, valid for one day)

make_ca() {
  (umask 077 && quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -sha384 -days 1 \
    -subj "/O=Demo/CN=$1 CA" -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -keyout "$site/$1.ca.key.pem" -out "$site/$1.ca.pem")
}

# make_certificate CA NAME SUBJECT_ALTERNATIVE_NAME
make_certificate() {
  (
    umask 077
    quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -sha384 -subj "/O=Demo/CN=$2" \
      -keyout "$site/$2.key.pem" -out "$site/$2.csr"
    quiet openssl x509 -req -in "$site/$2.csr" -CA "$site/$1.ca.pem" -CAkey "$site/$1.ca.key.pem" -CAcreateserial \
      -sha384 -days 1 -out "$site/$2.pem" -extfile <(printf 'subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n' "$3")
    rm "$site/$2.csr"
  )
}

# --- configuration

write_configuration() {
  (
    umask 077
    cat >"$config" <<YAML
profile: oss-default
fips: off
side_effects: allow
tls:
  certificate: $site/server.pem
  key_file: $site/server.key.pem
  client_ca: $site/site.ca.pem
state:
  directory: $site/state
  key_file: $site/state.key
audit:
  entries_socket: $site/run/entries.sock
  trust_socket: $site/run/trust.sock
  public_key: $site/audit.pub.pem
  log_directory: $site/log
  state_directory: $site/audit-state
  key_file: $site/audit.key.pem
  reads: strict
  entries_uid: $(id -u)
  trust_uid: $(id -u)
limits:
  lease_seconds: 3  # what a worker held when the daemon was killed comes back after this
roles:
  operator: ["runs:start", "runs:read", "runs:cancel"]
  analyst: ["runs:read", "runs:respond"]
  worker: ["work:soc.*"]
  auditor: ["audit:site"]
principals:
$(for person in operator analyst worker auditor; do
      printf '  - {name: %s, tenant: soc, match: {san_uri: "urn:demo:%s"}, roles: [%s]}\n' "$person" "$person" "$person"
    done)
YAML
    for person in operator analyst worker auditor; do
      printf 'url: https://127.0.0.1:%s\ncertificate: %s\nkey: %s\nca: %s\n' "$port" \
        "$site/$person.pem" "$site/$person.key.pem" "$site/site.ca.pem" >"$site/$person.client.yaml"
    done
  )
}

# --- the programs

pack() { "$bin/stargraph-pack" --config "$config" "$@"; }

# as PERSON COMMAND...: the operator's command line with that person's certificate.
as() {
  local person=$1
  shift
  "$bin/stargraph" --config "$site/$person.client.yaml" "$@"
}

# wait_until SECONDS COMMAND...
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

start_auditd() {
  (umask 077 && exec systemd-socket-activate --seqpacket --listen="$site/run/entries.sock" --listen="$site/run/trust.sock" \
    --fdname=entries:trust "$bin/stargraph-auditd" --config "$config" >>"$scratch/auditd.log" 2>&1) &
  auditd_pid=$!
  wait_until 5 test -S "$site/run/trust.sock" || die "the audit writer's sockets did not appear"
}

listening() { grep -q "$(printf ':%04X 00000000:0000 0A' "$port")" /proc/net/tcp; }

start_daemon() {
  (umask 077 && exec systemd-socket-activate --listen="127.0.0.1:$port" --fdname=https \
    "$bin/stargraphd" --config "$config" >>"$scratch/daemon.log" 2>&1) &
  daemon_pid=$!
  wait_until 5 listening || die "nobody listens on the port"
}

kill_daemon() {
  kill -9 "$daemon_pid"
  wait "$daemon_pid" 2>/dev/null || true
  daemon_pid=
}

start_worker() {
  "$bin/stargraph-worker" --config "$site/worker.client.yaml" --kind soc.enrich --kind soc.score --kind soc.decide \
    --kind soc.remediate --wait-ms 2000 --exec python3 "$example/worker.py" >>"$scratch/worker.log" 2>&1 &
  worker_pid=$!
}

# stop_one PID: asks, waits, and is not offended by one that is gone already.
stop_one() {
  [ -n "$1" ] || return 0
  kill "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

stop_all() {
  stop_one "$worker_pid" && worker_pid=
  stop_one "$daemon_pid" && daemon_pid=
  stop_one "$auditd_pid" && auditd_pid=
}

daemon_is_confined() {
  grep -q '^Seccomp:[[:space:]]*2' "/proc/$daemon_pid/status" && grep -q '^NoNewPrivs:[[:space:]]*1' "/proc/$daemon_pid/status"
}

# --- refusals on the wire

# check_refused TEXT CURL_OPTIONS...: TLS ends the connection (curl 35, 55 or 56: while it
# shakes hands, sends or waits), no byte of an HTTP answer comes back.
check_refused() {
  local text=$1 status=0 code
  shift
  code=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 "$@" "https://127.0.0.1:$port/health") || status=$?
  if [[ " 35 55 56 " == *" $status "* ]] && [ "$code" = 000 ]; then
    verdict yes "$text is refused in the handshake (curl exit $status)" ""
  else
    verdict no "$text: curl exit $status, HTTP $code" ""
  fi
}

wrong_fingerprint() { tr '0-9a-f' '1-9a-f0' <<<"$1"; }

# tamper FROM TO: the last byte of the payload, changed.
tamper() {
  python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[-1] ^= 1; open(sys.argv[2], "wb").write(b)' "$1" "$2"
}

# --- runs

# start_run ALERT [NAME]
start_run() {
  local name=${2:-$1} reply
  reply=$(as operator --json run start graph:soc-triage --params "$example/alerts/$1.json" 2>&1) || {
    verdict no "start $name" "$reply"
    return 0
  }
  run[$name]=$(jq -r .run_id <<<"$reply")
}

# check_end NAME REASON
check_end() {
  local reply reason state
  reply=$(as operator --json run watch "${run[$1]:-none}" --timeout 30 2>&1) || true
  reason=$(jq -r '.reason // empty' <<<"$reply" 2>/dev/null || true)
  state=$(jq -r '.state // empty' <<<"$reply" 2>/dev/null || true)
  if [ "$state" = "done" ] && [ "$reason" = "$2" ]; then verdict yes "$1: $reason" ""; else verdict no "$1: expected \"$2\"" "$reply"; fi
}

# waits NAME RULE_PREFIX [INTERRUPT]: stands at a question of that rule; remembers its id.
waits() {
  local reply id rule
  reply=$(as operator --json run watch "${run[$1]:-none}" --timeout 30) || true
  id=$(jq -r '.interrupt.interrupt_id // empty' <<<"$reply")
  rule=$(jq -r '.interrupt.rule // empty' <<<"$reply")
  printf '%s\n' "$reply"
  [ -n "$id" ] && [[ $rule == "$2"* ]] || return 1
  [ -z "${3:-}" ] || [ "$3" = "$id" ] || return 1
  printf '%s' "$id" >"$scratch/interrupt-$1"
}

# check runs its command in a subshell, so what waits() found comes back through files.
remember_questions() {
  local name
  for name in "$@"; do interrupt[$name]=$(cat "$scratch/interrupt-$name" 2>/dev/null || true); done
}

# --- log and disk

# change_one_byte FOLDER: one letter of an actor's name, in the middle line of the first segment.
change_one_byte() {
  python3 - "$1" <<'PY'
import pathlib, sys
log = sorted(pathlib.Path(sys.argv[1]).glob("audit-*.jsonl"))[0]
lines = log.read_bytes().splitlines(keepends=True)
middle = len(lines) // 2
at = lines[middle].index(b'"actor":"') + len(b'"actor":"')
changed = bytearray(lines[middle])
changed[at] ^= 1
lines[middle] = bytes(changed)
log.write_bytes(b"".join(lines))
PY
}

log_tells() {
  local event
  for event in "$@"; do
    grep -qF "\"event\":\"$event\"" "$site"/log/audit-*.jsonl || { printf 'no %s\n' "$event" && return 1; }
  done
}

no_plaintext() {
  local text
  for text in "$@"; do
    if grep -rqaF -- "$text" "$site/state"; then printf '%s stands readable\n' "$text" && return 1; fi
  done
}

modes_are_private() {
  local wide
  wide=$(find "$site/state" "$site/log" "$site/audit-state" "$site"/*.key.pem "$site/state.key" -type f ! -perm 600)
  printf '%s\n' "$wide"
  [ -z "$wide" ] && [ -n "$(find "$site/state" -name '*.db' -type f)" ]
}
