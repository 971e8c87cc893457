# Who reaches whom within a namespace, by its NetworkPolicies: a line "from to port" for each, from the rendered manifests
# (an array). "*" stands for anyone outside of the pods here. An edge that one side allows and the other does not is said
# to be half open. jq -r -f k8s/edges.jq

def selected($labels): # by a label selector
  ((.matchLabels // {}) | to_entries | all($labels[.key] == .value))
  and ((.matchExpressions // []) | all(. as $e | $e.operator == "In" and ($e.values | index($labels[$e.key]) != null)));

def ports: if .ports then [.ports[] | .port] else ["all"] end;

# What a peer of a rule stands for: a pod of this namespace, or something outside, told in words.
def outside:
  if .ipBlock then .ipBlock.cidr
  else (.namespaceSelector.matchLabels | to_entries | map(.value) | join(","))
    + "/" + ((.podSelector.matchLabels // {}) | to_entries | map(.value) | join(",")) end;

[.[] | select(.kind == "Deployment" or .kind == "StatefulSet" or .kind == "CronJob")
  | {name: .metadata.name, labels: (.spec.jobTemplate // .).spec.template.metadata.labels}] as $pods
| [.[] | select(.kind == "NetworkPolicy") | .spec] as $policies
| def rules($pod; $direction): $policies[]
    | select(.policyTypes | index($direction)) | select(.podSelector | selected($pod.labels))
    | if $direction == "Ingress" then .ingress else .egress end | .[]?;
  def ends($direction; $peers): $pods[] as $pod | rules($pod; $direction) as $rule
    | ($rule | ports[]) as $port
    | if ($rule[$peers] // []) == [] then {pod: $pod.name, other: "*", port: $port, here: false}
      else ($rule[$peers][] | if .namespaceSelector or .ipBlock
          then {pod: $pod.name, other: outside, port: $port, here: false}
          else . as $peer | $pods[] | select(. as $other | $peer.podSelector | selected($other.labels))
            | {pod: $pod.name, other: .name, port: $port, here: true} end) end;
  def closed: [$pods[] as $pod | ("Ingress", "Egress") as $direction
    | select([$policies[] | select((.policyTypes | index($direction)) and (.podSelector | selected($pod.labels)))] == [])
    | "\($pod.name) is open: no policy says \($direction)"];
  ([ends("Egress"; "to") | {from: .pod, to: .other, port, here}] | unique) as $out
| ([ends("Ingress"; "from") | {from: .other, to: .pod, port, here}] | unique) as $in
| closed[],
  (($out + $in | map(select(.here)) | unique)[] as $edge
    | if ($out | index([$edge])) and ($in | index([$edge])) then "\($edge.from) \($edge.to) \($edge.port)"
      else "half open: \($edge.from) \($edge.to) \($edge.port)" end),
  (($out + $in)[] | select(.here | not) | "\(.from) \(.to) \(.port)")
