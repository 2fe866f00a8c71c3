#!/bin/bash
# deps.sh: installs the Debian packages that drover's build, tests and lab need, and only those that are missing.
#
#   tools/deps.sh [GROUP...]     build | test | lab | ui | bench | fuzz | vm; without a group: build test lab
#   tools/deps.sh --list [GROUP...]   prints the packages of the groups, installs nothing
#
# Nothing is removed or upgraded on purpose, recommended packages stay out, no service is started. It asks first when a
# person is at the terminal; YES=1 skips the question. A Docker engine that is already there is used, whatever package it
# came from: docker.io conflicts with docker-ce, so it is installed only when there is no dockerd at all. So are Node and npm.
set -euo pipefail
sbin=${DROVER_DEPS_SBIN:-/usr/sbin}         # a test's own folder

# One list; a group is a line.
DROVER_DEPS='
build: gcc libc6-dev make meson ninja-build pkg-config python3 libuv1-dev libhttp-parser-dev libjson-c-dev libyaml-dev libsqlite3-dev libsodium-dev libssl-dev zlib1g-dev libnl-3-dev
test:  libcmocka-dev git openssl python3-yaml python3-websocket python3-requests clang libclang-rt-14-dev curl e2fsprogs util-linux mount iproute2 containernetworking-plugins golang-go golang-github-appc-cni-dev dnsmasq-base unbound bind9-dnsutils
lab:   docker-engine docker-registry iproute2 iptables nftables conntrack busybox-static curl procps util-linux
ui:    chromium fonts-dejavu-core nodejs npm
bench: etcd-server etcd-client nginx-light containernetworking-plugins dnsperf dnsmasq-base unbound
vm:    qemu-system-x86 qemu-utils mmdebstrap e2fsprogs busybox-static
fuzz:  clang libclang-rt-14-dev
'

say()  { printf 'deps: %s\n' "$*"; }
fail() { printf 'deps: %s\n' "$*" >&2; exit 1; }

packages_of() {
        local group line
        for group in "$@"; do
                line=$(sed -n "s/^$group: *//p" <<<"$DROVER_DEPS")
                [ -n "$line" ] || fail "unknown group \"$group\" (build, test, lab, ui, bench, fuzz, vm)"
                tr ' ' '\n' <<<"$line"
        done | sed '/^$/d' | sort -u
}

has_program() { case $1 in nodejs) command -v node ;; npm) command -v npm ;; *) return 1 ;; esac >/dev/null 2>&1; }
has_engine() { command -v dockerd >/dev/null 2>&1 || [ -x "$sbin/dockerd" ]; }

# Reads package names, writes those that are not installed.
missing_of() {
        local p
        while read -r p; do
                if [ "$p" = docker-engine ]; then
                        has_engine || echo docker.io
                elif has_program "$p"; then
                        continue
                elif [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -m1 -x installed)" != installed ]; then
                        echo "$p"
                fi
        done
}

# A machine that is not Debian may still have everything under other package names.
has_tools() {
        local t
        for t in gcc meson ninja pkg-config python3; do
                command -v "$t" >/dev/null 2>&1 || return 1
        done
        pkg-config --exists libuv json-c yaml-0.1 sqlite3 libsodium openssl
}

container_way() {
        cat >&2 <<END
deps: or work in a container, where only Docker is needed:
        docker build -t drover-build -f tools/Dockerfile.build tools
        docker run --rm -it --privileged -p 8080:8080 -v "\$PWD":/src -w /src drover-build make run
END
}

list_only=
[ "${1:-}" != --list ] || { list_only=1; shift; }
[ $# -gt 0 ] || set -- build test lab
wanted=$(packages_of "$@")
if [ -n "$list_only" ]; then
        sed 's/^docker-engine$/docker.io/' <<<"$wanted"
        exit 0
fi

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        if has_tools; then
                say "not a Debian system; using the compilers and libraries that are here"
                exit 0
        fi
        say "not a Debian system; install what stands for these Debian 12 packages:" >&2
        sed 's/^docker-engine$/a Docker engine/; s/^/        /' <<<"$wanted" >&2
        container_way
        exit 1
fi

missing=$(missing_of <<<"$wanted")
[ -n "$missing" ] || exit 0
flat=$(tr '\n' ' ' <<<"$missing"); flat=${flat% }

if [ "$(id -u)" != 0 ]; then
        say "these packages are missing and only root can install them:" >&2
        printf '        apt-get install --no-remove --no-install-recommends %s\n' "$flat" >&2
        container_way
        exit 1
fi

say "will install: $flat"
if [ "${YES:-}" != 1 ] && [ -t 0 ] && [ -t 1 ]; then
        read -r -p 'deps: go on? [Y/n] ' answer
        case $answer in ''|[Yy]*) ;; *) fail "nothing was installed" ;; esac
fi

# Package scripts ask this file before they start a service. One that is already there is the administrator's and stays.
policy=$sbin/policy-rc.d
if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' INT TERM HUP
fi

export DEBIAN_FRONTEND=noninteractive
apt_install() { apt-get install -y --no-remove --no-install-recommends "$@" </dev/null; }
# shellcheck disable=SC2086  # a list of package names
if ! apt_install -qq --simulate $flat >/dev/null 2>&1; then
        say "fetching the package lists"
        apt-get update -qq </dev/null || fail "could not fetch the package lists; check /etc/apt/sources.list and the network"
fi
# shellcheck disable=SC2086
if ! apt_install -qq $flat >/dev/null; then
        say "a package could not be had; fetching the package lists and trying once more"
        apt-get update -qq </dev/null || fail "could not fetch the package lists; check /etc/apt/sources.list and the network"
        apt_install $flat || fail "could not install: $flat"
fi
missing=$(missing_of <<<"$wanted")
[ -z "$missing" ] || fail "still missing after the installation: $(tr '\n' ' ' <<<"$missing")"
