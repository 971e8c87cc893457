# shellcheck shell=bash disable=SC2034
# What the demonstrations request of the fleet matching. stage.sh reads it.

# A request of one kind for siege, and the context whose replicas it scales.
plain_request='/matches POST {"price":50000}'
plain_unit=matches
scaled=payment

# A client's business from end to end, what one successful request of it is called, and the context that runs its saga.
unit=matches
requester=match
# The contexts that the demonstration of Compose kills.
killed=(match payment)
# The clients of a rollout.
clients=100
requests() { echo "$plain_request"; } # CLIENTS

# Establishes one case, and prints the status and the seconds of its request.
established=201
establish() {
  curl --silent --max-time 15 --output /dev/null --write-out '%{http_code} %{time_total}\n' "$gateway/matches" \
    --header 'content-type: application/json' --data '{"price":50000}'
}
