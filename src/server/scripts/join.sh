#!/bin/sh
# Adds this machine to a drover server as a host. Made by the server for one registration token; running it again is fine: it renews the
# program and the settings and keeps the host. It needs root, a Docker engine, and nothing else.
#
# Reads from the environment: CATTLE_AGENT_IP (address of this host to report), CATTLE_HOST_LABELS (k=v&k2=v2), CATTLE_URL_OVERRIDE
# (another address of the server), DOCKER_HOST (unix:// socket of the engine), CA_FINGERPRINT (SHA-1) and CA_SHA256 (fingerprints of the
# certificate authority that the server must have: the join command of a server with its own authority sets them).
set -u

URL='@URL@'
TOKEN='@TOKEN@'
SHA256='@SHA256@'
VERSION='@VERSION@'
CA_PEM='@CA_PEM@'

DIR=/var/lib/drover
STATE=/var/lib/rancher/state
CONF=/etc/drover/node.conf
LOG=/var/log/drover-node.log
PID_FILE=/run/drover-node.pid
MIN_FREE_KB=65536
WAIT_S=60

say() { printf '%s\n' "drover: $*"; }
fail() {
        printf '%s\n' "drover: error: $1" >&2
        shift
        for hint in "$@"; do printf '%s\n' "drover:        $hint" >&2; done
        exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# fetch URL FILE: the body to FILE, the answer's headers to FILE.head; the status tells whether it worked.
fetch() {
        if have curl; then
                curl -fsSL --connect-timeout 10 ${CA_FILE:+--cacert "$CA_FILE"} -D "$2.head" -o "$2" "$1" 2>"$2.err"
        elif have wget; then
                wget -q -S -O "$2" ${CA_FILE:+--ca-certificate="$CA_FILE"} "$1" 2>"$2.head" && return 0
                cp "$2.head" "$2.err"
                return 1
        else
                fail "neither curl nor wget is installed" "install one of them: apt-get install curl"
        fi
}

# Checks ----------------------------------------------------------------------------------------------------------------
[ "$(id -u)" = 0 ] || fail "this must run as root" "put sudo before the last command: curl -fsSL ... | sudo sh"

[ "$(uname -s)" = Linux ] || fail "hosts run Linux; this is $(uname -s)"
case $(uname -m) in
x86_64 | amd64) ARCH=x86_64 ;;
*) fail "there is no drover-node for $(uname -m)" "supported: x86_64" ;;
esac

if [ -n "${CATTLE_URL_OVERRIDE:-}" ]; then
        URL=$CATTLE_URL_OVERRIDE
else
        case $URL in
        *://localhost[:/]* | *://localhost | *://127.* | *://\[::1\]* | *://0.0.0.0*)
                fail "the server gives its address as $URL, which means this machine itself" \
                        "set the host registration URL (setting api.host) to an address that hosts can reach, then take the join command again," \
                        "or, when the server really is reachable so from here: CATTLE_URL_OVERRIDE=$URL sh" ;;
        esac
fi
BASE=${URL%/}
case $BASE in
*/v1) BASE=${BASE%/v1} ;;
*/v2-beta) BASE=${BASE%/v2-beta} ;;
esac

if [ -n "${CATTLE_AGENT_IP:-}" ]; then
        case $CATTLE_AGENT_IP in
        *[!0-9a-fA-F.:]*) fail "CATTLE_AGENT_IP is \"$CATTLE_AGENT_IP\", which is no address" ;;
        esac
fi

