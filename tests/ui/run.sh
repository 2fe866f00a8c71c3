#!/bin/bash
# run.sh FILE.mjs: one test of the web page; 77 (skipped) when something that it needs is not there.
set -eu
here=$(dirname "$0")
skip() { echo "skipped: needs $1"; exit 77; }
command -v node >/dev/null || skip "the program node"
case $1 in
*/test-terminal.mjs | */test-questions.mjs) ;;
*)
        [ -x "${DROVER_CHROMIUM:-/usr/bin/chromium}" ] || skip "Debian's chromium"
        [ -d "$here/node_modules/playwright-core" ] || skip "playwright-core: tools/test.sh ui installs it"
        ;;
esac
exec node "$1"
