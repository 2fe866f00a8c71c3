#!/usr/bin/env python3
"""Streams of a real agent and engine with a server of the test's own (tests/host/node): one that takes 2 MB a second while two hundred streams have more
to say than fits, and an engine that is restarted under a client that follows a log."""
import os
import signal
import socket
import struct
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'node'))
import engine as engines
import test_agent

STREAMS, CREDIT = 200, 65536
OVERTAKEN_MAX = 1 << 20         # queues on the way: 64 KB in the agent, 64 KB unsent and what is in flight in the kernel; 12.8 MB wait


class Slow(test_agent.Case):
    def test_heartbeats_and_answers_overtake_what_streams_have_queued(self):
        server = self.server
        server.heartbeat_ms = 100
        server.session.close()
        server.next_full()
        c = server.want('talker', command=['/bin/sh', '-c', 'i=0; while [ $i -lt 1000 ]; do echo "line $i %s"; i=$((i+1)); done; exec sleep 1000' % ('x' * 150)])
        until_lines = lambda: self.engine.docker('logs', '--tail', '1', c['dockerId']).startswith('line 999')
        engines.until(until_lines, 'all lines')
        session, got, ended = server.session, [0], []
        session.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)

        def on_binary(frame):
            got[0] += len(frame)
            if frame[4] == 1:
                ended.append(frame)
            time.sleep(len(frame) / 2e6)        # the slow way, not a wait for anything
        session.on_binary = on_binary
        marks = []
        take = server.take

        def note(s, m):
            marks.append((m['t'], got[0]))
            take(s, m)
        server.take = note
        for n in range(1, STREAMS + 1):
            session.send({'t': 'stream', 'epoch': server.epoch, 'id': n, 'kind': 'logs', 'data': {'container': c['dockerId'], 'uuid': 'talker', 'follow': True}})
        server.wait(lambda: got[0] > 1 << 20, 'the first megabyte')
        at = got[0]
        session.send({'t': 'request', 'epoch': server.epoch, 'id': 'q1', 'name': 'container.inspect', 'data': {'uuid': 'talker'}})
        answer = server.wait(lambda: next((p for t, p in marks if t == 'reply'), None), 'the answer')
        self.assertLess(answer - at, OVERTAKEN_MAX)
        # Nobody gives credit back: each stream says what its first credit allows, and no more.
        server.wait(lambda: got[0] > STREAMS * (CREDIT - 4096), 'all that there is credit for')
        with open(f'/proc/{self.agent.process.pid}/smaps_rollup', encoding='ascii') as f:
            pss = next(int(line.split()[1]) for line in f if line.startswith('Pss:'))
        print(f'agent with {STREAMS} held streams: {pss} kB PSS', file=sys.stderr)
        beats = [p for t, p in marks if t == 'heartbeat' and p]
        self.assertGreater(len(beats), 10)
        self.assertLess(max(b - a for a, b in zip(beats, beats[1:])), OVERTAKEN_MAX)
        self.assertEqual(ended, [])
        self.assertIs(server.session, session)
        session.frame(2, struct.pack('>IBI', 7, 2, 1000))
        server.wait(lambda: server.messages[-1]['t'] == 'heartbeat', 'a heartbeat after it')


COUNTER = '''trap 'over=1' TERM; n=$(cat /n 2>/dev/null || echo 0)
while [ -z "$over" ]; do n=$((n+1)); echo $n >/n; echo "line $n"; sleep 0.02; done'''


class EngineRestarts(test_agent.Case):
    def test_following_goes_on_when_the_engine_is_back(self):
        server = self.server
        c = server.want('counter', command=['/bin/sh', '-c', COUNTER])
        seen, ended = [], []

        def on_binary(frame):
            stream, kind = struct.unpack('>IB', frame[:5])
            if kind == 0:
                seen.append(frame[5:])
                server.session.frame(2, struct.pack('>IBI', stream, 2, len(frame) - 5))
            elif kind == 1:
                ended.append(frame[5:])
        server.session.on_binary = on_binary
        server.session.send({'t': 'stream', 'epoch': server.epoch, 'id': 1, 'kind': 'logs', 'data': {'container': c['dockerId'], 'uuid': 'counter', 'follow': True}})
        engines.until(lambda: len(seen) > 20, 'the first lines')
        for signum in (signal.SIGTERM, signal.SIGKILL):
            self.engine_restart(signum)
            before = len(seen)
            engines.until(lambda before=before: len(seen) > before + 20 or ended, 'lines after the restart')
            self.assertEqual(ended, [])
        # All the engine has, once and in order: one that is killed may lose what it had not written down.
        told = list(seen)
        kept = self.engine.docker('logs', c['dockerId']).splitlines()
        self.assertEqual(told, [b'01 %s\n' % line.encode() for line in kept[:len(told)]])
        server.want('counter', 'absent')
        engines.until(lambda: ended, 'the end')
        self.assertEqual(ended, [b''])


if __name__ == '__main__':
    reason = engines.why_not()
    if reason:
        print(f'skipped: {reason}')
        sys.exit(77)
    unittest.main(verbosity=2)
