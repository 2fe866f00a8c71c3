#!/bin/bash
# ui-deps.sh: installs Debian's Chromium, Node and npm where they are missing, and playwright-core, as pinned in tests/ui/package-lock.json, into tests/ui/node_modules. The tests
# drive Debian's Chromium: no other browser is downloaded. Does nothing when all is there, and says so when something cannot be had: the tests that
# need it are skipped then.
set -eu
cd "$(dirname "$0")/.."
tools/deps.sh ui || echo "ui-deps: without them the browser's tests are skipped" >&2
cd tests/ui
stamp=node_modules/.installed
cmp -s package-lock.json "$stamp" && exit 0
command -v npm >/dev/null || { echo "ui-deps: there is no npm; the browser's tests are skipped" >&2; exit 0; }
if PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null; then
        cp package-lock.json "$stamp"
else
        echo "ui-deps: playwright-core could not be had from npm's registry; the browser's tests are skipped" >&2
        rm -rf node_modules
fi
