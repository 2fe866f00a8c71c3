#!/usr/bin/env python3
"""The main job and a power loss once more, on hosts that see cgroup2 (drover lab up --cgroup2)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import main_job


class Cgroup2(main_job.MainJob, main_job.Reboot, harness.Case):
    cgroup2 = True


if __name__ == '__main__':
    if not harness.machine_has_cgroup_v1():
        print('skipped: this machine has cgroup2 itself, and the other tests have run on it')
        sys.exit(77)
    harness.main()
