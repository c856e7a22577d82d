#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ResNets' numbers in data/ are those that PyTorch computes here and now. Prints TAP."""
import sys

try:
    import torch

    import resnet_cases
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: apt-get install python3-torch python3-torchvision")

torch.set_num_threads(1)
sys.exit(resnet_cases.verify())
