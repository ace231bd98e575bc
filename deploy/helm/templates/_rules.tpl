{{- /* What accounts do, each right with its reason. Of a dict: `list` caches, `watch` all. */ -}}

{{- define "icf.rules.drive" -}}
# What is wanted. patch: a trigger annotation is removed once it was acted on; the finalizer comes and goes.
- apiGroups: [kubefledged.io]
  resources: [imagecaches]
  verbs: [get{{ if .list }}, list{{ end }}{{ if .watch }}, watch{{ end }}, patch]
# What has become of it.
- apiGroups: [kubefledged.io]
  resources: [imagecaches/status]
  verbs: [patch]
# create: a Job pulls the images of one node, or, in the install namespace, removes them. get: whether a Job of that name is ours.
# delete: it is done, or out of date.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list{{ if .watch }}, watch{{ end }}, create, delete]
# The result of each image is in the status of its container.
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list{{ if .watch }}, watch{{ end }}]
# create: tell the outcome on the ImageCache. list: why a Job could not make its pod (quota, admission).
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
# The range of user ids that OpenShift allows in a namespace is an annotation of it.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{- define "icf.rules.nodes" -}}
# Which nodes there are, their labels, whether they can be served, and which images they have.
- apiGroups: [""]
  resources: [nodes]
  verbs: [get, list{{ if .watch }}, watch{{ end }}]
{{- end }}

{{- define "icf.rules.gate" -}}
# The startup taint goes from a node when its images are there.
- apiGroups: [""]
  resources: [nodes]
  verbs: [patch]
{{- end }}

{{- define "icf.rules.webhooks" -}}
# A webhook that kube-fledged left behind would refuse every write to an ImageCache: it is told at start.
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  verbs: [list]
{{- end }}

{{- /* Where removal Jobs are, if nothing else is there. */ -}}
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

{{- /* Only what it watches. get: ApiServerSource is refused without. */ -}}
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
