#!/usr/bin/env python3
"""kill -9 of the server at 20 drawn moments, while a service is scaled 3 -> 30 -> 5 and a stack is removed, and a client writes and logs.

After the last restart every answered write is in the API, or superseded by a later one; engines and API agree; nothing is unfinished.
DROVER_TEST_SEED repeats the drawn moments.
"""
import http.client
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
from harness import ApiError, until

KILLS = int(os.environ.get('DROVER_TEST_KILLS', '20'))
BUSY_KILLS = KILLS * 3 // 4
LOST = (OSError, http.client.HTTPException, ValueError)        # no answer, or half of one
SCALES = (30, 5)
STACKS_MAX = 50         # of the client at a time
PAUSE_S = 0.01          # between its writes: the server has other work, too


class Log:
    """Answered writes in their order: for each thing the last one counts. An unanswered write is sent again until it is answered."""

    def __init__(self):
        self.last, self.count, self.lock = {}, 0, threading.Lock()

    def answered(self, path, field, value):
        with self.lock:
            self.last[path, field] = value
            self.count += 1


class Writer(threading.Thread):
    """Makes stacks, changes and removes them, one write after the other, through all deaths of the server."""

    def __init__(self, world, seed):
        super().__init__(daemon=True)
        self.world, self.rng, self.log = world, random.Random(seed), Log()
        self.over, self.error, self.in_flight, self.names, self.made = threading.Event(), None, 0, [], 0

    def run(self):
        try:
            while not self.over.is_set():
                self.one()
                time.sleep(PAUSE_S)
        except BaseException as e:              # told by the test
            self.error = e
            raise

    def send(self, method, path, body=None):
        """The answer of a write. A repeated one may find its work done: that is an answer too, given as the ApiError."""
        while True:
            self.in_flight += 1
            try:
                return self.world.api.call(method, path, body)
            except LOST:
                if self.over.is_set() and self.world.server.process.poll() is not None:
                    raise AssertionError('the server is gone')
                time.sleep(0.02)                # a pause between attempts, not a wait for something
            except ApiError as e:
                if e.status == 503:             # rolled back, and said so
                    continue
                return e
            finally:
                self.in_flight -= 1

    def expect(self, answer, *codes):
        if isinstance(answer, ApiError) and answer.code not in codes and answer.status not in codes:
            raise answer
        return answer

    def one(self):
        kind = self.rng.random() if len(self.names) < STACKS_MAX else 1
        if kind < 0.4 or not self.names:
            self.made += 1
            name = f'w{self.made}'
            answer = self.expect(self.send('POST', 'stacks', {'name': name, 'description': 'made'}), 'NotUnique')
            if isinstance(answer, ApiError):    # the answer was lost, the write was not
                answer = self.find(name)
            self.names.append(answer['id'])
            self.log.answered(answer['id'], 'name', name)
        elif kind < 0.9 or len(self.names) < 3:
            stack = self.rng.choice(self.names)
            text = f'text {self.log.count}'
            answer = self.expect(self.send('PUT', f'stacks/{stack}', {'description': text}), 409)
            if not isinstance(answer, ApiError):
                self.log.answered(stack, 'description', text)
        else:
            stack = self.names.pop(self.rng.randrange(len(self.names)))
            self.expect(self.send('DELETE', f'stacks/{stack}'), 404, 405, 409)
            self.log.answered(stack, 'gone', True)

    def find(self, name):
        while True:
            try:
                return self.world.api.list(f'stacks?name={name}')[0]
            except LOST:
                time.sleep(0.02)


class KilledServer(harness.Case):
    def check_writes(self, log):
        api = self.world.api
        for (stack, field), value in log.last.items():
            s = api.get(f'stacks/{stack}')
            if field == 'gone':
                self.assertIn(s['state'], harness.GONE, f'{stack} was removed')
            elif log.last.get((stack, 'gone')) is None:
                self.assertEqual(s[field], value, f'{field} of {stack}')
                self.assertNotIn(s['state'], harness.GONE)

    def test_twenty_kills_lose_nothing(self):
        w = self.world
        rng = random.Random(harness.SEED)
        service = w.simple('big', 'web', 3)
        w.simple('gone', 'web', 6)
        gone = w.api.one('stacks', name='gone')['id']
        w.settle()
        writer = Writer(w, rng.random())
        writer.start()
        self.addCleanup(writer.over.set)
        log = writer.log
        steps, busy, removed, waiting = 0, 0, False, None
        for n in range(KILLS):
            # The next step once the former is done, which a slow machine gets time for in the middle; there the stack goes, too.
            if n == KILLS // 2 and steps == 1:
                until(lambda: self.reached(service, waiting), f'scale {waiting}')
            if waiting is None or self.reached(service, waiting):
                waiting = SCALES[steps % len(SCALES)]
                steps += 1
                log.answered(service['id'], 'scale', writer.send('PUT', f'services/{service["id"]}', {'scale': waiting})['scale'])
            if n >= KILLS // 2 and not removed:
                removed = True
                writer.expect(writer.send('POST', f'stacks/{gone}/?action=remove'), 422, 409)
                log.answered(gone, 'gone', True)
            time.sleep(rng.uniform(0.0, 2.5))            # the drawn moment
            running = w.api.unfinished()
            in_flight = writer.in_flight
            w.server.kill9()
            busy += bool(running)
            print(f'# kill {n + 1}: {len(running)} processes running, {in_flight} writes under way, {log.count} answered so far', file=sys.stderr, flush=True)
            w.server.start()
            if writer.error:
                raise writer.error
        # The scale that the issue ends with, whatever was reached.
        log.answered(service['id'], 'scale', writer.send('PUT', f'services/{service["id"]}', {'scale': 5})['scale'])
        writer.over.set()
        writer.join(harness.DEADLINE_S)
        self.assertFalse(writer.is_alive())
        if writer.error:
            raise writer.error
        w.wait_hosts()
        w.settle()
        scale = log.last.pop((service['id'], 'scale'))
        self.assertEqual(w.api.get(f'services/{service["id"]}')['scale'], scale)
        self.check_writes(log)
        self.assertEqual([c['name'] for c in w.service_containers('big/web')], [f'big-web-{n}' for n in range(1, 6)])
        self.assertEqual(w.service_containers('gone/web'), [])
        print(f'# {KILLS} kills, {busy} with processes running, {log.count} answered writes, {steps} changes of scale', file=sys.stderr)
        self.assertGreaterEqual(steps, 2)
        self.assertGreaterEqual(busy, BUSY_KILLS)
        self.assertGreater(log.count, KILLS)

    def reached(self, service, scale):
        s = self.world.api.get(f'services/{service["id"]}')
        if s['state'] != 'active':
            return False
        states = [c['state'] for c in self.world.service_containers('big/web')]
        return states == ['running'] * scale


if __name__ == '__main__':
    harness.main()
