#!/usr/bin/env python3
"""drover-server, drover-node and drover together, on three real Docker hosts: the main job. See harness.py."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import main_job


class ThreeHosts(main_job.MainJob, harness.Case):
    pass


if __name__ == '__main__':
    harness.main()
