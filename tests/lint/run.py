#!/usr/bin/env python3
"""run.py CHECK ROOT: runs one check over the tree and prints each finding. Exit status 1 when there is one."""
import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    findings = list(importlib.import_module(sys.argv[1]).check(sys.argv[2]))
    for finding in findings:
        print(finding)
    print('%d passed, %d failed' % (0 if findings else 1, len(findings)))
    return 1 if findings else 0


sys.exit(main())
