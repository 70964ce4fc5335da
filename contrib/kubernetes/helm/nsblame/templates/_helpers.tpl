{{- define "nsblame.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "nsblame.selector" -}}
app.kubernetes.io/name: nsblame
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "nsblame.labels" -}}
{{ include "nsblame.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
