#!/bin/bash
# test-vm.sh: a host with systemd and cgroup v2 of its own: a Debian guest in QEMU (without KVM) joins a server on this machine, is rebooted, and runs
# limited containers. Outside CI: the guest's root is made once in build/vm, from the Debian package sources of this machine.
#
#   tools/test-vm.sh [--root-only]     DROVER_BIN_DIR: the programs (build/bin)
set -euo pipefail
cd "$(dirname "$0")/.."
dir=build/vm
suite=bookworm
packages=linux-image-cloud-amd64,systemd-sysv,udev,dbus,iproute2,iptables,curl,ca-certificates,docker.io,apparmor,procps
say()  { printf 'test-vm: %s\n' "$*"; }
fail() { printf 'test-vm: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "this must run as root: it makes a root file system"
tools/deps.sh vm
busybox=$(command -v busybox) || fail "there is no busybox: tools/deps.sh lab"

# The machine's own Debian sources: whatever mirror its administrator chose.
sources() {
        local f
        for f in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
                if [ -s "$f" ] && grep -qsE "(^Suites:|^deb ).*\<$suite\>" "$f" && grep -qsiE '/debian/? |/debian/?$' "$f"; then
                        printf '%s\n' "$f"
                        return 0
                fi
        done
        return 1
}

# Console: kernel and systemd write to ttyS0; on ttyS1 a shell takes commands in base64, one a line, and answers in base64 and with the status.
guest_files() {
        local root=$1
        echo drover-guest >"$root/etc/hostname"
        printf '127.0.0.1 localhost drover-guest\n' >"$root/etc/hosts"
        printf '/dev/vda / ext4 defaults 0 1\n' >"$root/etc/fstab"
        mkdir -p "$root/etc/systemd/network" "$root/usr/local/sbin"
        printf '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nIPv6AcceptRA=no\nLinkLocalAddressing=no\n' >"$root/etc/systemd/network/10-eth0.network"
        cat >"$root/usr/local/sbin/test-console" <<'END'
#!/bin/sh
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
echo "@ready $(cat /proc/sys/kernel/random/boot_id)"
while read -r line; do
        printf '%s' "$line" | base64 -d >/run/test-command
        sh /run/test-command >/run/test-output 2>&1 </dev/null
        status=$?
        printf '@done %s %s\n' "$status" "$(base64 -w 0 /run/test-output)"
done
END
        chmod 755 "$root/usr/local/sbin/test-console"
        cat >"$root/etc/systemd/system/test-console.service" <<'END'
[Unit]
Description=commands of the test
After=docker.service network-online.target
[Service]
ExecStart=/usr/local/sbin/test-console
Restart=always
[Install]
WantedBy=multi-user.target
END
        # A timeout of units that is fit for an emulated machine.
        mkdir -p "$root/etc/systemd/system.conf.d"
        printf '[Manager]\nDefaultTimeoutStartSec=600\nDefaultDeviceTimeoutSec=600\n' >"$root/etc/systemd/system.conf.d/slow.conf"
        chroot "$root" systemctl enable -q systemd-networkd test-console docker
        chroot "$root" systemctl mask -q apt-daily.timer apt-daily-upgrade.timer serial-getty@ttyS1.service getty@tty1.service
        mkdir -p "$root/opt/box/bin"
        cp "$busybox" "$root/opt/box/bin/busybox"
        local applet
        for applet in sh sleep cat; do ln -sf busybox "$root/opt/box/bin/$applet"; done
}

make_root() {
        local from
        from=$(sources) || fail "no Debian $suite source is configured on this machine"
        say "making a Debian $suite root in $dir (sources: $from)"
        rm -rf "$dir/root.new" "$dir/disk.new"
        mkdir -p "$dir"
        mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$dir/root.new" "$from"
        guest_files "$dir/root.new"
        cp "$dir"/root.new/boot/vmlinuz-* "$dir/vmlinuz"
        cp "$dir"/root.new/boot/initrd.img-* "$dir/initrd"
        rm -rf "$dir"/root.new/var/cache/apt/* "$dir"/root.new/usr/share/doc/*
        mke2fs -q -F -t ext4 -L drover-guest -d "$dir/root.new" "$dir/disk.new" 3G
        rm -rf "$dir/root.new"
        mv "$dir/disk.new" "$dir/disk"
        sha256sum <"$0" >"$dir/made-by"
}

if [ ! -s "$dir/disk" ] || [ "$(cat "$dir/made-by" 2>/dev/null)" != "$(sha256sum <"$0")" ]; then
        make_root
fi
[ "${1:-}" != --root-only ] || exit 0
DROVER_VM_DIR=$PWD/$dir exec python3 tests/vm/test_vm.py
