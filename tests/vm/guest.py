"""A Debian guest in QEMU without KVM, driven over its second serial line. It reaches one address, SERVER, which is a port of this machine's loopback."""
import base64
import os
import re
import socket
import subprocess
import sys
import time

SERVER = '10.0.2.100:8080'
BOOT_S, COMMAND_S = 400, 300    # only a hang is ended by them
HERE = os.path.dirname(os.path.abspath(__file__))


class Guest:
    def __init__(self, folder, work, port):
        """folder: kernel, initrd and disk; work: where this run writes; port: of the server on loopback."""
        self.work, self.buffer, self.socket = work, b'', None
        disk, console = os.path.join(work, 'disk.qcow2'), os.path.join(work, 'console')
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', os.path.join(folder, 'disk'), disk], check=True)
        relay = f'{sys.executable} {os.path.join(HERE, "relay.py")} {port}'
        with open(os.path.join(work, 'qemu.log'), 'ab') as log:
            self.process = self.start(folder, disk, console, relay, log)
        try:
            self.connect(console)
            self.boot_id = self.ready()
        except BaseException:
            self.close()
            raise

    def connect(self, console):
        end = time.monotonic() + 30
        while self.socket is None:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(console)
                self.socket = s
            except OSError:
                s.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    raise AssertionError('QEMU did not start: ' + self.text('qemu.log'))
                time.sleep(0.1)

    def start(self, folder, disk, console, relay, log):
        return subprocess.Popen([
            'qemu-system-x86_64', '-accel', 'tcg', '-machine', 'q35', '-cpu', 'max', '-smp', '1', '-m', '1024', '-nodefaults', '-no-user-config', '-display', 'none',
            '-kernel', os.path.join(folder, 'vmlinuz'), '-initrd', os.path.join(folder, 'initrd'),
            '-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0 systemd.unified_cgroup_hierarchy=1 quiet',
            '-drive', f'file={disk},if=virtio,format=qcow2,cache=unsafe',
            '-netdev', f'user,id=n0,restrict=on,guestfwd=tcp:{SERVER}-cmd:{relay}', '-device', 'virtio-net-pci,netdev=n0', '-device', 'virtio-rng-pci',
            '-serial', f'file:{os.path.join(self.work, "boot.log")}', '-serial', f'unix:{console},server=on,wait=off',
        ], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def text(self, name):
        with open(os.path.join(self.work, name), errors='replace') as f:
            return f.read()[-3000:]

    def line(self, deadline_s):
        end = time.monotonic() + deadline_s
        while b'\n' not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError('the guest is silent: ' + self.text('boot.log'))
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise AssertionError(f'QEMU ended: {self.text("qemu.log")}\n{self.text("boot.log")}')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return line.decode(errors='replace').strip()

    def ready(self):
        """Waits for the shell of a boot; gives the boot's id."""
        end = time.monotonic() + BOOT_S
        while True:
            m = re.search('@ready (.*)', self.line(max(1, end - time.monotonic())))
            if m:
                return m.group(1)

    def run(self, command, check=True):
        """Runs it in the guest's shell; gives (status, output)."""
        self.socket.sendall(base64.b64encode(command.encode()) + b'\n')
        while True:
            m = re.search('@done ([0-9]+) ?(.*)', self.line(COMMAND_S))
            if m:
                status, output = int(m.group(1)), base64.b64decode(m.group(2)).decode(errors='replace')
                if check and status:
                    raise AssertionError(f'in the guest: {command}: status {status}\n{output}')
                return status, output

    def out(self, command):
        return self.run(command)[1].strip()

    def reboot(self):
        # No answer is waited for: the shell may be gone before it can give one.
        self.socket.sendall(base64.b64encode(b'systemctl --no-block reboot') + b'\n')
        new = self.ready()
        assert new != self.boot_id, 'the guest did not reboot'
        self.boot_id = new

    def close(self):
        self.process.kill()
        self.process.wait()
        if self.socket:
            self.socket.close()
