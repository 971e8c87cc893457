# shellcheck shell=bash disable=SC2034
# What the demonstrations request of the fleet cleanmall. stage.sh reads it.

# A request of one kind for siege, and the context whose replicas it scales.
plain_request='/cleancalls POST {"tel":"0101231234"}'
plain_unit=calls
scaled=cleanmanage

# A client's business from end to end, what one successful request of it is called, and the context that runs its saga.
unit=calls
requester=cleancall

# Each request without an id is a call of its own.
requests() { # CLIENTS
  yes '/cleancalls POST {"tel":"0101231234","cost":200000}' | head -n $(($1 * 20))
}

# Establishes one case, and prints the status and the seconds of its request.
establish() {
  curl --silent --max-time 15 --output /dev/null --write-out '%{http_code} %{time_total}\n' "$gateway/cleancalls" \
    --header 'content-type: application/json' --data '{"tel":"0101231234"}'
}
