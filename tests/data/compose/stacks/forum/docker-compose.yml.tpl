version: '2'
services:
  web:
    image: example/forum:{{ .Values.version | default "1.8" }}
    environment:
      SITE: "${host_name}"
{{- if eq .Values.mail "true" }}
      SMTP_HOST: ${smtp}
{{- else if eq .Values.mail "log" }}
      SMTP_HOST: log
{{- else }}
      SMTP_HOST: none
{{- end }}
    links:
      - db
    {{- if ne .Values.external_db "" }}
    external_links:
      - {{ .Values.external_db }}:main-db
    {{- end }}
  db:
    image: postgres:9.6
    environment:
      POSTGRES_PASSWORD: secret
    volumes:
      - {{ .Values.volume }}:/var/lib/postgresql/data
volumes:
  {{ .Values.volume }}:
    driver: {{ .Values.driver }}
