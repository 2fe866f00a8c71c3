#!/bin/bash
# install.sh DESTDIR PREFIX: puts the programs of build/bin, the units and the configuration in place. Nothing is started or enabled.
# A configuration file that is there already stays as it is.
set -eu
cd "$(dirname "$0")/.."
dest=$1 prefix=$2
bin=$dest$prefix/bin
install -d "$bin" "$dest/etc/drover" "$dest$prefix/share/doc/drover"
install -m 755 build/bin/drover build/bin/drover-server build/bin/drover-node "$bin"
[ -e "$dest/etc/drover/server.conf" ] || install -m 640 packaging/server.conf "$dest/etc/drover/server.conf"
# Packages put units below /usr/lib, an administrator's own below /etc.
case $prefix in /usr) units=$dest/lib/systemd/system ;; *) units=$dest/etc/systemd/system ;; esac
install -d "$units"
for unit in drover-server.service drover-node.service; do
        sed "s|@bindir@|$prefix/bin|g" "packaging/$unit" >"$units/$unit"
        chmod 644 "$units/$unit"
done
man=$dest$prefix/share/man/man1
install -d "$man"
build/bin/drover help --man-dir "$man"
build/bin/drover-server man-pages "$man"
build/bin/drover-node man-pages "$man"
chmod 644 "$man"/*.1
# Packages have them compressed; without the time, so that two builds are the same.
[ "$prefix" != /usr ] || gzip -9nf "$man"/*.1
install -m 644 README.md LICENSE THIRD-PARTY.md "$dest$prefix/share/doc/drover"
[ -n "$dest" ] || cat <<END
Installed below $prefix. To start the server now and at each boot:
        systemctl daemon-reload && systemctl enable --now drover-server
Login and API keys are then in /var/lib/drover/admin.json.
END
