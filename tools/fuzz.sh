#!/bin/bash
# fuzz.sh [SECONDS [TARGET...]]: builds the libFuzzer targets (clang, address and undefined-behaviour sanitizers) and runs each for
# SECONDS (60). Seeds are tests/fuzz/corpus/TARGET; what is found on the way is kept in build/fuzz/corpus/TARGET. An input that
# ends a target is put into build/fuzz/findings: fix, then add it to the seeds, which run as ordinary tests.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
[[ $seconds =~ ^[1-9][0-9]{0,4}$ ]] || { echo "fuzz: \"$seconds\" is no number of seconds (1 to 99999)" >&2; exit 2; }
tools/deps.sh build fuzz test
[ -e build/fuzz/build.ninja ] || tools/setup.sh fuzz
targets=("$@")
if [ $# -eq 0 ]; then
        mapfile -t targets < <(ninja -C build/fuzz -t targets all | sed -n 's|^tests/fuzz/\(fuzz-[a-z0-9-]*\): .*|\1|p' | sort)
fi
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no targets were built" >&2; exit 1; }
ninja -C build/fuzz -j "${JOBS:-$(nproc)}" "${targets[@]/#/tests/fuzz/}" | sed '/^ninja: /d'
mkdir -p build/fuzz/findings build/fuzz/log

one() {         # TARGET SECONDS
        local target=$1 name=${1#fuzz-} seeds=() log=build/fuzz/log/$1.txt
        mkdir -p "build/fuzz/corpus/$name"
        [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
        if ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "build/fuzz/tests/fuzz/$target" \
                -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 \
                -artifact_prefix="build/fuzz/findings/$name-" "build/fuzz/corpus/$name" "${seeds[@]}" >"$log" 2>&1 </dev/null; then
                printf 'ok   %-24s %s executions\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
        else
                printf 'FAIL %-24s see %s\n' "$target" "$log"
                tail -n 30 "$log" | sed 's/^/     /'
                return 1
        fi
}
export -f one

# As many at a time as there are processors; xargs goes on when one fails.
out=build/fuzz/log/summary.txt
# shellcheck disable=SC2016
printf '%s\n' "${targets[@]}" | xargs -P "${JOBS:-$(nproc)}" -I{} bash -c 'one "$1" "$2" || true' _ {} "$seconds" | tee "$out"
passed=$(grep -c '^ok ' "$out" || true) failed=$(grep -c '^FAIL ' "$out" || true)
[ $((passed + failed)) -eq ${#targets[@]} ] || failed=$((${#targets[@]} - passed))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
