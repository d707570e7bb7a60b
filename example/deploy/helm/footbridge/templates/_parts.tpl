{{- define "footbridge.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "footbridge.selector" -}}
app.kubernetes.io/name: footbridge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "footbridge.labels" -}}
{{ include "footbridge.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "footbridge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The whole file. In a pod both listeners have to be reached from outside it: the private one by probes and Prometheus. */}}
{{- define "footbridge.config" -}}
{{- $public := dict "host" "0.0.0.0" "port" .Values.ports.public -}}
{{- $private := dict "host" "0.0.0.0" "port" .Values.ports.private -}}
{{- $listen := dict "listen" (dict "public" $public "private" $private) -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $listen) -}}
{{- end -}}

{{/* A variable for every ${NAME} of the file; one with a default (${NAME:-text}) may be missing in the Secret. */}}
{{- define "footbridge.env" -}}
{{- $root := . -}}
{{- $config := include "footbridge.config" . -}}
{{- $seen := dict -}}
{{- range regexFindAll "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-)?" $config -1 }}
{{- $name := . | trimPrefix "${" | trimSuffix ":-" }}
{{- if not (hasKey $seen $name) }}
{{- $_ := set $seen $name true }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $root.Values.secretName }}
      key: {{ $name }}
      {{- if hasSuffix ":-" . }}
      optional: true
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "footbridge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "footbridge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
