#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All tests of the files beside it in their long form: a thousand kills of the daemon."""

import sys

import clock_test
import daemon_kill_test
import daemon_start_test
import disk_full_test
import reboot_test
import worker_fault_test
from harness import main

if __name__ == "__main__":
    tests = {}
    for module in (clock_test, daemon_start_test, disk_full_test, reboot_test, worker_fault_test,
                   daemon_kill_test):
        tests.update(vars(module))
    sys.exit(main(tests, kills=1000, with_long=True))
