version: '2'
services:
  vxlan:
    image: drover/node:0.1.0
    command: ["net", "vxlan", "--network", "vxlan"]
    privileged: true
    network_mode: host
    pid: host
    volumes:
    - /var/lib/rancher/state:/var/lib/rancher/state
    labels:
      io.rancher.scheduler.global: 'true'
      io.rancher.network.cni.binary: drover-bridge
      io.rancher.container.dns: 'true'
    logging:
      driver: json-file
      options:
        max-size: 25m
        max-file: '2'
    network_driver:
      name: VXLAN
      default_network:
        name: vxlan
        host_ports: {{ .Values.HOST_PORTS }}
        subnets:
        - network_address: ${SUBNET}
        dns:
        - 169.254.169.250
        dns_search:
        - rancher.internal
      cni_config:
        '10-drover-vxlan.conf':
          name: drover-cni-network
          type: drover-bridge
          bridge: ${DOCKER_BRIDGE}
          bridgeSubnet: ${SUBNET}
          isDefaultGateway: true
          hostNat: true
          hairpinMode: true
          promiscMode: false
          mtu: ${MTU}
          linkMTUOverhead: 50
          ipam:
            type: drover-ipam
            subnetPrefixSize: /{{ splitList "/" .Values.SUBNET | last }}
