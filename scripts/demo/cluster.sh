# shellcheck shell=bash
# What the demonstrations on Kubernetes have in common; to be sourced. They run against the cluster that kubectl points at, with
# the overlay "local" of the fleet in it (docs/kubernetes.md), and change it: not for a fleet that is in use. The namespace has
# the name of the fleet.
#
# GATEWAY_URL    how this machine reaches the gateway: else the node port of the first node
. "$(dirname "${BASH_SOURCE[0]}")/stage.sh"
needs kubectl

mapfile -t contexts < <(cd "$scripts/../../services/$fleet" && dirname -- */context.toml)
services=("${contexts[@]}" gateway)

k() { kubectl --namespace "$fleet" "$@"; }

gateway=${GATEWAY_URL:-http://$(kubectl get node -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}'):$(k get service gateway -o jsonpath='{.spec.ports[0].nodePort}')}
within 10 answers /healthz || die "no fleet answers at $gateway (GATEWAY_URL sets another address)"

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

put_back() {
  local file
  [ ${#kept[@]} = 0 ] || report "putting things back"
  for file in "${kept[@]}"; do
    # A pod sees a ConfigMap that changed within a minute; one of its own that changed, at once.
    k replace --filename "$file" >/dev/null || echo "not put back: $(jq -r '.kind + "/" + .metadata.name' "$file")" >&2
  done
  [ ${#kept[@]} = 0 ] || k annotate pod --selector app.kubernetes.io/name=payment --overwrite "flotilla/demo=$RANDOM" >/dev/null
}

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
