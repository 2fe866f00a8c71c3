version: '2'
services:
  nfs-driver:
    privileged: true
    pid: host
    image: example/storage-nfs:v0.9.1
    environment:
      NFS_SERVER: '${NFS_SERVER}'
      MOUNT_DIR: '${MOUNT_DIR}'
      MOUNT_OPTS: '${MOUNT_OPTS}'
{{- if .Values.ON_REMOVE }}
      ON_REMOVE: '${ON_REMOVE}'
{{- end }}
    volumes:
    - /run:/run
    - /var/run:/var/run
    - /dev:/host/dev
    - /var/lib/rancher/volumes:/var/lib/rancher/volumes:shared
    labels:
      io.rancher.scheduler.global: 'true'
      io.rancher.container.create_agent: 'true'
      io.rancher.container.agent.role: environment
      io.rancher.container.agent.volumes_strategy: keep
    logging:
      driver: json-file
      options:
        max-size: 25m
        max-file: '2'
