version: '2'
services:
  chat:
    image: example/chat:0.60
    {{- with .Values.db_service }}
    external_links:
      - {{ . }}:mongo
    {{- else }}
    links:
      - mongo
    {{- end }}
    environment:
      ROOT_URL: '{{ if .Values.tls }}https{{ else }}http{{ end }}://${domain}'
  {{- if not .Values.db_service }}
  mongo:
    image: mongo:3.4
    command: mongod --smallfiles
    labels:
      io.rancher.sidekicks: mongo-data
    volumes_from: [mongo-data]
  mongo-data:
    image: busybox
    network_mode: none
    volumes: [/data/db]
    labels:
      io.rancher.container.start_once: 'true'
  {{- end }}
