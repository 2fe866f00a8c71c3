#!/bin/bash
# setup.sh KIND: configures build/KIND. The kinds are the rows below; see CONTRIBUTING.md, "Build directories".
set -eu
cd "$(dirname "$0")/.."
kind=${1:?kind}
sanitize=("-Db_sanitize=address,undefined" -Db_lundef=false)
case $kind in
release) set -- --buildtype=release ;;
dev)     set -- -Dwerror=true ;;
asan)    set -- -Dwerror=true "${sanitize[@]}" ;;
clang)   set -- -Dwerror=true; export CC=clang ;;
fuzz)    set -- -Dfuzz=true "${sanitize[@]}"; export CC=clang ;;
*)       echo "setup: unknown kind of build \"$kind\" (release, dev, asan, clang, fuzz)" >&2; exit 2 ;;
esac
mkdir -p build
# A failed first configuration leaves a directory that meson would refuse; there is nothing in it to keep.
[ -e "build/$kind/build.ninja" ] || rm -rf "build/$kind"
log=build/setup-$kind.log
if ! meson setup "build/$kind" "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: could not configure build/$kind" >&2
        exit 1
fi
