#!/usr/bin/env python3
"""embed.py FILE NAME OUT: writes the bytes of FILE as a C string constant NAME."""
import sys

source, name, out = sys.argv[1:]
with open(source, "rb") as f:
    lines = f.read().decode().splitlines(keepends=True)
with open(out, "w") as f:
    f.write(f'extern const char {name}[];\nconst char {name}[] =\n')
    for line in lines:
        text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("?", "\\?").replace("\n", "\\n")
        f.write(f'        "{text}"\n')
    f.write(";\n")
