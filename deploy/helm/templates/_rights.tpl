{{- /*
Roles and bindings of accounts in the install namespace. Takes a dict: root, name, accounts, doc; `rules` for namespaced
resources, `cluster` for cluster-scoped ones, `here` for the install namespace. With tenancy.namespaces, `rules` are
bound in those namespaces only.
*/ -}}
{{- define "icf.rights" -}}
{{- $limits := .root.Values.tenancy.namespaces -}}
{{- if .root.Values.clusterRole.create }}
---
{{- with .doc }}
# {{ . }}
{{- end }}
{{- $rules := ternary (list .rules) (compact (list .rules .cluster)) (ne (len $limits) 0) }}
{{- include "icf.role" (dict "root" .root "kind" "ClusterRole" "name" .name "rules" (join "\n" $rules)) }}
{{- if and $limits .cluster }}
---
{{- include "icf.role" (dict "root" .root "kind" "ClusterRole" "name" (printf "%s-cluster" .name) "rules" .cluster) }}
{{- end }}
{{- if and $limits .here (not (has .root.Release.Namespace $limits)) }}
---
# The install namespace has removal Jobs, but no caches.
{{- include "icf.role" (dict "root" .root "kind" "Role" "name" (printf "%s-removals" .name) "namespace" .root.Release.Namespace "rules" .here) }}
{{- end }}
{{- end }}
{{- if .root.Values.clusterRoleBinding.create }}
{{- if not $limits }}
---
{{- include "icf.binding" (dict "root" .root "accounts" .accounts "role" "ClusterRole" "name" .name) }}
{{- end }}
{{- range $limits }}
---
{{- include "icf.binding" (dict "root" $.root "accounts" $.accounts "role" "ClusterRole" "name" $.name "binding" (printf "%s-caches" $.name) "namespace" .) }}
{{- end }}
{{- if and $limits .cluster }}
---
{{- include "icf.binding" (dict "root" .root "accounts" .accounts "role" "ClusterRole" "name" (printf "%s-cluster" .name)) }}
{{- end }}
{{- if and $limits .here (not (has .root.Release.Namespace $limits)) }}
---
{{- include "icf.binding" (dict "root" .root "accounts" .accounts "role" "Role" "name" (printf "%s-removals" .name) "namespace" .root.Release.Namespace) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "icf.role" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "icf.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
rules:
{{ .rules }}
{{- end }}

{{- /*
Binds a role to accounts of the install namespace: in `namespace` if set, else in the cluster. `binding` is the name of the
binding; default: the name of the role.
*/ -}}
{{- define "icf.binding" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (hasKey . "namespace") }}
metadata:
  name: {{ .binding | default .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "icf.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .role }}
  name: {{ .name }}
subjects:
{{- range .accounts }}
- kind: ServiceAccount
  name: {{ . }}
  namespace: {{ $.root.Release.Namespace }}
{{- end }}
{{- end }}

{{- define "icf.account" }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "icf.labels" .root | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
