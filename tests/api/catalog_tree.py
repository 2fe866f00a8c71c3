"""Catalogs that tests make: folders and git repositories, and the servers that git repositories are fetched from."""
import http.server
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import client

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><script>alert(1)</script></svg>'
GIT_ENV = dict(PATH=os.environ['PATH'], HOME='/nonexistent', GIT_CONFIG_NOSYSTEM='1', GIT_AUTHOR_NAME='a', GIT_AUTHOR_EMAIL='a@example.org',
               GIT_COMMITTER_NAME='a', GIT_COMMITTER_EMAIL='a@example.org')


class Tree:
    """A folder with files of a catalog."""

    def __init__(self, where=None):
        self.dir = tempfile.mkdtemp(prefix='drover-catalog-', dir=where)

    def put(self, path, text=''):
        full = os.path.join(self.dir, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'wb') as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return full

    def template(self, folder, name, versions, base='', default=None, config='', icon=True):
        """versions: {folder name: catalog section as YAML lines, or a version string}"""
        top = '%s%s/%s/' % (base + '-' if base else '', 'templates', folder)
        texts = {n: v if '\n' in v else 'version: %s\n' % v for n, v in versions.items()}
        default = default or [v.split('version: ')[1].split('\n')[0] for v in texts.values()][-1]
        self.put(top + 'config.yml', 'name: %s\ndescription: about %s\nversion: %s\n%s' % (name, name, default, config))
        if icon:
            self.put(top + 'catalogIcon-%s.svg' % folder, SVG)
        for n, v in texts.items():
            self.put(top + n + '/docker-compose.yml', 'version: "2"\nservices:\n  web:\n    image: app:%s\n' % n)
            self.put(top + n + '/rancher-compose.yml', 'version: "2"\ncatalog:\n' + ''.join('  ' + line + '\n' for line in v.splitlines()) +
                     'services:\n  web:\n    scale: 1\n')
        return self

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Git(Tree):
    """The same as a repository with a work tree; commit() after changes."""

    def __init__(self, branch='master'):
        super().__init__()
        self.git('init', '--quiet', '--initial-branch', branch)
        self.git('config', 'uploadpack.allowAnySHA1InWant', 'true')

    def git(self, *args, **kw):
        return subprocess.run(['git', '-C', self.dir] + list(args), check=True, capture_output=True, env=GIT_ENV, timeout=client.WAIT_S, **kw).stdout.decode()

    def commit(self, text='change'):
        self.git('add', '--all')
        self.git('commit', '--quiet', '--allow-empty', '-m', text)
        return self.git('rev-parse', 'HEAD').strip()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Daemon:
    """git://: serves everything below a folder."""

    def __init__(self, folder):
        self.port = free_port()
        self.process = subprocess.Popen(['git', 'daemon', '--reuseaddr', '--listen=127.0.0.1', '--port=%d' % self.port, '--base-path=' + folder, '--export-all', folder],
                                        env=dict(GIT_ENV, GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0='safe.directory', GIT_CONFIG_VALUE_0='*'),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for _ in range(client.WAIT_S * 10):
            with socket.socket() as s:
                if s.connect_ex(('127.0.0.1', self.port)) == 0:
                    return
            threading.Event().wait(0.1)
        raise AssertionError('git daemon did not come up')

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


class SmartHttp:
    """http://127.0.0.1:PORT/NAME by git http-backend; with a password when one is given."""

    def __init__(self, folder, login=None):
        outer = self
        self.requests, self.login = [], login

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.requests.append(self.path)
                if outer.login and self.headers.get('Authorization') != outer.login:
                    self.send_response(401)
                    self.send_header('WWW-Authenticate', 'Basic realm="x"')
                    self.send_header('Content-Length', '0')
                    self.end_headers()
                    return
                path, _, query = self.path.partition('?')
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                env = dict(GIT_ENV, GIT_PROJECT_ROOT=folder, GIT_HTTP_EXPORT_ALL='1', PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command,
                           CONTENT_TYPE=self.headers.get('Content-Type') or '', REMOTE_ADDR='127.0.0.1', GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0='safe.directory',
                           GIT_CONFIG_VALUE_0='*')
                if self.headers.get('Git-Protocol'):
                    env['GIT_PROTOCOL'] = self.headers['Git-Protocol']
                if self.headers.get('Content-Encoding'):
                    env['HTTP_CONTENT_ENCODING'] = self.headers['Content-Encoding']
                out = subprocess.run(['git', 'http-backend'], input=body, env=env, capture_output=True, timeout=client.WAIT_S).stdout
                head, _, data = out.partition(b'\r\n\r\n')
                status, headers = 200, []
                for line in head.decode().split('\r\n'):
                    name, _, value = line.partition(': ')
                    if name == 'Status':
                        status = int(value.split()[0])
                    elif name:
                        headers.append((name, value))
                self.send_response(status)
                for h in headers:
                    self.send_header(*h)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Silent:
    """Takes connections and never says a word; or says `head` and then nothing."""

    def __init__(self, head=b''):
        self.s = socket.socket()
        self.s.bind(('127.0.0.1', 0))
        self.s.listen(16)
        self.port = self.s.getsockname()[1]
        self.head, self.conns = head, []
        self.came = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            self.conns.append(c)
            if self.head:
                c.sendall(self.head)
            self.came.set()

    def close(self):
        self.s.close()
        for c in self.conns:
            c.close()
