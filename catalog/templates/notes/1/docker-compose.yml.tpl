version: '2'
services:
  store:
    image: drover-demo/db:2
    ports:
    - "${PORT}:8000"
    volumes_from:
    - files
    environment:
      TOKEN: ${TOKEN}
    labels:
      io.rancher.sidekicks: files{{if eq .Values.BACKUP "true"}},backup{{end}}
  # Ends at once and only holds the volume. No version changes it, so an upgrade keeps it, and with it the host and the files.
  files:
    image: drover-demo/db:1
    command: ["true"]
    volumes:
    - /data
    labels:
      io.rancher.container.start_once: "true"
{{- if eq .Values.BACKUP "true"}}
  backup:
    image: drover-demo/db:2
    command: ["/bin/backup", "${EVERY}"]
    volumes_from:
    - files
    environment:
      KEEP: "${KEEP}"
{{- end}}
