#!/bin/bash
# soak.sh [SECONDS]: the simulation with random faults, one batch of fresh seeds after the other, for SECONDS (600). Ends at the
# first seed that does not converge and names the batch, so that it can be run again: DROVER_SIM_FROM=N DROVER_SIM_SEEDS=50.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
[[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || { echo "soak: \"$seconds\" is no number of seconds (1 to 999999)" >&2; exit 2; }
program=build/release/tests/sim/test-sim-converge
[ -x "$program" ] || { echo "soak: \"$program\" was not built" >&2; exit 1; }
mkdir -p build/soak
from=${DROVER_SIM_FROM:-$((RANDOM * 32768 + RANDOM + 1))} batch=50 done_=0
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
        if ! DROVER_SIM_FROM=$from DROVER_SIM_SEEDS=$batch "$program" >build/soak/log.txt 2>&1; then
                tail -n 30 build/soak/log.txt >&2
                echo "soak: a seed from $from on did not converge: DROVER_SIM_FROM=$from DROVER_SIM_SEEDS=$batch $program" >&2
                echo "$done_ passed, 1 failed"
                exit 1
        fi
        done_=$((done_ + batch)) from=$((from + batch))
        printf '%d seeds, %d s left\n' "$done_" "$((end > SECONDS ? end - SECONDS : 0))"
done
echo "$done_ passed, 0 failed"
