{{- $port := .Values.port }}
version: '2'
services:
  collector:
    image: example/metrics:{{ .Release.Version }}
    command:
      - --listen=:{{ $port }}
      {{- range $i, $target := (splitList "," .Values.targets) }}
      - --target={{ $i }}={{ trim $target }}
      {{- end }}
    ports:
      - {{ $port }}:{{ $port }}
    labels:
      stack: {{ .Stack.Name }}
      environment: "{{ .Environment.Name }}"
      previous: "{{ .Release.PreviousVersion }}"
      version: "{{ .Stack.Version }}"
  {{- if and (eq .Values.dashboard "true") (or .Values.public (not .Values.quiet)) }}
  dashboard:
    image: example/dashboard
    links: [collector]
    ports:
      - "3000"
  {{- end }}
