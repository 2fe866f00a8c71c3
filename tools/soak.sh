#!/bin/bash
# soak.sh [SECONDS]: endurance, SECONDS (600) in all, bounded and stopping by itself. Two parts, half the time each:
#
#   server   a real server on loopback; again and again 50 hosts of `drover simulate` join, run a service of 500 containers and leave.
#            Memory and open descriptors after a round must not keep growing (rounds 1 and 2 are warm-up).
#   seeds    the simulation with random faults, batches of fresh seeds. Ends at the first batch that does not converge and names it.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || { echo "soak: \"$seconds\" is no number of seconds (1 to 999999)" >&2; exit 2; }
converge=build/release/tests/sim/test-sim-converge
work=build/soak
for p in build/bin/drover build/bin/drover-server "$converge"; do
        [ -x "$p" ] || { echo "soak: \"$p\" was not built" >&2; exit 1; }
done
for name in "${!DROVER_@}" "${!RANCHER_@}"; do
        case $name in DROVER_SIM_*) ;; *) unset "$name" ;; esac
done
rm -rf "$work"
mkdir -p "$work/data"
server_pid=
trap '[ -z "$server_pid" ] || kill -TERM "$server_pid" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
passed=0
fail() { echo "soak: $*" >&2; echo "$passed passed, 1 failed"; exit 1; }

# ---- server ----
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
build/bin/drover-server --listen "127.0.0.1:$port" --data "$work/data" --no-auth >"$work/server.log" 2>&1 &
server_pid=$!
until curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$port/ping" 2>/dev/null; do
        kill -0 "$server_pid" 2>/dev/null || fail "the server ended, see $work/server.log"
        sleep 0.05
done
pss_kb() { awk '/^Pss:/ { print $2 }' "/proc/$server_pid/smaps_rollup"; }
fds() { find "/proc/$server_pid/fd" -mindepth 1 | wc -l; }
end=$((SECONDS + seconds / 2)) round=0 base_kb=0 base_fds=0
export DROVER_CONFIG=$work/cli.json
while [ $SECONDS -lt $end ] || [ $round -lt 3 ]; do
        round=$((round + 1))
        build/bin/drover simulate --server "http://127.0.0.1:$port" --hosts 50 --containers 500 --duration 1s --prefix "soak$round" \
                >"$work/simulate.log" 2>&1 || fail "round $round of the load failed, see $work/simulate.log"
        build/bin/drover --url "http://127.0.0.1:$port" hosts ls -a -q >"$work/hosts"
        [ ! -s "$work/hosts" ] || xargs -a "$work/hosts" build/bin/drover --url "http://127.0.0.1:$port" --wait hosts rm >>"$work/simulate.log" 2>&1 ||
                fail "round $round: its hosts could not be removed, see $work/simulate.log"
        kb=$(pss_kb) n=$(fds)
        printf 'server, round %d: %d KB, %d descriptors\n' "$round" "$kb" "$n"
        if [ "$round" -le 2 ]; then
                base_kb=$kb base_fds=$n
        else
                [ "$n" -le $((base_fds + 10)) ] || fail "descriptors grow: $base_fds, then $n in round $round"
                [ "$kb" -le $((base_kb * 2 + 4096)) ] || fail "memory grows: $base_kb KB, then $kb KB in round $round"
        fi
        passed=$((passed + 1))
done
kill -TERM "$server_pid"
wait "$server_pid" || fail "the server ended with status $?"
server_pid=

# ---- seeds ----
from=${DROVER_SIM_FROM:-$((RANDOM * 32768 + RANDOM + 1))} batch=50
end=$((SECONDS + seconds / 2))
while
        DROVER_SIM_FROM=$from DROVER_SIM_SEEDS=$batch "$converge" >"$work/seeds.log" 2>&1 || {
                tail -n 30 "$work/seeds.log" >&2
                fail "a seed did not converge: DROVER_SIM_FROM=$from DROVER_SIM_SEEDS=$batch $converge"
        }
        passed=$((passed + batch)) from=$((from + batch))
        [ $SECONDS -lt $end ]
do :; done
echo "seeds up to $((from - 1)) converged"
echo "$passed passed, 0 failed"
