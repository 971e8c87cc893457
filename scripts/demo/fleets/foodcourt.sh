# shellcheck shell=bash disable=SC2034
# What the demonstrations request of the fleet foodcourt. stage.sh reads it.

# A request of one kind for siege, and the context whose replicas it scales.
plain_request='/orders/order POST {"shopId":1,"menuId":1,"qty":1,"price":1000,"status":"order"}'
plain_unit=orders
scaled=order

# A client's business from end to end, what one successful request of it is called, and the context that runs its saga.
unit=requests
requester=order
# The contexts that the demonstration of Compose kills.
killed=(order cook)

# Each client orders a dish and cancels the order, then the next one. Siege starts each client at an equal share of the lines. A
# client that gets beyond its own repeats requests of another client, which are idempotent.
requests() { # CLIENTS
  local first=$((EPOCHSECONDS * 100000))
  seq "$first" $((first + $1 * 400 - 1)) | sed -e \
    's|.*|/orders/order POST {"orderId":&,"shopId":1,"menuId":1,"qty":1,"price":1000}\n/orders/cancel POST {"orderId":&,"status":"cancel"}|'
}

# Establishes one case, a cancellation, since only that needs the kitchen, and prints the status and the seconds of its request.
established=200
establish() {
  local id=$((EPOCHSECONDS * 100000 + RANDOM))
  curl --silent --max-time 15 --output /dev/null "$gateway/orders/order" --header 'content-type: application/json' \
    --data "{\"orderId\":$id,\"shopId\":1,\"menuId\":1,\"qty\":1}"
  curl --silent --max-time 15 --output /dev/null --write-out '%{http_code} %{time_total}\n' "$gateway/orders/cancel" \
    --header 'content-type: application/json' --data "{\"orderId\":$id,\"status\":\"cancel\"}"
}
