version: '2'
services:
  beacon:
    image: drover-demo/web:2
    command: ["/bin/beacon", "${EVERY}"]
{{- if .Values.NOTE}}
    environment:
      NOTE: {{.Values.NOTE | quote}}
{{- end}}
{{- if .Values.BESIDE}}
    external_links:
    - {{.Values.BESIDE}}:beside
{{- end}}
    labels:
      io.rancher.scheduler.global: "true"
{{- if .Values.ONLY}}
      io.rancher.scheduler.affinity:host_label: {{.Values.ONLY | trim | quote}}
{{- end}}
