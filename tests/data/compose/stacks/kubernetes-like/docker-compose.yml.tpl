kubelet:
  labels:
    io.rancher.container.dns: "true"
    io.rancher.container.create_agent: "true"
    io.rancher.container.agent.role: environmentAdmin,agent
    io.rancher.scheduler.global: "true"
    io.rancher.websocket.proxy.port: "10250"
    io.rancher.websocket.proxy.scheme: "https"
    {{- if eq .Values.CONSTRAINT "required" }}
    io.rancher.scheduler.affinity:host_label: compute=true
    {{- end }}
  image: example/k8s:v1.8
  command:
    - kubelet
    - --kubeconfig=/etc/kubernetes/ssl/kubeconfig
    {{- range $i, $elem := splitPreserveQuotes .Values.FLAGS }}
    - {{ $elem }}
    {{- end }}
  privileged: true
  net: host
  pid: host
  ipc: host
  volumes:
    - /run:/run
    - /sys:/sys:ro
    - /var/lib/kubelet:/var/lib/kubelet:shared
  links:
    - kubernetes
kubernetes:
  labels:
    io.rancher.container.create_agent: "true"
    io.rancher.container.agent.role: environmentAdmin
    io.rancher.sidekicks: kube-hostname-updater
    io.rancher.websocket.proxy.port: "6443"
    io.rancher.k8s.agent: "true"
    io.rancher.k8s.token: "true"
    io.rancher.k8s.kubectld: 'true'
    io.rancher.k8s.service.cluster.ip.range: 10.43.0.0/16
    io.rancher.container.agent_service.labels_provider: "true"
    io.rancher.container.agent_service.kubernetes_stack: "true"
    io.rancher.container.agent_service.scheduling: "true"
    io.rancher.container.agent_service.metadata: "true"
    io.rancher.container.agent_service.vxlan: "true"
    io.rancher.service.allocate.skip.serialize: 'true'
    {{- if eq .Values.CONSTRAINT "required" }}
    io.rancher.scheduler.affinity:host_label: orchestration=true
    {{- end }}
  command:
    - kube-apiserver
    - --service-cluster-ip-range=10.43.0.0/16
    - --runtime-config=batch/v2alpha1
  image: example/k8s:v1.8
  environment:
    CLOUD_PROVIDER: ${CLOUD_PROVIDER}
  links:
    - etcd
kube-hostname-updater:
  net: container:kubernetes
  command: [etc-host-updater]
  image: example/etc-host-updater:v0
  links: [kubernetes]
etcd:
  image: example/etcd:v3
  labels:
    io.rancher.scheduler.affinity:container_label_ne: io.rancher.stack_service.name=$${stack_name}/$${service_name}
    io.rancher.scheduler.affinity:host_label_soft: etcd=true
    io.rancher.scheduler.affinity:host_label_soft_ne: compute=true
    io.rancher.scheduler.affinity:container_label_soft: role=peer
    io.rancher.scheduler.affinity:container_label: role=seed
    io.rancher.service.ui_link.label: Console
  volumes: ["etcd:/pdata:z"]
