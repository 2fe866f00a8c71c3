#!/bin/bash
# libraries.sh PROGRAM: the shared libraries a program loads here, one "PATH PACKAGE" a line; PACKAGE is "-" where none is known.
set -eu
ldd "$1" | grep -oE '/[^ ]+' | sort -u | while read -r path; do
        real=$(readlink -f "$path")
        # Debian's root is merged, but its package lists name either form.
        package=$(dpkg-query -S "$real" "${real#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1 || true)
        echo "$path ${package:--}"
done
