# shellcheck shell=bash disable=SC2034
# What the demonstrations request of the fleet storagerent. stage.sh reads it.

# A request of one kind for siege, and the context whose replicas it scales.
plain_request='/storages POST {"desc":"BigStorage"}'
plain_unit=rooms
scaled=storage

# A client's business from end to end, what one successful request of it is called, and the context that runs its saga.
unit=requests
requester=reservation
# The contexts that the demonstration of Compose kills.
killed=(reservation payment)
# The clients of a rollout. With 100 of them on two cores some requests were rejected with 503.
clients=20

# A room can be reserved once, so each client registers a room and reserves it, then the next one. Siege starts each client at
# an equal share of the lines. A client that gets beyond its own repeats requests of another client, which are idempotent.
requests() { # CLIENTS
  local first=$((EPOCHSECONDS * 100000))
  seq "$first" $((first + $1 * 400 - 1)) | sed -e \
    's|.*|/storages POST {"storageId":&,"desc":"BigStorage","price":200000}\n/reservations POST {"reservationId":&,"storageId":&}|'
}

# Establishes one case, and prints the status and the seconds of its request.
established=201
establish() {
  local id=$((EPOCHSECONDS * 100000 + RANDOM))
  curl --silent --max-time 15 --output /dev/null "$gateway/storages" --header 'content-type: application/json' \
    --data "{\"storageId\":$id,\"desc\":\"BigStorage\",\"price\":200000}"
  curl --silent --max-time 15 --output /dev/null --write-out '%{http_code} %{time_total}\n' "$gateway/reservations" \
    --header 'content-type: application/json' --data "{\"reservationId\":$id,\"storageId\":$id}"
}
