#!/bin/sh
# images.sh DROVER [ENGINE...]: makes drover-demo/web:1 and drover-demo/db:1 out of this machine's static busybox, without a registry, and
# loads them.
#   DROVER   the program drover ("drover lab image" makes the archives; their bytes depend on the files here alone)
#   ENGINE   a command that takes "load -i FILE" of an engine, as one word: "docker", "docker -H tcp://10.0.0.7:2375",
#            "drover lab docker host1". None: all hosts of the lab.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 DROVER [ENGINE...]" >&2; exit 2; }
drover=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cp "$here"/web/* "$here"/db/kv "$here"/db/backup "$work"
cp "$here"/db/serve "$work/serve-db"
chmod 755 "$work"/*

"$drover" lab image drover-demo/web:1 --from-busybox --cmd 'exec /bin/serve' --output "$work/web.tar" \
        --add "$work/serve:/bin/serve" --add "$work/index.cgi:/www/cgi-bin/index.cgi" --add "$work/beacon:/bin/beacon"
"$drover" lab image drover-demo/db:1 --from-busybox --cmd 'exec /bin/serve' --output "$work/db.tar" \
        --add "$work/serve-db:/bin/serve" --add "$work/kv:/srv/cgi-bin/kv" --add "$work/backup:/bin/backup"

for image in web db; do
        if [ $# -eq 0 ]; then
                "$drover" lab load all "$work/$image.tar"
        fi
        for engine; do
                # Split on purpose: the engine is a command with arguments.
                # shellcheck disable=SC2086
                $engine load -i "$work/$image.tar"
        done
done
