web:
  image: example/web
{{- if eq .Values.x }}
  tty: true
{{- end }}
