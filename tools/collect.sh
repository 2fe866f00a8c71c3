#!/bin/bash
# collect.sh KIND DIR PROGRAM...: puts the programs of build/KIND into DIR, stripped when KIND is release.
# A copy replaces its predecessor by rename, so one that is running keeps running.
set -eu
cd "$(dirname "$0")/.."
kind=$1 dir=$2
shift 2
mkdir -p "$dir"
for p in "$@"; do
        from=build/$kind/src/cmd/$p/$p
        [ -x "$from" ] || { echo "collect: \"$from\" was not built" >&2; exit 1; }
        [ "$dir/$p" -nt "$from" ] && continue
        cp "$from" "$dir/.$p.new"
        [ "$kind" != release ] || strip --strip-unneeded "$dir/.$p.new"
        mv "$dir/.$p.new" "$dir/$p"
done
