# shellcheck shell=bash
# What the demonstrations have in common; to be sourced. cluster.sh adds what those on Kubernetes need.
#
#   --fleet NAME          the fleet: matching, or FLEET
#   --context NAME        only this context, or another one than usual
#   --request REQUEST     another request than usual, as siege reads it: '/storages POST {"desc":"BigStorage"}'
#
# GATEWAY_URL    how this machine reaches the gateway of the fleet
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
work=$(mktemp -d "${TMPDIR:-/tmp}/flotilla-demo.XXXXXX")
began=$EPOCHREALTIME
failed=0
siege=

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

# --- The end: put_back, if there is one.

at_exit() {
  local status=$?
  set +e
  [ -z "$siege" ] || kill "$siege" 2>/dev/null
  [ "$(type -t put_back)" != function ] || put_back
  rm -rf "$work"
  exit "$status"
}
trap at_exit EXIT
trap 'exit 130' INT TERM

# needs TOOL…
needs() { local tool; for tool in "$@"; do command -v "$tool" >/dev/null || die "$tool is missing"; done; }
needs siege jq curl

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

answers() { [ "$(curl --silent --max-time 5 --output /dev/null --write-out '%{http_code}' "$gateway$1")" = 200 ]; }
