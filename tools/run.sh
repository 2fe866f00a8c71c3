#!/bin/bash
# run.sh: what `make run` does once the programs are built: a server, a lab of HOSTS hosts (3) joined to it, the demo stack.
#
# Everything it keeps is in .run: the server's data, its log, its port. Ctrl-C takes all down in order; running it again brings the
# same state back. ONCE=1 takes all down by itself after the stack has been shown (what a test does).
# DROVER_RUN_LISTEN (127.0.0.1) and DROVER_RUN_PORT (8080, or the next free one, then the same again) move the server.
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
hosts=${HOSTS:-3}
listen=${DROVER_RUN_LISTEN:-127.0.0.1}
state=$top/.run
bin=$top/build/bin
demo=$top/examples/demo
for name in "${!DROVER_@}" "${!RANCHER_@}" "${!CATTLE_@}" "${!COMPOSE_@}"; do
        case $name in DROVER_RUN_*) ;; *) unset "$name" ;; esac
done

if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'; else bold='' green='' red='' plain=''; fi
step_name='' step_start=0
step() { step_name=$1; step_start=$SECONDS; printf '%s==>%s %s\n' "$bold" "$plain" "$step_name"; }
done_() { printf '    %sok%s %s(%d s)\n' "$green" "$plain" "${1:+$1 }" $((SECONDS - step_start)); }
# die WHAT TO-DO
die() {
        printf '\n%sfailed:%s %s: %s\n' "$red" "$plain" "$step_name" "$1" >&2
        [ -z "${2:-}" ] || printf 'what to do: %s\n' "$2" >&2
        exit 1
}

drover() { "$bin/drover" "$@" 9>&-; }        # without the lock: hosts outlive a script that is killed

server_pid='' lab_up='' stopping=''
take_down() {
        local status=$?
        [ -z "$stopping" ] || return
        stopping=1
        trap '' INT TERM HUP
        if [ -n "$lab_up" ]; then
                printf '\n%s==>%s taking the lab down\n' "$bold" "$plain"
                drover lab down || printf '    the lab did not come down cleanly; see: %s\n' "build/bin/drover lab ls" >&2
        fi
        if [ -n "$server_pid" ] && kill -0 "$server_pid" 2>/dev/null; then
                printf '%s==>%s stopping the server\n' "$bold" "$plain"
                kill -TERM "$server_pid"
                wait "$server_pid" 2>/dev/null
        fi
        [ -z "$server_pid$lab_up" ] || printf 'The state is kept in .run; "make run" brings it back, "rm -rf .run" (with the lab down) forgets it.\n'
        exit "$status"
}
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step "looking at this machine"
[ "$(id -u)" = 0 ] || die "the lab makes network namespaces and starts Docker engines, which only root may do" "run \"sudo make run\""
mkdir -p "$state/server" && chmod 700 "$state" "$state/server" || die "cannot write to $state" "make the folder writable"
exec 9>"$state/lock"
flock -n 9 || die "another \"make run\" runs from this folder" "end it with Ctrl-C there first"
command -v dockerd >/dev/null 2>&1 || [ -x /usr/sbin/dockerd ] || die "there is no Docker engine program (dockerd)" "run \"make deps\""
done_

# A run that was killed leaves its server behind; one on this data folder is ours.
old=$(cat "$state/server.pid" 2>/dev/null || true)
if [[ $old =~ ^[0-9]+$ ]] && tr '\0' ' ' <"/proc/$old/cmdline" 2>/dev/null | grep -qF -- "--data $state/server "; then
        step "ending the server that a former run left behind"
        kill -TERM "$old"
        tail --pid="$old" -f /dev/null
        done_
fi

# A port is free when nobody accepts on it and a listener can be had; the server itself has the last word.
port_free() { python3 - "$listen" "$1" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
try:
    s.bind((sys.argv[1], int(sys.argv[2])))
except OSError:
    sys.exit(1)
PY
}
step "starting the server"
port=${DROVER_RUN_PORT:-$(cat "$state/port" 2>/dev/null || echo 8080)}
[[ $port =~ ^[0-9]{1,5}$ ]] || port=8080
first=$port
until port_free "$port"; do
        [ -z "${DROVER_RUN_PORT:-}" ] || die "port $port is in use" "choose another DROVER_RUN_PORT"
        port=$((port + 1))
        [ $port -lt $((first + 100)) ] || die "no free port from $first on" "choose one: DROVER_RUN_PORT=9000 make run"
