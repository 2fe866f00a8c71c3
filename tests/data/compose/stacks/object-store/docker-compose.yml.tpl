version: '2'
services:
  store:
    image: example/objects:7
    volumes:
    {{- range $idx, $e := atoi .Values.DISKS | until }}
    - objects-{{ $idx }}:/data/disk{{ $idx }}
    {{- end }}
    {{- if eq (printf "%.1s" .Values.CACHE) "/" }}
    - {{ .Values.CACHE }}:/cache
    {{- else }}
    - cache:/cache
    {{- end }}
    command: server{{ range $i := until (atoi .Values.DISKS) }} /data/disk{{ $i }}{{ end }}
volumes:
  {{- range $idx := until (atoi .Values.DISKS) }}
  objects-{{ $idx }}:
    driver: local
  {{- end }}
