#!/usr/bin/env python3
"""The web page's files as the server gives them (docs/web.md): to whom, with which headers; the API's own answers stay. What the page does: tests/ui."""
import gzip
import http.client
import os
import re

import client

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = {'Accept': 'text/html,application/xhtml+xml,*/*;q=0.8', 'User-Agent': 'Mozilla/5.0'}


class Files(client.Case):
    def ask(self, path, headers=None, method='GET'):
        c = http.client.HTTPConnection('127.0.0.1', self.server.port, timeout=client.WAIT_S)
        try:
            c.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                c.putheader(name, value)
            c.endheaders()
            a = c.getresponse()
            return a.status, {k.lower(): v for k, v in a.getheaders()}, a.read()
        finally:
            c.close()

    def test_browsers_get_the_page_and_others_the_api(self):
        for path in ('/', '/?x=1', '/login', '/login?redirectTo=%2Fr%2Fx'):
            status, headers, body = self.ask(path, PAGE)
            self.assertEqual(status, 200, path)
            self.assertTrue(headers['content-type'].startswith('text/html'))
            self.assertIn(b'<script type="module" src="/ui/main.js">', body)
            self.assertNotRegex(body, rb'<script>|<style|style=|https?://', 'nothing inside the page that its policy forbids')
            self.assertIn("default-src 'none'", headers['content-security-policy'])
            self.assertIn("frame-ancestors 'none'", headers['content-security-policy'])
            self.assertNotIn('unsafe', headers['content-security-policy'])
        for headers in ({}, {'Accept': '*/*'}, {'Accept': 'application/json'}, {'Accept': '*/*', 'User-Agent': 'Mozilla/5.0'}):
            self.assertNotIn(b'/ui/main.js', self.ask('/', headers)[2])
        self.assertNotIn(b'/ui/main.js', self.ask('/?_format=json', PAGE)[2])
        self.assertNotIn(b'/ui/main.js', self.ask('/', PAGE, 'POST')[2])
        self.assertEqual(self.ask('/ping', PAGE)[2][:4], b'pong')

    def test_every_file_is_there_and_is_what_it_says(self):
        types = {'html': 'text/html', 'js': 'text/javascript', 'css': 'text/css', 'svg': 'image/svg+xml'}
        total = packed = 0
        for folder, _, names in os.walk(os.path.join(ROOT, 'ui')):
            for name in names:
                if name == 'meson.build':
                    continue
                path = os.path.join(folder, name)
                with open(path, 'rb') as f:
                    data = f.read()
                url = '/ui/' + os.path.relpath(path, os.path.join(ROOT, 'ui'))
                status, headers, body = self.ask(url)
                self.assertEqual((status, body), (200, data), url)
                self.assertTrue(headers['content-type'].startswith(types[name.rsplit('.', 1)[1]]), url)
                self.assertEqual(headers['x-content-type-options'], 'nosniff')
                status, again, body = self.ask(url, {'Accept-Encoding': 'gzip, br'})
                self.assertEqual((again['content-encoding'], gzip.decompress(body)), ('gzip', data))
                self.assertEqual(again['etag'], headers['etag'])
                status, _, rest = self.ask(url, {'If-None-Match': 'W/"x", ' + headers['etag']})
                self.assertEqual((status, rest), (304, b''))
                status, head, rest = self.ask(url, method='HEAD')
                self.assertEqual((status, head['content-length'], rest), (200, str(len(data)), b''))
                total, packed = total + len(data), packed + len(body)
                for other in re.findall(rb"(?:from|import) '(\.[^']*)'", data):
                    self.assertTrue(os.path.exists(os.path.join(folder, other.decode())), f'{url} imports {other}')
                self.assertNotRegex(data, rb'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function', f'{url} makes markup or code out of text')
        self.assertLess(packed, 80 << 10, 'the page is small')
        self.assertLess(total, 220 << 10)

    def test_what_is_not_there(self):
        for path in ('/ui/x.js', '/ui/views/x.js', '/ui/%2e%2e/main.js', '/ui/views%2fstack.js/', '/ui/a/b/c', '/ui/' + 'x' * 300, '/ui/' + 'x' * 50 + '/' + 'y' * 50, '/ui//main.js'):
            status, headers, _ = self.ask(path, PAGE)
            self.assertEqual(status, 404, path)
            self.assertTrue(headers['content-type'].startswith('application/json'))
        self.assertEqual(self.ask('/ui/main.js', method='POST')[0], 405)
        self.assertEqual(self.ask('/ui/main.js', method='DELETE')[0], 405)


if __name__ == '__main__':
    client.main()
