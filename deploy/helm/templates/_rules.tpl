{{- /* Rules of the roles. Takes a dict: `list` allows to list caches, `watch` to watch everything. */ -}}

{{- define "icf.rules.drive" -}}
# The desired state. patch: remove handled request annotations; add and remove the finalizer.
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  verbs: [get{{ if .list }}, list{{ end }}{{ if .watch }}, watch{{ end }}, patch]
# The observed state.
- apiGroups: [kubefledged.io]
  resources: [imagecaches/status]
  verbs: [patch]
# create: pull Jobs, and, in the install namespace, removal Jobs. get: check the owner of a Job with the same name.
# delete: finished or obsolete Jobs.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list{{ if .watch }}, watch{{ end }}, create, delete]
# The status of a container has the result of its image.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list{{ if .watch }}, watch{{ end }}]
# create: Events of ImageCaches. list: reasons why the pod of a Job was not created (quota, admission).
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
# OpenShift annotates a namespace with the range of allowed user IDs.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{- define "icf.rules.nodes" -}}
# Labels, conditions, taints and images of nodes.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list{{ if .watch }}, watch{{ end }}]
{{- end }}

{{- define "icf.rules.gate" -}}
# Remove the startup taint of a node whose images are present.
- apiGroups: [""]
  resources: [nodes]
  verbs: [patch]
# The keys of these taints, for the admission policy: there is no such resource.
- apiGroups: [kubefledged.io]
  resources: [startuptaints]
  resourceNames: {{ toJson .Values.warmGate.taints }}
  verbs: [remove]
{{- end }}

{{- /* The group and the resource of an entry of workloads.kinds, as apps/deployments. */ -}}
{{- define "icf.resource" -}}
{{- $known := dict "Deployment" "apps/deployments" "StatefulSet" "apps/statefulsets" "DaemonSet" "apps/daemonsets"
  "ReplicaSet" "apps/replicasets" "CronJob" "batch/cronjobs" "Job" "batch/jobs" "Pod" "/pods"
  "Revision" "caching.internal.knative.dev/images" -}}
{{ get $known . | default (regexReplaceAll "^[^=]+=([^/]+)/[^/]+/([^:]+):.*$" . "${1}/${2}") }}
{{- end }}

{{- /* For spec.cacheSpec[].imagesFrom. Takes a dict: `kinds` of workloads.kinds, `verbs`. */ -}}
{{- define "icf.rules.workloads" -}}
{{- $verbs := .verbs }}
# Images of workloads.
{{- range .kinds }}
{{- $parts := splitn "/" 2 (include "icf.resource" .) }}
- apiGroups: [{{ $parts._0 | quote }}]
  resources: [{{ $parts._1 }}]
  verbs: [{{ $verbs }}]
{{- end }}
{{- end }}

{{- /* For Images with nodes: AsPods. */ -}}
{{- define "icf.rules.revisions" -}}
# The nodes on which Pods of Revisions may run.
- apiGroups: [serving.knative.dev]
  resources: [revisions]
  verbs: [list]
{{- end }}

{{- define "icf.rules.images" -}}
# The condition Ready of Images of Knative.
- apiGroups: [caching.internal.knative.dev]
  resources: [images/status]
  verbs: [patch]
{{- end }}

{{- define "icf.rules.madeCaches" -}}
# The ImageCache knative-images, which is made in namespaces with Images, and deleted after the last one.
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  verbs: [create]
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  resourceNames: [knative-images]
  verbs: [delete]
{{- end }}

{{- /* The pull secrets that admission gives to Pods of workloads, by name. */ -}}
{{- define "icf.rules.accounts" -}}
# Names of the pull secrets of service accounts.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [list]
{{- end }}

{{- define "icf.rules.webhooks" -}}
# Reported at start: a leftover webhook of kube-fledged rejects every write to an ImageCache.
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  verbs: [list]
{{- end }}

{{- /* For the namespace of removal Jobs, if it has no caches. */ -}}
{{- define "icf.rules.removals" -}}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list{{ if .watch }}, watch{{ end }}, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list{{ if .watch }}, watch{{ end }}]
- apiGroups: [""]
  resources: [events]
  verbs: [list]
{{- end }}

{{- define "icf.rules.survey" -}}
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  verbs: [list]
{{- end }}

{{- /* For sources: only what they watch. ApiServerSource also requires get. */ -}}
{{- define "icf.rules.source" -}}
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  verbs: [{{ if .get }}get, {{ end }}list, watch]
{{ include "icf.rules.work" . }}
{{- end }}

{{- define "icf.rules.work" -}}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [{{ if .get }}get, {{ end }}list, watch]
{{- if not .get }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- end }}
{{- end }}

{{- define "icf.rules.watched" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [{{ if .get }}get, {{ end }}list, watch]
{{- if not .get }}
{{ include "icf.rules.webhooks" . }}
{{- end }}
{{- end }}
