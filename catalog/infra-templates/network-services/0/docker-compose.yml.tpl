version: '2'
services:
  network-manager:
    image: drover/node:0.1.0
    command: ["network-manager", "--bridge", "${DOCKER_BRIDGE}", "--metadata-ip", "169.254.169.250"]
    privileged: true
    network_mode: host
    pid: host
    volumes:
    - /var/run/docker.sock:/var/run/docker.sock
    - /var/lib/rancher/state:/var/lib/rancher/state
    - /etc/cni:/etc/cni
    - /opt/cni:/opt/cni
    - /run:/run
    # Packet rules are put in by the host's own nft, iptables and conntrack.
    - /usr:/usr:ro
    - /lib:/lib:ro
    - /lib64:/lib64:ro
    - /sbin:/sbin:ro
    labels:
      io.rancher.scheduler.global: 'true'
    logging:
      driver: json-file
      options:
        max-size: 25m
        max-file: '2'
  metadata:
    image: drover/node:0.1.0
    command: ["metadata", "--add-address", "${DOCKER_BRIDGE}", "--cache", "/var/lib/rancher/state/metadata-service.json"]
    privileged: true
    network_mode: host
    volumes:
    - /var/lib/rancher/state:/var/lib/rancher/state
    labels:
      io.rancher.scheduler.global: 'true'
      io.rancher.sidekicks: dns
      io.rancher.container.agent_service.metadata: 'true'
    logging:
      driver: json-file
      options:
        max-size: 25m
        max-file: '2'
  dns:
    image: drover/node:0.1.0
    command: ["dns", "--listen", "169.254.169.250:53", "--answers", "", "--ttl", "${TTL}", "--recurser-timeout", "${DNS_RECURSER_TIMEOUT}"]
    network_mode: host
    cap_add:
    - NET_BIND_SERVICE
    volumes:
    - /var/lib/rancher/state:/var/lib/rancher/state
    labels:
      io.rancher.scheduler.global: 'true'
    logging:
      driver: json-file
      options:
        max-size: 25m
        max-file: '2'
