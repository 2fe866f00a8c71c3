version: '2'
services:
  text:
    image: example/text
    environment:
      UPPER: '{{ upper .Values.word }}'
      LOWER: '{{ lower "ABC" }}'
      TRIM: '{{ trim "  x  " }}'
      PREFIX: '{{ trimPrefix "v" .Values.version }}'
      SUFFIX: '{{ trimSuffix "-rc" .Values.version }}'
      HAS: '{{ hasPrefix "v" .Values.version }} {{ hasSuffix "rc" .Values.version }} {{ contains "1.2" .Values.version }}'
      REPLACE: '{{ replace "." "_" .Values.version }}'
      SPLIT: '{{ range splitList "." "a.b.c" }}[{{ . }}]{{ end }}'
      JOIN: '{{ join "+" (list "a" "b") }}'
      QUOTE: {{ quote .Values.word }}
      SQUOTE: {{ squote .Values.word }}
      DEFAULT: '{{ default "none" .Values.nothing }} {{ empty .Values.nothing }}'
      PRINT: '{{ print "a" 1 }}{{ printf "%03d|%-4s|%q" 7 "ab" "c" | html }}'
      URL: '{{ urlquery "a b&c" }}'
      HTML: '{{ html "<a>" }}'
      STRING: '{{ toString 5 }}'
      WITH: '{{ with .Values.word }}<{{ . }}>{{ else }}empty{{ end }}'
      LEN: '{{ len "abcd" }} {{ len (split "." "a.b.c") }} {{ index (list "x" "y") 1 }}'
      JSON: '{{ toJson .Values.word }}'
      {{- /* a comment that leaves nothing behind */}}
