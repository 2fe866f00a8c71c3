"""A real Docker engine in namespaces of its own, for tests of the agent: no network to anywhere, data in a temporary folder."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

INIT = '''
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
while True:
    try:
        os.waitpid(-1, 0)
    except ChildProcessError:
        signal.sigtimedwait([signal.SIGCHLD], 1)
'''

SETUP = '''
set -e
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/cg /var/lib/docker /etc/docker
mount --rbind /sys/fs/cgroup /run/cg; mount -t sysfs sysfs /sys; mount --rbind /run/cg /sys/fs/cgroup; umount -l /run/cg
mount --bind "$DIR/data" /var/lib/docker
mount --bind "$DIR/etc" /etc/docker
mount --make-rshared /
echo 1 > /proc/sys/net/ipv4/ip_forward
exec python3 -c "$INIT"
'''

DEADLINE_S = int(os.environ.get("DROVER_TEST_DEADLINE_S", "90"))


def why_not():
    if os.geteuid() != 0:
        return 'needs root'
    for tool in ('unshare', 'nsenter', 'ip', 'dockerd', 'docker', 'busybox'):
        if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'):
            return f'needs the program {tool}'
    return None


def until(check, what, deadline_s=DEADLINE_S):
    """Waits for a state that no event announces to us."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'not within {deadline_s} s: {what}')
        time.sleep(0.03)


class Engine:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='drover-node-test-')
        self.name = os.path.basename(self.dir)
        self.socket = os.path.join(self.dir, 'docker.sock')
        for sub in ('data', 'etc', 'log'):
            os.mkdir(os.path.join(self.dir, sub))
        self.groups = []
        self.boot()
        self.make_image('drover/test:1')

    def boot(self):
        """The machine: namespaces, cgroups, then the engine."""
        if not os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
            for controller in sorted(os.listdir('/sys/fs/cgroup')):
                group = os.path.join('/sys/fs/cgroup', controller, self.name)
                if not os.path.isdir(os.path.dirname(group)) or os.path.islink(os.path.dirname(group)):
                    continue
                os.makedirs(group, exist_ok=True)
                self.groups.append(group)
                if controller == 'cpuset':
                    for f in ('cpus', 'mems'):
                        with open(f'/sys/fs/cgroup/cpuset/cpuset.{f}') as src, open(f'{group}/cpuset.{f}', 'w') as dst:
                            dst.write(src.read())
        env = dict(os.environ, DIR=self.dir, INIT=INIT)
        self.init_parent = subprocess.Popen(['unshare', '--net', '--uts', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child',
                                             '--mount-proc', 'sh', '-c', SETUP], env=env)
        children = f'/proc/{self.init_parent.pid}/task/{self.init_parent.pid}/children'
        self.init = int(until(lambda: open(children).read().split(), 'the first process')[0])
        until(lambda: b'waitpid' in open(f'/proc/{self.init}/cmdline', 'rb').read(), 'mounts of the engine\'s machine')
        self.start()

    def inside(self, *argv, **more):
        return subprocess.Popen(['nsenter', '-t', str(self.init), '-m', '-u', '-n', '-p', '--', *argv], **more)

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        log = open(os.path.join(self.dir, 'log', 'dockerd'), 'ab')
        argv = ['dockerd', '-H', f'unix://{self.socket}', '--exec-opt=native.cgroupdriver=cgroupfs']
        if self.groups:
            argv.append(f'--cgroup-parent=/{self.name}')
        # Killed, it may find its containerd half gone and give up; a service manager starts it again, and so do we.
        for _ in range(5):
            self.daemon = self.inside(*argv, stdout=log, stderr=log)
            until(lambda: self.daemon.poll() is not None or self.answers(), 'an answer of the engine')
            if self.daemon.poll() is None:
                break
        else:
            raise AssertionError('dockerd ended: ' + open(os.path.join(self.dir, 'log', 'dockerd')).read()[-2000:])

    def answers(self):
        return subprocess.run(['docker', '-H', f'unix://{self.socket}', 'version'], capture_output=True).returncode == 0

    def pid(self):
        """dockerd itself, as this machine numbers it."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    argv = f.read().split(b'\0')
            except OSError:
                continue
            if argv[0].endswith(b'dockerd') and f'unix://{self.socket}'.encode() in argv:
                return int(pid)
        return None

    def stop(self, signum=signal.SIGTERM):
        pid = self.pid()
        if pid:
            os.kill(pid, signum)
        self.daemon.wait(60)
        until(lambda: self.pid() is None, 'end of the engine')

    def power_off(self):
        os.kill(self.init, signal.SIGKILL)
        self.init_parent.wait(60)
        self.daemon.wait(60)

    def docker(self, *argv, check=True):
        r = subprocess.run(['docker', '-H', f'unix://{self.socket}', *argv], capture_output=True, text=True)
        if check and r.returncode:
            raise AssertionError(f'docker {" ".join(argv)}: {r.stderr}')
        return r.stdout.strip()

    def inspect(self, what):
        out = self.docker('inspect', what, check=False)
        found = json.loads(out or '[]')
        return found[0] if found else None

    def by_uuid(self, uuid):
        ids = self.docker('ps', '-aq', '--no-trunc', '--filter', f'label=io.rancher.container.uuid={uuid}').split()
        return [self.inspect(i) for i in ids]

    def make_image(self, name):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(f'{root}/bin')
            os.makedirs(f'{root}/tmp')
            shutil.copy(shutil.which('busybox'), f'{root}/bin/busybox')
            for applet in ('sh', 'sleep', 'true', 'false', 'cat', 'echo'):
                os.symlink('busybox', f'{root}/bin/{applet}')
            tar = subprocess.Popen(['tar', '-C', root, '-c', '.'], stdout=subprocess.PIPE)
            subprocess.run(['docker', '-H', f'unix://{self.socket}', 'import', '-c', 'CMD ["/bin/sleep", "1000000"]', '-', name], stdin=tar.stdout,
                           check=True, capture_output=True)
            tar.wait()

    def remove_all(self):
        ids = self.docker('ps', '-aq').split()
        if ids:
            self.docker('rm', '-f', *ids, check=False)

    def close(self):
        self.power_off()
        for group in self.groups:
            for folder, _, _ in os.walk(group, topdown=False):
                for _ in range(100):
                    try:
                        os.rmdir(folder)
                        break
                    except FileNotFoundError:
                        break
                    except OSError:             # the last processes are still going
                        time.sleep(0.05)
        shutil.rmtree(self.dir, ignore_errors=True)
