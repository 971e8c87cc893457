# shellcheck shell=bash
# What the demonstrations have in common; to be sourced. They run against the cluster that kubectl points at, with the
# overlay "local" of the fleet in it (docs/kubernetes.md), and change it: not for a fleet that is in use.
#
#   --fleet NAME          the fleet, which is also its namespace: matching, or FLEET
#   --context NAME        only this context, or another one than usual
#   --request REQUEST     another request than usual, as siege reads it: '/storages POST {"desc":"BigStorage"}'
#
# GATEWAY_URL    how this machine reaches the gateway: else the node port of the first node
# Needs kubectl, siege, jq and curl.
set -euo pipefail

scripts=$(dirname "${BASH_SOURCE[0]}")
fleet=${FLEET:-matching}
context=
request=
arguments=() # of the demonstration itself
die() { echo "$(basename "$0"): $*" >&2; exit 2; }
# shellcheck disable=SC2034
while [ $# -gt 0 ]; do
  case $1 in
  --fleet) fleet=${2:?"--fleet needs a name"}; shift 2 ;;
  --context) context=${2:?"--context needs a name"}; shift 2 ;;
  --request) request=${2:?"--request needs a request"}; shift 2 ;;
  *) arguments+=("$1"); shift ;;
  esac
done
[ -f "$scripts/fleets/$fleet.sh" ] || die "no such fleet: $fleet ($(cd "$scripts/fleets" && echo *.sh))"
mapfile -t contexts < <(cd "$scripts/../../services/$fleet" && dirname -- */context.toml)
services=("${contexts[@]}" gateway)
work=$(mktemp -d "${TMPDIR:-/tmp}/flotilla-demo.XXXXXX")
began=$EPOCHREALTIME
failed=0
siege=

k() { kubectl --namespace "$fleet" "$@"; }
seconds_since() { awk -v now="$EPOCHREALTIME" -v then="$1" 'BEGIN { printf "%.1f", now - then }'; }
report() { printf '%7s s  %s\n' "$(seconds_since "$began")" "$*"; }

# expect WHAT COMMAND…: a line of the verdict.
expect() {
  local what=$1
  shift
  if "$@"; then report "holds   $what"; else report "FAILED  $what"; failed=1; fi
}

verdict() {
  [ "$failed" = 0 ] || { echo "VERDICT: FAILED"; exit 1; }
  echo "VERDICT: holds"
}

# within SECONDS COMMAND…: waits until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.5
  done
}

# --- What is changed is put back, whatever happens.