done
echo "$port" >"$state/port"
case $listen in 0.0.0.0|::) at=127.0.0.1 ;; *) at=$listen ;; esac
url=http://$at:$port
# Its own session: a Ctrl-C on the terminal must reach this script only, which takes down the lab first.
setsid "$bin/drover-server" --listen "$listen:$port" --data "$state/server" >>"$state/server.log" 2>&1 9>&- &
server_pid=$!
echo "$server_pid" >"$state/server.pid"
deadline=$((SECONDS + 20))
until curl -fsS -o /dev/null --max-time 2 "$url/ping" 2>/dev/null; do
        kill -0 "$server_pid" 2>/dev/null || { tail -n 5 "$state/server.log" >&2; die "the server ended" "read .run/server.log"; }
        [ $SECONDS -lt $deadline ] || die "the server does not answer at $url" "read .run/server.log"
        sleep 0.05
done
admin=$state/server/admin.json
[ -s "$admin" ] || die "the server did not write $admin" "read .run/server.log"
value() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' "$admin" "$1"; }
# The command line remembers server and keys in .run, so that another terminal needs no secrets typed.
export DROVER_CONFIG=$state/cli.json DROVER_LAB_DIR=$state              # the lab "lab" keeps its data in .run/lab
drover login --admin-file "$admin" "$url" >/dev/null || die "could not sign in with $admin" "see the message above"
export RANCHER_ACCESS_KEY RANCHER_SECRET_KEY
RANCHER_ACCESS_KEY=$(value accessKey)
RANCHER_SECRET_KEY=$(value secretKey)
done_ "$url"

step "starting $hosts hosts on this machine (drover lab up)"
lab_up=1
drover lab up --hosts "$hosts" --server "$url" || die "the lab did not come up" "see the message above; \"build/bin/drover doctor\" checks this machine"
done_

step "making the demo's images from busybox and putting them on the hosts"
"$demo/images.sh" "$bin/drover" 9>&- || die "the images could not be made" "see the message above"
done_

step "bringing up the demo stack"
drover up -s demo -f "$demo/docker-compose.yml" --wait-timeout 180 ||
        die "the stack did not come up" "look at \"drover ps\" (settings below, in another terminal) and .run/server.log"
done_

# The server knows what the hosts told it; after a power loss that may be a moment old. The engines have the last word.
step "comparing with what the engines run"
engines() {
        local host
        for host in $(drover lab ls -q); do
                drover lab docker "$host" ps -q --filter label=io.rancher.container.uuid
        done | wc -l
}
deadline=$((SECONDS + 60))
until want=$(drover ps -c -q | wc -l) have=$(engines) && [ "$want" -gt 0 ] && [ "$want" = "$have" ]; do
        [ $SECONDS -lt $deadline ] || die "the API has $want containers, the engines run $have" "see .run/server.log and .run/lab/hosts/host1/log"
        sleep 0.2
done
done_ "$have containers"
drover hosts
drover ps

cat <<END

${bold}drover is running at $url${plain}
  login     $(value username), password and API keys in .run/server/admin.json
  API       $url/v2-beta

${bold}Try next${plain}, in another terminal, in this folder:
  export PATH=\$PWD/build/bin:\$PATH DROVER_CONFIG=\$PWD/.run/cli.json DROVER_LAB_DIR=\$PWD/.run
  drover ps                       what runs where
  drover scale demo/web=2         fewer of it; with 5, "drover ps demo/web" says why two find no host (port 8081 is taken)
  drover lab kill host3           power loss of a host; then: drover lab reboot host3
  drover lab docker host1 ps      what one of the engines runs
  drover catalog install library:hello:0.1.0 --name hello    a template: it asks what it needs
  drover catalog upgrade hello    to its newest version, a container at a time; then --finish or --rollback
  drover events                   everything that happens, live

Ctrl-C takes everything down; "make run" brings the same state back.
END
[ -z "${ONCE:-}" ] || exit 0
trap 'exit 0' INT TERM HUP              # from here on that is how it ends
wait "$server_pid"
status=$?
[ -n "$stopping" ] || { step_name="running"; die "the server ended by itself (status $status)" "read .run/server.log"; }
