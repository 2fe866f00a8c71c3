version: '2'
services:
  numbers:
    image: example/numbers
    environment:
      ADD: '{{ add 1 2 3 }}'
      SUB: '{{ sub 5 2 }}'
      MUL: '{{ mul 2 3 }}'
      DIV: '{{ div 7 2 }}'
      MOD: '{{ mod 7 2 }}'
      INT: '{{ int "7" }} {{ int64 "8" }} {{ atoi "9" }}'
      COMPARE: '{{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 2 2 }} {{ eq 1 1 }} {{ ne 1 1 }}'
      LOGIC: '{{ and true "x" }} {{ or "" "y" }} {{ not true }}'
      ANY: '{{ eq .Values.size "s" "m" "l" }}'
      RANGE: '{{ range $i := until 3 }}{{ if $i }},{{ end }}{{ $i }}{{ else }}none{{ end }}'
