#!/bin/sh
# images.sh DROVER [ENGINE...]: makes drover-demo/web and drover-demo/db, each in versions 1 and 2, out of this machine's static busybox, without a
# registry, and loads them. The demo stack and the example templates of the built-in catalog run them.
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

# IMAGE WEB-ROOT FOLDER...: an image (NAME:VERSION) whose files are those of the folders, later ones over earlier ones. CGI programs go where httpd looks.
make_image() {
        image=$1 served=$2
        shift 2
        rm -rf "$work/files"
        mkdir "$work/files"
        for folder; do
                cp "$here/$folder"/* "$work/files"
        done
        chmod 755 "$work"/files/*
        set --
        for file in "$work"/files/*; do
                case ${file##*/} in
                index.cgi | kv | keys) at=$served/cgi-bin/${file##*/} ;;
                *) at=/bin/${file##*/} ;;
                esac
                set -- "$@" --add "$file:$at"
        done
        "$drover" lab image "drover-demo/$image" --from-busybox --cmd 'exec /bin/serve' --output "$work/$image.tar" "$@"
}
make_image web:1 /www web
make_image web:2 /www web web-2
make_image db:1 /srv db
make_image db:2 /srv db db-2

for image in web:1 web:2 db:1 db:2; do
        if [ $# -eq 0 ]; then
                "$drover" lab load all "$work/$image.tar"
        fi
        for engine; do
                # Split on purpose: the engine is a command with arguments.
                # shellcheck disable=SC2086
                $engine load -i "$work/$image.tar"
        done
done
