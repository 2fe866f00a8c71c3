#!/bin/bash
# bench.sh [NAME...]: runs the benchmarks of tests/bench on the release programs, one after the other, and prints their figures.
# Run it on an idle machine. What it printed is written down in docs/figures.md.
set -eu -o pipefail
cd "$(dirname "$0")/.."
export DROVER_BIN_DIR=$PWD/build/bin
log=build/release/meson-logs/bench.txt
rm -f "$log"
status=0
meson test -C build/release --no-rebuild --benchmark --suite drover --logbase bench --num-processes 1 --verbose "$@" 2>&1 |
        sed -u -e '/^ninja: /d' -e '/^Full log/d' || status=$?
[ -e "$log" ] || { echo "bench: no benchmark ran" >&2; exit 1; }
exit "$status"
