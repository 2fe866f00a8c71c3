#!/bin/bash
# dist.sh: makes build/dist/drover_VERSION_ARCH.deb, build/dist/drover-VERSION-linux-ARCH.tar.gz and SHA256SUMS from build/bin.
# Without dpkg-deb (not a Debian system) only the archive is made. Two runs on the same programs make the same bytes.
set -eu
cd "$(dirname "$0")/.."
version=$(build/bin/drover-server --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || echo 1577836800)}
dist=build/dist
rm -rf "$dist"
mkdir -p "$dist"
umask 022

archive() {
        local name=drover-$version-linux-$arch
        mkdir -p "$dist/$name"
        cp build/bin/drover build/bin/drover-server build/bin/drover-node README.md LICENSE THIRD-PARTY.md "$dist/$name"
        cp packaging/drover-server.service packaging/drover-node.service packaging/server.conf "$dist/$name"
        sed -i 's|@bindir@|/usr/local/bin|g' "$dist/$name"/*.service
        tar --create --directory "$dist" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner "$name" |
                gzip -9n >"$dist/$name.tar.gz"
        rm -rf "${dist:?}/$name"
}

# The packages that own the shared libraries drover-server loads.
depends() {
        tools/libraries.sh build/bin/drover-server | cut -d' ' -f2 | grep -vx -e - | sort -u |
                sed 's/^libc6$/libc6 (>= 2.36)/' | paste -sd, | sed 's/,/, /g'
}

package() {
        local root=$dist/root
        mkdir -p "$root/DEBIAN"
        tools/install.sh "$PWD/$root" /usr
        echo /etc/drover/server.conf >"$root/DEBIAN/conffiles"
        cat >"$root/DEBIAN/control" <<END
Package: drover
Version: $version
Architecture: $arch
Maintainer: drover developers <drover@example.org>
Section: admin
Priority: optional
Depends: $(depends), passwd
Recommends: git
Suggests: docker.io | docker-ce
Installed-Size: $(du -sk "$root" | cut -f1)
Description: container infrastructure platform, compatible with Rancher 1.x
 One server with an API, stacks, services and placement; a host agent that needs
 nothing but Docker; a command line. Works without a registry and without the
 internet.
END
        cat >"$root/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
if ! getent passwd drover >/dev/null; then
        useradd --system --user-group --home-dir /var/lib/drover --no-create-home --shell /usr/sbin/nologin drover
fi
chgrp drover /etc/drover/server.conf
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
if [ -z "$2" ]; then
        echo 'drover: start the server now and at each boot with: systemctl enable --now drover-server'
elif [ -d /run/systemd/system ]; then
        systemctl try-restart drover-server.service drover-node.service || true
fi
END
        cat >"$root/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
[ ! -d /run/systemd/system ] || systemctl disable --now drover-server.service drover-node.service || true
END
        cat >"$root/DEBIAN/postrm" <<'END'
#!/bin/sh
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
# The data below /var/lib/drover stays, even on purge: it is the only copy.
END
        chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
        dpkg-deb --root-owner-group --build "$root" "$dist/drover_${version}_$arch.deb" >/dev/null
        rm -rf "$root"
}

archive
if command -v dpkg-deb >/dev/null 2>&1; then
        package
else
        echo "dist: no dpkg-deb here; only the archive is made"
fi
(cd "$dist" && sha256sum -- * >SHA256SUMS.new && mv SHA256SUMS.new SHA256SUMS)
sed 's|^|dist: |' "$dist/SHA256SUMS"
