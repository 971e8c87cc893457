# shellcheck shell=bash disable=SC2034
# What the demonstrations request of the fleet pizza. stage.sh reads it.

# A request of one kind for siege, and the context whose replicas it scales.
plain_request='/orders POST {"pizzaId":10,"qty":1}'
plain_unit=orders
scaled=delivery

# A client's business from end to end, what one successful request of it is called, and the context that runs its saga.
unit=orders
requester=order
# The contexts that the demonstration of Compose kills.
killed=(order payment)
requests() { echo "$plain_request"; } # CLIENTS

# Establishes one case, and prints the status and the seconds of its request.
established=201
establish() {
  curl --silent --max-time 15 --output /dev/null --write-out '%{http_code} %{time_total}\n' "$gateway/orders" \
    --header 'content-type: application/json' --data '{"pizzaId":10,"qty":1}'
}
