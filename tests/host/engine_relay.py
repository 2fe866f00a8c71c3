#!/usr/bin/env python3
"""A relay in front of a Docker engine that makes it look newer: it claims an API version from 1.44 to 1.52, refuses paths of older versions as
such an engine does, and strips the fields that newer versions no longer send. Clients speak the new version, the engine behind its own.

    engine_relay.py ENGINE_SOCKET LISTEN_SOCKET VERSION        (until SIGTERM)

What is stripped, by the API version that stopped sending it: 1.44 Config/HostConfig of image containers' ContainerConfig, VirtualSize;
1.45 Container, ContainerConfig of images; 1.52 the legacy NetworkSettings of inspect (Bridge, IPAddress, Gateway, MacAddress and the like:
Networks is what is left) and status/id/from at the top of events.
"""
import http.client
import json
import os
import re
import signal
import socket
import socketserver
import sys
import threading

LEGACY_NETWORK = ('Bridge', 'HairpinMode', 'LinkLocalIPv6Address', 'LinkLocalIPv6PrefixLen', 'SecondaryIPAddresses', 'SecondaryIPv6Addresses', 'EndpointID',
                  'Gateway', 'GlobalIPv6Address', 'GlobalIPv6PrefixLen', 'IPAddress', 'IPPrefixLen', 'IPv6Gateway', 'MacAddress')
REMOVED_FIELDS = [(44, ('VirtualSize',)), (45, ('Container', 'ContainerConfig')), (52, LEGACY_NETWORK)]
HOST_CONFIG_REFUSED = ('KernelMemory',)         # since 1.42 unknown


def minor(version):
    return int(version.split('.')[1])


