{{- define "icf.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "icf.fullname" -}}
{{- $name := include "icf.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "icf.selector" -}}
app.kubernetes.io/name: {{ include "icf.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "icf.labels" -}}
{{ include "icf.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with omit (.Values.commonLabels | default dict) "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "icf.serviceAccount" -}}
{{ default (include "icf.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* The program of the permanent Deployment; empty with the sources of Knative. */ -}}
{{- define "icf.program" -}}
{{- if eq .Values.mode "standalone" -}}
standalone.mjs
{{- else if or (eq .Values.mode "openfaas") (eq .Values.knative.source "ours") -}}
sources.mjs
{{- end }}
{{- end }}

{{- /* Name of that Deployment, and the selector of its Pods. */ -}}
{{- define "icf.process" -}}
{{ include "icf.fullname" . }}{{ if ne .Values.mode "standalone" }}-source{{ end }}
{{- end }}

{{- define "icf.processSelector" -}}
{{ include "icf.selector" . }}
{{- if ne .Values.mode "standalone" }}
app.kubernetes.io/component: source
{{- end }}
{{- end }}

{{- /* Names of the functions, as a JSON list. */ -}}
{{- define "icf.functions" -}}
["imagecache-reconcile", "imagecache-job-complete", "imagecache-refresh", "imagecache-purge"]
{{- end }}

{{- /* ServiceAccounts of the functions, as a JSON list. On OpenFaaS CE, the default account of the namespace. */ -}}
{{- define "icf.functionAccounts" -}}
{{- if eq .Values.mode "knative" -}}
{{ include "icf.functions" . }}
{{- else if and (eq .Values.mode "openfaas") (eq .Values.openfaas.edition "ce") -}}
["default"]
{{- else -}}
{{ list (include "icf.serviceAccount" .) | toJson }}
{{- end }}
{{- end }}

{{- /* ServiceAccount of the process that watches the cluster. */ -}}
{{- define "icf.sourceAccount" -}}
{{- if eq .Values.mode "standalone" -}}
{{ include "icf.serviceAccount" . }}
{{- else -}}
{{ include "icf.process" . }}
{{- end }}
{{- end }}

{{- /* Image reference of images.NAME. Takes a list of the root context and NAME. */ -}}
{{- define "icf.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- $repository := $image.repository -}}
{{- with $root.Values.global.imageRegistry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- $tag := $image.tag | default (ternary "" $root.Chart.AppVersion (ne $image.digest "")) -}}
{{ $repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "icf.limitsEgress" -}}
{{- if or .Values.networkPolicy.limitEgress (eq .Values.tenancy.mode "Isolated") }}true{{ end }}
{{- end }}

{{- /* What processes may reach: DNS, the API server, and with isolated tenants the ports of their registries; others have 443. */ -}}
{{- define "icf.egress" -}}
{{- $ports := .Values.networkPolicy.apiServerPorts }}
{{- if eq .Values.tenancy.mode "Isolated" }}
{{- $ports = append $ports 443 }}
{{- range $patterns := values .Values.tenancy.images }}
{{- range $patterns }}
{{- $port := regexFind "^[^/]+:[0-9]+/" . | regexFind "[0-9]+/$" | trimSuffix "/" }}
{{- if $port }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
- ports:
  {{- $seen := list }}
  {{- range $ports }}
  {{- if not (has (toString .) $seen) }}
  {{- $seen = append $seen (toString .) }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
  {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "icf.jobPriorityClass" -}}
{{- if .Values.args.controllerJobPriorityClassName -}}
{{ .Values.args.controllerJobPriorityClassName }}
{{- else if .Values.jobPriorityClass.create -}}
{{ include "icf.fullname" . }}-jobs
{{- end }}
{{- end }}

{{- /* User names of the accounts that create Jobs, as a CEL list. */ -}}
{{- define "icf.jobMakers" -}}
{{ include "icf.users" (list . (include "icf.functionAccounts" . | fromJsonArray)) }}
{{- end }}

{{- /* User names of all accounts that write, as a CEL list: the source creates its Lease. */ -}}
{{- define "icf.writers" -}}
{{- $source := include "icf.sourceAccount" . | trim }}
{{- include "icf.users" (list . (append (include "icf.functionAccounts" . | fromJsonArray) $source | uniq)) }}
{{- end }}

{{- /* User names of accounts of this namespace, as a CEL list. Takes a list of the root context and the accounts. */ -}}
{{- define "icf.users" -}}
{{- $root := index . 0 }}
{{- $users := list }}
{{- range index . 1 }}
{{- $users = append $users (printf "system:serviceaccount:%s:%s" $root.Release.Namespace .) }}
{{- end }}
{{- printf "[\"%s\"]" (join "\", \"" $users) }}
{{- end }}

{{- /* Sockets of container runtimes: those of functions/model/node/node.ts, or the one that is set. */ -}}
{{- define "icf.sockets" -}}
{{- if and .Values.args.controllerCRISocketPath (not (hasSuffix "/docker.sock" .Values.args.controllerCRISocketPath)) -}}
{{ list .Values.args.controllerCRISocketPath | toJson }}
{{- else -}}
["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "/run/k0s/containerd.sock", "/var/run/crio/crio.sock", "/run/cri-dockerd.sock"]
{{- end }}
{{- end }}

{{- /* Whether key is one of limits.podMetadataKeys, in CEL. */ -}}
{{- define "icf.isAllowedKey" -}}
{{- $conditions := list }}
{{- range .Values.limits.podMetadataKeys }}
{{- $conditions = append $conditions (hasSuffix "/*" . | ternary (printf "key.startsWith('%s')" (trimSuffix "*" .)) (printf "key == '%s'" .)) }}
{{- end }}
{{- join " || " $conditions | default "false" }}
{{- end }}

{{- /* Values of kube-fledged's chart that are set but ignored, with the reason, as a YAML list. */ -}}
{{- define "icf.ignored" -}}
{{- if hasSuffix "/docker.sock" .Values.args.controllerCRISocketPath }}
- "args.controllerCRISocketPath: {{ .Values.args.controllerCRISocketPath }} is no CRI socket; that of cri-dockerd is used where nodes report Docker"
{{- end }}
{{- if not (has (.Values.args.controllerJobRetentionPolicy | lower | trim) (list "delete" "retain" "")) }}
- "args.controllerJobRetentionPolicy: {{ .Values.args.controllerJobRetentionPolicy }} is neither delete nor retain: delete is used"
{{- end }}
{{- $image := "images are set with images.functions and images.noop" -}}
{{- range $key, $_ := .Values.image }}
{{- if ne $key "pullPolicy" }}
- "image.{{ $key }}: {{ $image }}"
{{- end }}
{{- end }}
{{- range $key, $_ := .Values.command }}
- "command.{{ $key }}: the image has its own entrypoint"
{{- end }}
{{- range $key, $_ := .Values.args }}
{{- if hasPrefix "webhookServer" $key }}
- "args.{{ $key }}: there is no webhook server; the CRD validates"
{{- end }}
{{- end }}
{{- range $key := list "webhookServer" "webhookServerReplicaCount" "webhookService" "validatingWebhook" "validatingWebhookCABundle" "secret" }}
{{- if hasKey $.Values $key }}
- "{{ $key }}: there is no webhook server; the CRD validates"
{{- end }}
{{- end }}
{{- range $key := list "service" "ingress" }}
{{- if hasKey $.Values $key }}
- "{{ $key }}: unused, as in the chart of kube-fledged"
{{- end }}
{{- end }}
{{- end }}
