#!/bin/bash
# build.sh: makes the image drover/server as build/drover-server-image.tar, from the programs of build/bin and the shared libraries
# they load on this machine. Needs no registry, no network and no engine; where an engine answers, the image is loaded into it too.
#
#   docker load -i build/drover-server-image.tar
#   docker run -d --restart=unless-stopped -p 8080:8080 -v drover:/var/lib/drover drover/server
#
# Two runs on the same programs make the same bytes.
set -eu
cd "$(dirname "$0")/../.."
version=$(build/bin/drover-server --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || echo 1577836800)}
root=build/image/root out=build/drover-server-image.tar
rm -rf build/image
mkdir -p "$root"/{usr/bin,etc,tmp,var/lib/drover,run,usr/share/doc/drover}
chmod 1777 "$root/tmp"
chmod 700 "$root/var/lib/drover"

install -m 755 build/bin/drover-server build/bin/drover-node build/bin/drover "$root/usr/bin"
# Debian's root is merged: /lib and /lib64 are links into /usr, and ldd prints either form.
ln -s usr/bin "$root/bin"
ln -s usr/lib "$root/lib"
ln -s usr/lib64 "$root/lib64"
mkdir -p "$root/usr/lib" "$root/usr/lib64"
tools/libraries.sh build/bin/drover-server | while read -r lib package; do
        to=$root/usr/${lib#/usr/}
        case $lib in /usr/*) ;; *) to=$root/usr$lib ;; esac
        mkdir -p "$(dirname "$to")"
        install -m 755 "$(readlink -f "$lib")" "$to"
        if [ -e "/usr/share/doc/$package/copyright" ]; then
                mkdir -p "$root/usr/share/doc/$package"
                install -m 644 "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
        fi
done
install -m 644 LICENSE THIRD-PARTY.md "$root/usr/share/doc/drover"
printf 'root:x:0:0:root:/:/bin/false\ndrover:x:999:999:drover:/var/lib/drover:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\ndrover:x:999:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"

# The data folder belongs to the server's user: a new volume takes owner and mode from here.
tar --create --file build/image/layer.tar --directory "$root" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
        --numeric-owner --format=gnu --exclude=./var/lib/drover .
tar --append --file build/image/layer.tar --directory "$root" --mtime="@$SOURCE_DATE_EPOCH" --owner=999 --group=999 \
        --numeric-owner --format=gnu ./var/lib/drover

python3 - "$version" "$arch" "$out" <<'PY'
import hashlib, io, json, os, sys, tarfile, time
version, arch, out = sys.argv[1:]
epoch = int(os.environ['SOURCE_DATE_EPOCH'])
created = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(epoch))
layer = open('build/image/layer.tar', 'rb').read()
diff_id = hashlib.sha256(layer).hexdigest()
config = json.dumps({
    'architecture': arch, 'os': 'linux', 'created': created,
    'config': {
        'User': '999:999',
        'Env': ['PATH=/usr/bin'],
        'Entrypoint': ['/usr/bin/drover-server'],
        'Cmd': ['--listen', '0.0.0.0:8080', '--data', '/var/lib/drover'],
        'ExposedPorts': {'8080/tcp': {}},
        'Volumes': {'/var/lib/drover': {}},
        'WorkingDir': '/var/lib/drover',
        'StopSignal': 'SIGTERM',
        'Labels': {'org.opencontainers.image.title': 'drover/server', 'org.opencontainers.image.version': version,
                   'org.opencontainers.image.licenses': 'Apache-2.0'},
    },
    'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + diff_id]},
    'history': [{'created': created, 'created_by': 'images/server/build.sh', 'comment': 'drover ' + version}],
}, sort_keys=True).encode()
name = hashlib.sha256(config).hexdigest() + '.json'
manifest = json.dumps([{'Config': name, 'RepoTags': ['drover/server:latest', 'drover/server:' + version],
                        'Layers': [diff_id + '/layer.tar']}]).encode()
with tarfile.open(out + '.new', 'w', format=tarfile.GNU_FORMAT) as archive:
    for path, data in ((name, config), (diff_id + '/layer.tar', layer), ('manifest.json', manifest)):
        info = tarfile.TarInfo(path)
        info.size, info.mtime, info.mode = len(data), epoch, 0o644
        archive.addfile(info, io.BytesIO(data))
os.rename(out + '.new', out)
PY
printf 'image: %s, drover/server:%s, %s bytes\n' "$out" "$version" "$(stat -c %s "$out")"
if command -v docker >/dev/null 2>&1 && timeout 10 docker version >/dev/null 2>&1; then
        docker load --quiet --input "$out"
else
        echo "image: no Docker engine answers here; load it elsewhere with: docker load -i $out"
fi
