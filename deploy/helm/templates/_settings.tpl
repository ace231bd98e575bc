{{- /* The flags, most of them those of kube-fledged. */ -}}
{{- define "icf.flags" -}}
{{- with .Values.args -}}
- --stderrthreshold={{ .controllerLogLevel }}
- --image-pull-deadline-duration={{ .controllerImagePullDeadlineDuration }}
- --image-cache-refresh-frequency={{ .controllerImageCacheRefreshFrequency }}
{{- with .controllerImagePullPolicy }}
- --image-pull-policy={{ . }}
{{- end }}
{{- with .controllerJobRetentionPolicy }}
- --job-retention-policy={{ . }}
{{- end }}
{{- with .controllerUnschedulable }}
- --unschedulable={{ . }}
{{- end }}
- --jobs-max-surge={{ .controllerJobsMaxSurge }}
- --image-delete-job-host-network={{ .controllerImageDeleteJobHostNetwork }}
{{- with .controllerServiceAccountName }}
- --service-account-name={{ . }}
{{- end }}
{{- with .controllerCRISocketPath }}
- --cri-socket-path={{ . }}
{{- end }}
{{- end }}
{{- if .Values.registries.readPullSecretsOf }}
- --registry-secrets=true
{{- end }}
{{- with .Values.registries.budgets }}
- {{ printf "--registry-budgets=%s" (toJson .) | quote }}
{{- end }}
{{- with .Values.workloads.kinds }}
- --workload-kinds={{ join "," . }}
{{- end }}
{{- with .Values.workloads.roundInterval }}
- --workload-round-interval={{ . }}
{{- end }}
{{- with .Values.knativeImages }}
{{- if .enabled }}
- --knative-images={{ join "," .namespaces | default "*" }}
{{- end }}
{{- end }}
{{- with .Values.warmGate.taints }}
- --warm-gate-taints={{ join "," . }}
{{- end }}
{{- with .Values.warmGate.namespaces }}
- --warm-gate-namespaces={{ join "," . }}
{{- end }}
{{- if eq .Values.tenancy.mode "Isolated" }}
- {{ printf "--tenancy=%s" (toJson .Values.tenancy.images) | quote }}
{{- end }}
{{- with .Values.limits.priorityClasses }}
- --priority-classes={{ join "," . }}
{{- end }}
{{- with .Values.limits.podMetadataKeys }}
- --pod-metadata-keys={{ join "," . }}
{{- end }}
{{- $limits := .Values.limits }}
{{- range $name, $value := dict "max-images" $limits.images "max-image-bytes" $limits.imageBytes
  "max-pods-per-node" $limits.podsPerNode "max-namespace-pods-per-node" $limits.namespacePodsPerNode
  "max-pull-deadline" $limits.pullDeadline "warm-gate-max-timeout" .Values.warmGate.maxTimeout }}
{{- if ne ($value | toString) "" }}
- --{{ $name }}={{ ternary $value ($value | int64) (kindIs "string" $value) }}
{{- end }}
{{- end }}
{{- with include "icf.jobPriorityClass" . }}
- --job-priority-class-name={{ . }}
{{- end }}
{{- with .Values.tenancy.namespaces }}
- --watch-namespaces={{ join "," . }}
{{- end }}
{{- end }}

{{- define "icf.args" -}}
{{ include "icf.flags" . }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The same settings as environment variables for functions, as a YAML map. */ -}}
{{- define "icf.settings" -}}
{{- range include "icf.flags" . | fromYamlArray }}
{{- $parts := splitn "=" 2 (trimPrefix "--" .) }}
{{- if eq $parts._0 "stderrthreshold" }}
LOG_LEVEL: {{ get (dict "INFO" "info" "WARNING" "warn" "ERROR" "error" "FATAL" "fatal" "0" "info" "1" "warn" "2" "error" "3" "fatal") $parts._1 }}
{{- else }}
{{ $parts._0 | replace "-" "_" | upper }}: {{ $parts._1 | quote }}
{{- end }}
{{- end }}
NOOP_IMAGE: {{ include "icf.image" (list . "noop") }}
REMOVAL_IMAGE: {{ include "icf.image" (list . "functions") }}
{{- end }}

{{- define "icf.env" -}}
# Namespace of removal Jobs and of the Lease.
- name: KUBEFLEDGED_NAMESPACE
  valueFrom:
    fieldRef: {fieldPath: metadata.namespace}
# Image of pull Jobs: a few kB, pulled by every node.
- {name: NOOP_IMAGE, value: {{ include "icf.image" (list . "noop") | quote }}}
- {name: REMOVAL_IMAGE, value: {{ include "icf.image" (list . "functions") | quote }}}
{{- if .Values.statusPage.enabled }}
- {name: STATUS_PAGE, value: "true"}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Every minute; every five on Knative with our source, so that functions can scale to zero in between. */ -}}
{{- define "icf.tickSchedule" -}}
{{- $byMode := ternary "*/5 * * * *" "* * * * *" (and (eq .Values.mode "knative") (eq .Values.knative.source "ours")) -}}
{{ .Values.source.tickSchedule | default $byMode }}
{{- end }}
