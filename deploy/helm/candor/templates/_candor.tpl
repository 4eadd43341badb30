{{- /* What selects the pods, and nothing else's. */ -}}
{{- define "candor.selector" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "candor.labels" -}}
{{ include "candor.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "candor.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* The container itself, wherever it stands in the pod. */ -}}
{{- define "candor.container" -}}
- name: candor
  image: {{ .Values.candor.image | quote }}
  {{- if .Values.candor.nativeSidecar }}
  restartPolicy: Always
  {{- end }}
  args: [serve, -c, /etc/candor/candor.yaml]
  {{- with .Values.candor.env }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - { name: http, containerPort: 8080 }
    - { name: admin, containerPort: 9901 }
  startupProbe:
    httpGet: { path: /readyz, port: admin }
    periodSeconds: 1
    failureThreshold: 30
  readinessProbe:
    httpGet: { path: /readyz, port: admin }
    periodSeconds: 5
  livenessProbe:
    httpGet: { path: /livez, port: admin }
    periodSeconds: 10
  lifecycle:
    preStop:
      exec: { command: [/candor, drain] }
  resources:
    {{- toYaml .Values.candor.resources | nindent 4 }}
  securityContext:
    {{- include "candor.security" . | nindent 4 }}
  volumeMounts:
    - { name: candor, mountPath: /etc/candor, readOnly: true }
    {{- with .Values.candor.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
