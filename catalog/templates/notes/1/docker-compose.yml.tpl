version: '2'
services:
  store:
    image: drover-demo/db:2
    ports:
    - "${PORT}:8000"
    volumes:
    - data:/data
    environment:
      TOKEN: ${TOKEN}
{{- if eq .Values.BACKUP "true"}}
    labels:
      io.rancher.sidekicks: backup
  backup:
    image: drover-demo/db:2
    command: ["/bin/backup", "${EVERY}"]
    volumes_from:
    - store
    environment:
      KEEP: "${KEEP}"
{{- end}}
volumes:
  data:
    driver: local