def strip(value, api):
    """Removes what this API version does not send any more."""
    if isinstance(value, list):
        for item in value:
            strip(item, api)
    elif isinstance(value, dict):
        network = value.get('NetworkSettings')
        for since, fields in REMOVED_FIELDS:
            if api < since:
                continue
            holder = network if fields is LEGACY_NETWORK else value
            if isinstance(holder, dict):
                for f in fields:
                    holder.pop(f, None)
        if api >= 44 and isinstance(value.get('Config'), dict):
            value['Config'].pop('MacAddress', None)
        if api >= 52 and {'Type', 'Action', 'Actor'} <= value.keys():
            for f in ('status', 'id', 'from'):
                value.pop(f, None)
    return value


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('docker')
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Relay:
    def __init__(self, engine, path, version, own_version=None):
        self.engine, self.path, self.version, self.api = engine, path, version, minor(version)
        self.refused = []               # old paths that were asked for
        self.requests = 0
        if os.path.exists(path):
            os.unlink(path)
        relay = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    while relay.one(self):
                        pass
                except (OSError, ValueError, http.client.HTTPException):
                    pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 64

        self.own_version = own_version
        self.server = Server(path, Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def own(self):
        if not self.own_version:
            c = UnixConnection(self.engine)
            c.request('GET', '/version')
            self.own_version = json.loads(c.getresponse().read())['ApiVersion']
            c.close()
        return self.own_version

    @staticmethod
    def answer(handler, status, body, headers=()):
        lines = [f'HTTP/1.1 {status} X', 'Content-Type: application/json', f'Content-Length: {len(body)}', *headers, '', '']
        handler.wfile.write('\r\n'.join(lines).encode() + body)
        handler.wfile.flush()

    def error(self, handler, status, message):
        self.answer(handler, status, json.dumps({'message': message}).encode())

    def one(self, handler):
        """One request. False: the connection is over."""
        line = handler.rfile.readline().decode()
        if not line.strip():
            return False
        method, target, _ = line.split(' ', 2)
        headers = http.client.parse_headers(handler.rfile)
        body = handler.rfile.read(int(headers.get('Content-Length', 0)))
        self.requests += 1
        match = re.match(r'^/v1\.(\d+)(/.*)$', target)
        path = match.group(2) if match else target
        if match and int(match.group(1)) < 44:
            self.refused.append(target)
            self.error(handler, 400, f'client version 1.{match.group(1)} is too old. Minimum supported API version is 1.44, please upgrade your client to a newer version')
            return True
        if match and int(match.group(1)) > self.api:
            self.error(handler, 400, f'client version 1.{match.group(1)} is too new. Maximum supported API version is {self.version}')
            return True
        if body and path.startswith('/containers/create'):
            host = json.loads(body).get('HostConfig', {})
            bad = [f for f in HOST_CONFIG_REFUSED if host.get(f)]
            if bad:
                self.error(handler, 400, f'invalid option: {bad[0]} is not supported by this API version')
                return True
            body = self.to_old(body)
        bare = path.split('?')[0]
        plain = bare in ('/version', '/_ping')
        try:
            upstream = UnixConnection(self.engine)
            forwarded = {k: v for k, v in headers.items() if k.lower() not in ('host', 'content-length', 'connection', 'accept-encoding')}
            forwarded['Content-Length'] = str(len(body))
            upstream.request(method, path if plain else f'/v{self.own()}{path}', body=body, headers=forwarded)
            response = upstream.getresponse()
        except OSError as e:                    # the engine is down: the relay looks as if it were, too
            del e
            handler.connection.shutdown(socket.SHUT_RDWR)
            return False
        if response.getheader('Transfer-Encoding') == 'chunked' and bare in ('/events', '/images/create') or bare.endswith('/logs'):
            return self.stream(handler, response, bare == '/events')
        data = response.read()
        if response.getheader('Content-Type', '').startswith('application/json') and data and method != 'HEAD':
            value = json.loads(data)
            if bare == '/version':
                value.update(ApiVersion=self.version, MinAPIVersion='1.44')
                for component in value.get('Components', []):
                    if component.get('Name') == 'Engine':
                        component['Details'].update(ApiVersion=self.version, MinAPIVersion='1.44')
            data = json.dumps(strip(value, self.api)).encode()
        if response.status in (204, 304):
            handler.wfile.write(f'HTTP/1.1 {response.status} X\r\n\r\n'.encode())
            handler.wfile.flush()
        else:
            extra = [f'API-Version: {self.version}'] if plain else []
            self.answer(handler, response.status, data, extra)
        upstream.close()
        return True

    @staticmethod
    def to_old(body):
        """What 1.44 moved: the endpoint's MAC address back to where the engine behind expects it."""
        value = json.loads(body)
        for endpoint in value.get('NetworkingConfig', {}).get('EndpointsConfig', {}).values():
            mac = endpoint.pop('MacAddress', None)
            if mac:
                value['MacAddress'] = mac
        return json.dumps(value).encode()

    def stream(self, handler, response, events):
        handler.wfile.write(f'HTTP/1.1 {response.status} X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'.encode())
        handler.wfile.flush()
        # The engine's end must be noticed, and so must the client's: a thread that only waits for the client to go.
        def watch():
            try:
                handler.connection.recv(1)
            except OSError:
                pass
            try:
                response.fp.raw._sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass
        threading.Thread(target=watch, daemon=True).start()
        while True:
            data = response.readline() if events else response.read1(65536)
            if not data:
                break
            if events and data.strip():
                data = json.dumps(strip(json.loads(data), self.api)).encode() + b'\n'
            handler.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
            handler.wfile.flush()
        handler.wfile.write(b'0\r\n\r\n')
        handler.wfile.flush()
        return False


def main():
    if len(sys.argv) != 4 or not re.match(r'^1\.(4[4-9]|5[0-2])$', sys.argv[3]):
        sys.exit(__doc__)
    relay = Relay(sys.argv[1], sys.argv[2], sys.argv[3])
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    relay.close()
    os.unlink(sys.argv[2])


if __name__ == '__main__':
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