SOCKET=${DOCKER_HOST:-unix:///var/run/docker.sock}
case $SOCKET in
unix://*) SOCKET=${SOCKET#unix://} ;;
/*) ;;
*) fail "DOCKER_HOST is \"$SOCKET\"; only unix:// sockets can be used" ;;
esac
[ -S "$SOCKET" ] || fail "there is no Docker engine at $SOCKET" \
        "install and start one (apt-get install docker.io; systemctl start docker), or set DOCKER_HOST=unix://PATH"
if have curl; then
        curl -fsS --max-time 15 --unix-socket "$SOCKET" http://docker/_ping >/dev/null 2>&1 ||
                fail "the Docker engine at $SOCKET does not answer" "look at its log: journalctl -u docker"
elif have docker; then
        docker -H "unix://$SOCKET" version >/dev/null 2>&1 ||
                fail "the Docker engine at $SOCKET does not answer" "look at its log: journalctl -u docker"
fi

mkdir -p "$DIR/bin" "$STATE" /etc/drover || fail "could not make folders below $DIR, $STATE and /etc/drover"
free=$(df -Pk "$DIR" | awk 'NR == 2 { print $4 }')
case $free in
'' | *[!0-9]*) ;;
*) [ "$free" -ge "$MIN_FREE_KB" ] || fail "only $((free / 1024)) MB are free in $DIR" "at least $((MIN_FREE_KB / 1024)) MB are needed" ;;
esac

TMP=$(mktemp -d "$DIR/join.XXXXXX") || fail "could not make a temporary folder in $DIR"
trap 'rm -rf "$TMP"' EXIT
trap 'exit 1' INT TERM

# Of a PEM file's first certificate, as upper-case hex. $1: sha1sum or sha256sum.
fingerprint() { awk '/^-----END/ { exit } !/^-/' "$2" | base64 -d 2>/dev/null | $1 | cut -d ' ' -f 1 | tr a-f A-F; }
wanted() { printf '%s' "$1" | tr -d ': ' | tr a-f A-F; }
# $2: what the fetched authority must have; empty: anything.
expect() {
        [ -z "$2" ] || [ "$(fingerprint "$1" "$TMP/ca.pem")" = "$(wanted "$2")" ] ||
                fail "the server at $BASE does not have the expected certificate authority" \
                        "somebody may be between here and the server, or its authority was replaced: take the join command again from a page you trust"
}
CA_FILE=
case $BASE in
https://*)
        if [ -n "$CA_PEM" ]; then
                printf '%s\n' "$CA_PEM" >"$TMP/ca.pem"
        elif [ -n "${CA_FINGERPRINT:-}${CA_SHA256:-}" ]; then
                # Not trusted yet: its fingerprint decides.
                if have curl; then
                        curl -fsSLk --connect-timeout 10 -o "$TMP/ca.pem" "$BASE/v1/scripts/ca.crt"
                else
                        wget -q --no-check-certificate -O "$TMP/ca.pem" "$BASE/v1/scripts/ca.crt"
                fi || fail "the certificate authority of $BASE could not be fetched"
        fi
        if [ -s "$TMP/ca.pem" ]; then
                expect sha256sum "${CA_SHA256:-}"
                expect sha1sum "${CA_FINGERPRINT:-}"
                CA_FILE=$DIR/ca.pem
                # Upstream's place, for the images that look there.
                mkdir -p /var/lib/rancher/etc/ssl && cp "$TMP/ca.pem" /var/lib/rancher/etc/ssl/ca.crt && mv -f "$TMP/ca.pem" "$CA_FILE" || fail "could not write $CA_FILE"
        fi ;;
*)
        # An upstream agent would fall back on this; we do not: whoever gave a fingerprint wants TLS.
        [ -z "${CA_FINGERPRINT:-}${CA_SHA256:-}" ] || fail "a fingerprint of the certificate authority is given, but $BASE is no https address" ;;
esac

fetch "$BASE/ping" "$TMP/ping" || fail "the server at $BASE cannot be reached from this machine: $(tail -n 1 "$TMP/ping.err" 2>/dev/null)" \
        "check name, port and firewall; when the server has another address for this machine, set CATTLE_URL_OVERRIDE"

# A clock that is far off breaks tokens and certificates.
theirs=$(tr -d '\r' <"$TMP/ping.head" | sed -n 's/^ *[Dd]ate: *//p' | tail -n 1)
if [ -n "$theirs" ] && theirs_s=$(date -u -d "$theirs" +%s 2>/dev/null); then
        skew=$(($(date -u +%s) - theirs_s))
        [ "${skew#-}" -le 120 ] || fail "this machine's clock is ${skew#-} s off the server's" "set the clock (timedatectl set-ntp true), then run this again"
fi

# Program ---------------------------------------------------------------------------------------------------------------
if [ -d /run/systemd/system ] && have systemctl; then
        SYSTEMD=1
        BIN=/usr/local/bin/drover-node
else
        SYSTEMD=
        BIN=$DIR/bin/drover-node
fi
sum_of() { sha256sum "$1" 2>/dev/null | cut -d ' ' -f 1; }
if [ "$(sum_of "$BIN")" = "$SHA256" ]; then
        say "drover-node $VERSION is already here"
else
        say "downloading drover-node $VERSION"
        fetch "$BASE/v1/node/$ARCH/$VERSION" "$TMP/drover-node" ||
                fail "drover-node could not be downloaded from $BASE: $(tail -n 1 "$TMP/drover-node.err" 2>/dev/null)"
        got=$(sum_of "$TMP/drover-node")
        [ "$got" = "$SHA256" ] || fail "the downloaded drover-node is not the one that the server promised" \
                "expected SHA-256 $SHA256" "got              $got" "something between here and the server changes files, or the server was just upgraded: run this again"
        chmod 0755 "$TMP/drover-node"
        "$TMP/drover-node" --version >/dev/null || fail "drover-node does not run on this machine"
        # A rename, so that a running one goes on.
        mv -f "$TMP/drover-node" "$BIN.new" && mv -f "$BIN.new" "$BIN" || fail "could not install $BIN"
fi

# Settings --------------------------------------------------------------------------------------------------------------
quoted() { printf '"%s"' "$(printf '%s' "$1" | tr -d '\n\r')"; }
write_conf() {
        printf '# written by the join command; changes are lost when it runs again\n'
        printf 'url = %s\n' "$(quoted "$URL")"
        printf 'token = %s\n' "$(quoted "$TOKEN")"
        printf 'state-dir = %s\n' "$(quoted "$STATE")"
        printf 'docker-socket = %s\n' "$(quoted "$SOCKET")"
        printf 'upgrades = true\n'
        [ -z "$CA_FILE" ] || printf 'ca-file = %s\n' "$(quoted "$CA_FILE")"
        [ -z "${CATTLE_AGENT_IP:-}" ] || printf 'agent-ip = %s\n' "$(quoted "$CATTLE_AGENT_IP")"
        [ -z "${CATTLE_HOST_LABELS:-}" ] || printf 'host-labels = %s\n' "$(quoted "$CATTLE_HOST_LABELS")"
}
(umask 077 && write_conf >"$CONF.new") && mv -f "$CONF.new" "$CONF" || fail "could not write $CONF"

say "registering at $BASE"
if ! env -i PATH="$PATH" "$BIN" --config "$CONF" register >"$TMP/register.out" 2>"$TMP/register.err"; then
        fail "this machine could not be registered: $(tail -n 1 "$TMP/register.err")"
fi

# Run -------------------------------------------------------------------------------------------------------------------
rm -f "$STATE/agent.status"
status_of() { sed -n "s/^$1=//p" "$STATE/agent.status" 2>/dev/null; }

# The pid of the live supervisor, or nothing: a stale pid file may name another process by now.
supervisor() {
        pid=$(cat "$PID_FILE" 2>/dev/null) || return 0
        case $pid in '' | *[!0-9]*) return 0 ;; esac
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q 'drover-node.* supervise ' && printf '%s' "$pid"
        return 0
}