kept=()
keep() { # KIND/NAME…
  local object file
  for object in "$@"; do
    file=$work/kept-${#kept[@]}.json
    k get "$object" -o json | jq 'del(.status, .metadata.resourceVersion, .metadata.uid, .metadata.generation)' >"$file"
    kept=("$file" "${kept[@]}")
  done
}

at_exit() {
  local status=$? file
  set +e
  [ -z "$siege" ] || kill "$siege" 2>/dev/null
  [ ${#kept[@]} = 0 ] || report "putting things back"
  for file in "${kept[@]}"; do
    # A pod sees a ConfigMap that changed within a minute; one of its own that changed, at once.
    k replace --filename "$file" >/dev/null || echo "not put back: $(jq -r '.kind + "/" + .metadata.name' "$file")" >&2
  done
  [ ${#kept[@]} = 0 ] || k annotate pod --selector app.kubernetes.io/name=payment --overwrite "flotilla/demo=$RANDOM" >/dev/null
  rm -rf "$work"
  exit "$status"
}
trap at_exit EXIT
trap 'exit 130' INT TERM

# --- The fleet.

settled() { local name; for name in "${@:-${services[@]}}"; do k rollout status "deployment/$name" --timeout=180s >/dev/null; done; }

# hold N SERVICE…: exactly N replicas, whatever the autoscaler would do. One of a context that is recreated: its store is a file.
declare -A held
hold() {
  local count=$1 name
  shift
  for name in "$@"; do
    held[$name]=$count
    [ "$(k get deployment "$name" -o jsonpath='{.spec.strategy.type}')" != Recreate ] || held[$name]=1
    keep "hpa/$name"
    k patch hpa "$name" --patch "{\"spec\":{\"minReplicas\":${held[$name]},\"maxReplicas\":${held[$name]}}}" >/dev/null
    k scale "deployment/$name" --replicas="${held[$name]}" >/dev/null
  done
  for name in "$@"; do
    settled "$name"
    within 60 all_held "$name" || die "$name does not get to ${held[$name]} replicas"
  done
}
has_replicas() { [ "$(k get pod --selector "app.kubernetes.io/name=$2" --no-headers | wc -l)" = "$1" ]; }
all_held() { local name; for name in "$@"; do has_replicas "${held[$name]}" "$name" || return 1; done; }

# simulate JSON: how the simulated provider of payments behaves, in all replicas, from now on.
simulate() {
  k patch configmap payment-simulator --patch "$(jq -nc --arg json "$1" '{data: {"simulator.json": $json}}')" >/dev/null
  # A kubelet looks after the volumes of a pod whenever the pod changes.
  k annotate pod --selector app.kubernetes.io/name=payment --overwrite "flotilla/demo=$RANDOM" >/dev/null
}

restarts() { # SERVICE: of all its containers
  k get pod --selector "app.kubernetes.io/name=$1" -o json | jq '[.items[].status.containerStatuses[]?.restartCount] | add // 0'
}

memory() { # SERVICE: of its largest replica, in MiB; 0 before the first measurement
  { k top pod --selector "app.kubernetes.io/name=$1" --no-headers 2>/dev/null || true; } | awk '{ sub(/Mi/, "", $3); if ($3 > most) most = $3 } END { print most + 0 }'
}

no_violation() {
  local job=audit-$RANDOM-$RANDOM
  k create job "$job" --from=cronjob/audit >/dev/null
  within 240 ended "$job" || { report "the auditor does not end"; return 1; }
  k logs "job/$job" >"$work/audit"
  report "the auditor: $(awk '$1 == "ok" { n++ } END { print n + 0 }' "$work/audit") laws hold, $(grep -c '^ *VIOLATED' "$work/audit" || true) do not"
  grep -A 12 '^ *VIOLATED' "$work/audit" || true
  [ "$(k get job "$job" -o jsonpath='{.status.succeeded}')" = 1 ]
}
ended() { [ -n "$(k get job "$1" -o jsonpath='{.status.conditions[?(@.status=="True")].type}')" ]; }

# --- What is requested: fleets/<fleet>.sh, unless another request was chosen.

# shellcheck source=/dev/null
. "$scripts/fleets/$fleet.sh"
[ -z "$request" ] || unit=requests
plain() { [ -n "$request" ] || { request=$plain_request unit=$plain_unit; }; } # requests of one kind
only_of() { [ "$fleet" = "$1" ] || die "this demonstration is for the fleet $1"; }

# --- siege.

# A connection for each request, as siege does by default. It could keep them open, but counts a transaction as failed
# whenever a server says "Connection: close", as ours do after 30 s and when they end (seen with 4.0.7 and any server).
cat >"$work/siegerc" <<'RC'
verbose = false
logging = false
show-logfile = false
json_output = true
limit = 255
timeout = 30
failures = 1000000
protocol = HTTP/1.1
connection = close
delay = 0
RC

# start_siege NAME CLIENTS SECONDS [OPTION…]: the requests of the fleet, or the one that was chosen, are sent in the background
# for so long; with --reps=R, R by each client, and no longer than that.
start_siege() {
  local name=$1 clients=$2 seconds=$3 length=--time=$3S
  shift 3
  case "$*" in *--reps=*) length= ;; esac
  siege_file=$work/siege-$name.json
  { if [ -n "$request" ]; then echo "$request"; else requests "$clients"; fi; } | sed "s|^|$gateway|" >"$work/requests"
  # It was seen to hang at the end of its time, with threads that wait for each other.
  HOME=$work timeout --signal=KILL "$((seconds + 20))" siege --rc "$work/siegerc" --json-output --concurrent="$clients" \
    ${length:+"$length"} --content-type application/json "$@" --file="$work/requests" \
    >"$siege_file" 2>"${siege_file%.json}.err" &
  siege=$!
}
end_siege() { # waits until it is over
  wait "$siege" || true
  siege=
  [ -n "$(of transactions)" ] || die "siege has no result, or hung: run this again. $(cat "$siege_file" "${siege_file%.json}.err")"
}
of() { sed -n '/^{/,/^}/p' "$siege_file" | jq -re ".$1"; }
summary() {
  printf '%s %s at %s/s, availability %s %%, %s failed, mean %s s, longest %s s' "$(of successful_transactions)" "$unit" \
    "$(of transaction_rate)" "$(of availability)" "$(of failed_transactions)" "$(of response_time)" "$(of longest_transaction)"
}
none_failed() { [ "$(of failed_transactions)" = 0 ] && [ "$(of availability)" = 100 ]; }

for tool in kubectl siege jq curl; do command -v "$tool" >/dev/null || die "$tool is missing"; done
gateway=${GATEWAY_URL:-http://$(kubectl get node -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}'):$(k get service gateway -o jsonpath='{.spec.ports[0].nodePort}')}
answers() { [ "$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "$gateway$1")" = 200 ]; }
within 10 answers /healthz || die "no fleet answers at $gateway (GATEWAY_URL sets another address)"
