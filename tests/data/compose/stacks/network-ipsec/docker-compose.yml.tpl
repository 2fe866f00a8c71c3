version: '2'
services:
  ipsec:
    image: example/net-holder
    command: sh -c "echo Refer to router sidekick; mkfifo f; exec cat f"
    network_mode: ipsec
    ports:
      - 500:500/udp
      - 4500:4500/udp
    labels:
      io.rancher.sidekicks: router,connectivity-check
      io.rancher.scheduler.global: 'true'
      io.rancher.cni.link_mtu_overhead: '0'
      io.rancher.network.macsync: 'true'
      io.rancher.network.arpsync: 'true'
      io.rancher.internal.service.vxlan: 'false'
  router:
    cap_add:
      - NET_ADMIN
    cap_drop: [MKNOD]
    image: example/net:v0.13
    network_mode: container:ipsec
    environment:
      RANCHER_DEBUG: '${DEBUG}'
      IPSEC_IKE_SA_REKEY_INTERVAL: '${IKE}'
    command: start-ipsec.sh
    labels:
      io.rancher.container.create_agent: 'true'
      io.rancher.container.agent_service.ipsec: 'true'
    sysctls:
      - net.ipv4.conf.all.send_redirects=0
      - net.ipv4.conf.eth0.send_redirects=0
  connectivity-check:
    image: example/net:v0.13
    network_mode: container:ipsec
    command: connectivity-check --connectivity-check-interval=${INTERVAL}
  cni-driver:
    privileged: true
    image: example/net:v0.13
    command: start-cni-driver.sh
    network_mode: host
    pid: host
    labels:
      io.rancher.scheduler.global: 'true'
      io.rancher.network.cni.binary: 'rancher-bridge'
      io.rancher.container.dns: 'true'
      io.rancher.container.dns.priority: service_last
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
      - rancher-cni-driver:/opt/cni-driver
    network_driver:
      name: Rancher IPsec
      default_network:
        name: ipsec
        kind: cni
        host_ports: {{ .Values.HOST_PORTS }}
        subnets:
        - network_address: $SUBNET
          start_address: 10.42.0.2
          end_address: 10.42.255.250
        dns:
        - 169.254.169.250
        dns_search:
        - rancher.internal
      cni_config:
        '10-rancher.conf':
          name: rancher-cni-network
          type: rancher-bridge
          bridge: $DOCKER_BRIDGE
          bridgeSubnet: $SUBNET
          logToFile: /var/log/rancher-cni.log
          isDebugLevel: '${DEBUG}'
          hairpinMode: true
          mtu: ${MTU}
          ipam:
            type: rancher-cni-ipam
            routes:
            - dst: 169.254.169.250/32
      network_metadata:
        key: value
