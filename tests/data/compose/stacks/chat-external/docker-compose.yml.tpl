{{- $name := .Stack.Name -}}
version: '2'
services:
  chat:
    image: example/chat:0.60
    hostname: {{ $name | printf "chat-%s" }}
    external_links:
      - {{ .Values.db_service }}:mongo
