# What must hold of rendered manifests (an array) and no schema says: a line for each finding.
# jq -r -f k8s/rules.jq --arg version VERSION_OF_THE_WORKSPACE

# "7s", "2m" as seconds.
def seconds: capture("^(?<n>[0-9]+)(?<unit>s|m)$") | (.n | tonumber) * (if .unit == "m" then 60 else 1 end);

def workloads: .[] | select(.kind == "Deployment" or .kind == "StatefulSet" or .kind == "CronJob");
def pod: (.spec.jobTemplate // .).spec.template.spec;
def settings: reduce (.env // [])[] as $e ({}; .[$e.name] = $e.value);
def budget: .periodSeconds * .failureThreshold;

# The times in a Deployment of ours: one sets a limit to the other.
def times:
  .metadata.name as $name | .spec as $d | .spec.template.spec as $pod
  | $pod.containers[0] as $c | ($c | settings) as $env
  | ($env.DRAIN_DELAY | seconds) as $drain | ($env.SHUTDOWN_GRACE | seconds) as $grace
  | ($env.STORE_START_LIMIT // "0s" | seconds) as $store
  # A request that the gateway passes on in the last moment may take 10 s (limits.timeout of its routes file).
  | (if $grace * 4 / 5 - $drain < 10 then "\($name): requests get less than 10 s between DRAIN_DELAY and four fifths of SHUTDOWN_GRACE" else empty end),
    # The longest that a caller keeps a connection which it does not use is 5 s (CALL_IDLE_CONNECTION of match).
    (if $drain <= 5 then "\($name): DRAIN_DELAY closes connections that callers still count on" else empty end),
    (if $pod.terminationGracePeriodSeconds <= $grace then "\($name): killed before SHUTDOWN_GRACE is over" else empty end),
    (if $c.livenessProbe.terminationGracePeriodSeconds <= $drain + 10 then "\($name): a sick process has not even the time of one request" else empty end),
    (if ($c.startupProbe | budget) <= $store then "\($name): killed before STORE_START_LIMIT is over" else empty end),
    (if $d.progressDeadlineSeconds <= ($c.startupProbe | budget) then "\($name): a rollout fails while a start may still succeed" else empty end),
    (if $c.readinessProbe.timeoutSeconds <= 1 then "\($name): /readyz may take 1 s, the probe does not wait for it" else empty end);

# The level "restricted" of Pod Security, as far as it concerns us, and what goes beyond it.
def restricted:
  .metadata.name as $name | pod as $pod
  | (if $pod.securityContext.runAsNonRoot != true then "\($name): may run as root" else empty end),
    (if $pod.securityContext.seccompProfile.type != "RuntimeDefault" then "\($name): no seccomp profile" else empty end),
    (if $pod.automountServiceAccountToken != false then "\($name): has a token of Kubernetes" else empty end),
    (if $pod.serviceAccountName != $name then "\($name): has no ServiceAccount of its own" else empty end),
    (if $pod.enableServiceLinks != false then "\($name): Services would be in its environment" else empty end),
    ($pod.containers[] | select(.securityContext.allowPrivilegeEscalation != false or .securityContext.capabilities.drop != ["ALL"])
      | "\($name): \(.name) may get more rights");

. as $all
| [.[] | select(.kind == "Deployment") | .metadata.name] as $ours
| [.[] | select(.kind == "Namespace") | .metadata.labels["pod-security.kubernetes.io/enforce"]] as $levels
| (if $levels != ["restricted"] then "the namespace does not enforce the level restricted" else empty end),
  (workloads | restricted),
  (.[] | select(.kind == "Deployment") | times),
  # What has an entrance is reached by strangers.
  (select(any(.[]; .kind == "HTTPRoute")) | .[] | select(.kind == "Deployment") | .metadata.name as $name
    | select(.spec.template.spec.containers[0] | settings | .REQUIRE_IDENTITY != "true") | "\($name): has an entrance and may start open"),
  # What is no StatefulSet is ours.
  (workloads | select(.kind != "StatefulSet") | .metadata.name as $name
    | pod.containers[].image | select(endswith(":" + $version) | not) | "\($name): \(.) is not of version \($version)"),
  (.[] | select(.kind == "Deployment") | .metadata.name as $name
    | (if .spec.replicas then "\($name): a number of replicas would undo what the autoscaler decided" else empty end),
      ("PodDisruptionBudget", "Service", "ServiceAccount" | . as $kind
        | select([$all[] | select(.kind == $kind and .metadata.name == $name)] == []) | "\($name): no \($kind)"),
      # One of Kubernetes, or one that KEDA makes.
      (select([$all[] | select((.kind == "HorizontalPodAutoscaler" or .kind == "ScaledObject") and .spec.scaleTargetRef.name == $name)] | length != 1)
        | "\($name): not exactly one autoscaler"))
