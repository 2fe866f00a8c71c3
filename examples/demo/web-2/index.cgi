#!/bin/sh
# The page of the second version: who answers, in the colour of the template's question. httpd runs it for every request of "/".
printf 'Content-Type: text/plain\r\n\r\n'
printf '%s\n' "${GREETING:-Hello}"
printf 'version    2\n'
printf 'colour     %s\n' "${COLOUR:-none}"
printf 'container  %s\n' "$(hostname)"
printf 'address    %s\n' "$(hostname -i 2>/dev/null)"
printf 'up         %s s\n' "$(($(date +%s) - $(stat -c %Y /proc/1)))"
