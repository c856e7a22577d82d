#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill_test.py with twenty kills of either network."""

import os
import sys

os.environ.setdefault("KILLS", "20")
os.environ.setdefault("RESNET_KILLS", "20")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kill_test  # noqa: E402

if __name__ == "__main__":
    sys.exit(kill_test.main(vars(kill_test)))