if [ -n "$SYSTEMD" ]; then
        cat >/etc/systemd/system/drover-node.service <<UNIT || fail "could not write the systemd unit"
[Unit]
Description=drover host agent
Wants=network-online.target
After=network-online.target docker.service

[Service]
Environment=HOME=/var/lib/drover
ExecStart=$BIN --config $CONF agent
Restart=always
RestartSec=2
KillMode=process
LimitNOFILE=65536:524288

[Install]
WantedBy=multi-user.target
UNIT
        systemctl daemon-reload && systemctl enable -q drover-node.service && systemctl restart drover-node.service ||
                fail "systemd could not start drover-node" "systemctl status drover-node; journalctl -u drover-node"
        WHERE="journalctl -u drover-node"
else
        WHERE=$LOG
        mkdir -p "$DIR/boot.d"
        old=$(supervisor)
        cat >"$DIR/boot.d/.50-drover-node" <<BOOT || fail "could not write $DIR/boot.d/50-drover-node"
#!/bin/sh
# Keeps drover-node running; whoever starts this machine's programs runs it at boot.
for v in \$(env | sed -n 's/^\(DROVER_[A-Z_]*\|CATTLE_[A-Z_]*\|DOCKER_HOST\)=.*/\1/p'); do unset "\$v"; done   # the settings are in $CONF
exec $BIN --config $CONF supervise --pid-file $PID_FILE agent
BOOT
        chmod 0755 "$DIR/boot.d/.50-drover-node"
        mv -f "$DIR/boot.d/.50-drover-node" "$DIR/boot.d/50-drover-node"
        if [ -n "$old" ]; then
                say "replacing the running agent (process $old)"
                kill "$old" 2>/dev/null
                i=0
                while kill -0 "$old" 2>/dev/null && [ $i -lt 40 ]; do sleep 0.5; i=$((i + 1)); done
                kill -9 "$old" 2>/dev/null
        fi
        # Where boot.d is watched the agent starts by itself; else it is started here.
        i=0
        while [ -z "$(supervisor)" ] && [ $i -lt 8 ]; do sleep 0.25; i=$((i + 1)); done
        if [ -z "$(supervisor)" ]; then
                if have setsid; then
                        setsid "$DIR/boot.d/50-drover-node" </dev/null >>"$LOG" 2>&1 &
                else
                        nohup "$DIR/boot.d/50-drover-node" </dev/null >>"$LOG" 2>&1 &
                fi
                say "no service manager was found: run $DIR/boot.d/50-drover-node at boot (for example from /etc/rc.local)"
        fi
fi

say "waiting for the connection"
i=0
last=
while [ $i -lt $((WAIT_S * 2)) ]; do
        state=$(status_of state)
        message=$(status_of message)
        case $state in
        connected)
                say "this host is connected as $(status_of hostId)"
                exit 0 ;;
        refused | removed)
                fail "the server does not accept this host: $message" "log: $WHERE" ;;
        esac
        if [ "$message" != "$last" ] && [ -n "$message" ]; then
                say "  $message"
                last=$message
        fi
        sleep 0.5
        i=$((i + 1))
done
fail "the agent runs but did not connect within $WAIT_S s: ${last:-no reason known}" "it goes on trying; log: $WHERE"
