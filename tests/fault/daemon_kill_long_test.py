#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""daemon_kill_test.py with a thousand kills."""

import sys

import daemon_kill_test
from harness import main

if __name__ == "__main__":
    sys.exit(main(vars(daemon_kill_test), kills=1000))
