{{- /*
Values as the templates need them. `helm upgrade --reuse-values` from an older release, or from one of kube-fledged, lacks
values that were added since: they get the defaults of values.yaml, which a test compares with these. Quoted numbers and
booleans are accepted, as kube-fledged's templates accept them. Include this first in every template.
*/ -}}
{{- define "icf.values" -}}
{{- include "icf.fill" (list .Values (include "icf.defaults" . | fromYaml)) }}
{{- range $path := list "controller.hostNetwork" "args.controllerImageDeleteJobHostNetwork" "serviceAccount.create" "clusterRole.create" "clusterRoleBinding.create" }}
{{- $parts := splitList "." $path }}
{{- $parent := get $.Values (first $parts) }}
{{- $_ := set $parent (last $parts) (eq (get $parent (last $parts) | toString) "true") }}
{{- end }}
{{- $_ := set .Values "controllerReplicaCount" (int .Values.controllerReplicaCount) }}
{{- $_ := set .Values.args "controllerLogLevel" (.Values.args.controllerLogLevel | toString | upper) }}
{{- end }}

{{- /* Sets what is absent. Takes a list of the values and their defaults. */ -}}
{{- define "icf.fill" -}}
{{- $values := first . }}
{{- range $key, $default := last . }}
{{- if not (hasKey $values $key) }}
{{- $_ := set $values $key $default }}
{{- else if and (kindIs "map" $default) (kindIs "map" (get $values $key)) }}
{{- include "icf.fill" (list (get $values $key) $default) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "icf.defaults" -}}
extraArgs: []
extraEnv: []
mode: standalone
knative:
  source: ours
  brokerClass: ''
  deadLetters:
    create: true
    image: gcr.io/knative-releases/knative.dev/eventing/cmd/event_display
    sink: {}
openfaas:
  edition: ce
  gateway: http://gateway.openfaas:8080
  functions:
    create: false
source:
  tickSchedule: ''
global:
  imageRegistry: ''
images:
  functions:
    repository: ghcr.io/imagecache-functions/imagecache-functions
    tag: ''
    digest: ''
  noop:
    repository: ghcr.io/imagecache-functions/imagecache-noop
    tag: ''
    digest: ''
image:
  pullPolicy: IfNotPresent
controllerReplicaCount: 2
leaderElection:
  enabled: true
controller:
  hostNetwork: false
  priorityClassName: ''
args:
  controllerLogLevel: INFO
  controllerImagePullDeadlineDuration: 5m
  controllerImageCacheRefreshFrequency: 15m
  controllerImagePullPolicy: IfNotPresent
  controllerServiceAccountName: ''
  controllerImageDeleteJobHostNetwork: false
  controllerJobPriorityClassName: ''
  controllerJobRetentionPolicy: delete
  controllerCRISocketPath: ''
  controllerUnschedulable: ''
  controllerJobsMaxSurge: 0
statusPage:
  enabled: false
tenancy:
  mode: Trusted
  images: {}
  namespaces: []
  roles:
    create: true
limits:
  images: ''
  imageBytes: ''
  podsPerNode: ''
  namespacePodsPerNode: ''
  pullDeadline: ''
  priorityClasses: []
  podMetadataKeys: []
registries:
  readPullSecretsOf: []
  budgets: {}
workloads:
  kinds: []
  roundInterval: ''
knativeImages:
  enabled: false
  namespaces: []
warmGate:
  taints: []
  namespaces: []
  maxTimeout: ''
admissionPolicy:
  create: true
crd:
  install: true
serviceAccount:
  create: true
  name: ''
  annotations: {}
clusterRole:
  create: true
clusterRoleBinding:
  create: true
podDisruptionBudget:
  create: true
  maxUnavailable: 1
jobPriorityClass:
  create: false
  value: -1000
networkPolicy:
  create: true
  ingressFrom:
  - namespaceSelector: {}
  platformNamespaces: []
  functionsIngressFrom: []
  limitEgress: false
  sinkPorts:
  - 8080
  - 8443
  apiServerPorts:
  - 443
  - 6443
  extraEgress: []
serviceMonitor:
  create: false
  interval: 30s
  labels: {}
  namespace: ''
revisionHistoryLimit: 10
{{- end }}
