updater:
  image: example/registry-credentials:v2
  environment:
    AWS_REGION: ${aws_region}
    {{- if and (.Values.key) (ne .Values.key "") }}
    AWS_KEY: ${key}
    {{- end }}
  labels:
    io.rancher.container.pull_image: always
    io.rancher.container.create_agent: 'true'
    io.rancher.container.agent.role: environment
