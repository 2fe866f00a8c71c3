#!/bin/bash
# test.sh SUITE...: runs meson test suites and ends with "N passed, N failed, N skipped" over all of them.
#
#   unit sim api lint   from build/asan (address and undefined-behaviour sanitizers, the first finding ends the test)
#   corpora             compose files and templates from build/asan with their reports: of this tree, and of DROVER_CORPORA where that names a folder
#   seeds               the simulation with random faults once more, release build, DROVER_SIM_SEEDS seeds (1000)
#   host                the host tests, on the release programs of build/bin
#   host-asan           the host tests once more, on the sanitized server and agent
#   ui                  the web page in Debian's Chromium, release programs; installs playwright-core (tests/ui/package-lock.json), no browser
#
# A failed suite does not keep the next from running. Exit status 1 when anything failed, 2 on wrong use.
# TEST_ARGS is given to `meson test` (a test's name, --repeat 10, ...). Logs: build/test-logs/SUITE.txt.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { echo "test: name at least one suite (unit sim seeds api lint corpora host host-asan ui)" >&2; exit 2; }

logs=build/test-logs
mkdir -p "$logs"
export ASAN_OPTIONS=halt_on_error=1:abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1:disable_coredump=1:hard_rss_limit_mb=6000
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=print_suppressions=0
export MALLOC_PERTURB_=$((RANDOM % 255 + 1))
# Tests make their own directories; what a person has set for the programs must not reach them.
for name in "${!DROVER_@}" "${!RANCHER_@}" "${!CATTLE_@}"; do
        case $name in DROVER_TEST_*|DROVER_SIM_*|DROVER_CORPORA|DROVER_GOLDEN) ;; *) unset "$name" ;; esac
done

results=()
for suite in "$@"; do
        args=() env=() kind=asan jobs=$(nproc)
        case $suite in
        unit|sim|api) args=(--timeout-multiplier 4) ;;
        corpora) args=(--timeout-multiplier 8 --verbose) ;;
        seeds) kind=release; args=(sim-converge); env=(DROVER_SIM_SEEDS="${DROVER_SIM_SEEDS:-1000}") ;;
        lint) ;;
        host) kind=release jobs=1; export DROVER_BIN_DIR=$PWD/build/bin ;;
        host-asan)
                # What the sanitized programs take part in, as far as time allows; the rest has been seen with the release ones.
                kind=release jobs=1; args=(--timeout-multiplier 3 node-agent streams streams-session e2e-main_job e2e-kill9)
                tools/collect.sh asan build/bin-asan drover-server drover-node
                tools/collect.sh release build/bin-asan drover
                export DROVER_BIN_DIR=$PWD/build/bin-asan
                ;;
        ui) kind=release jobs=1; export DROVER_BIN_DIR=$PWD/build/bin; tools/ui-deps.sh ;;
        *) echo "test: unknown suite \"$suite\" (unit sim seeds api lint corpora host host-asan ui)" >&2; exit 2 ;;
        esac
        [ -z "${DROVER_BIN_DIR:-}" ] || export DROVER_NODE=$DROVER_BIN_DIR/drover-node
        # `make lint` has no sanitized build, and needs none.
        [ "$suite" != lint ] || [ -e build/asan/build.ninja ] || kind=dev
        of=${suite%-asan}
        [ "$suite" != seeds ] || of=sim
        log=build/$kind/meson-logs/$suite.json
        rm -f "$log"
        printf -- '--- %s tests (build/%s%s)\n' "$suite" "$kind" "${DROVER_BIN_DIR:+, programs of ${DROVER_BIN_DIR#"$PWD"/}}"
        # shellcheck disable=SC2086  # TEST_ARGS is a list of words
        env "${env[@]}" meson test -C "build/$kind" --no-rebuild --suite "drover:$of" --logbase "$suite" --num-processes "$jobs" \
                --print-errorlogs "${args[@]}" ${TEST_ARGS:-} 2>&1 | sed -e '/^ninja: /d' -e '/^Full log/d' -e '/^$/d' || true
        cp "build/$kind/meson-logs/$suite.txt" "$logs/$suite.txt" 2>/dev/null || true
        results+=("$suite=$log")
done
exec python3 tools/test-summary.py "${results[@]}"
