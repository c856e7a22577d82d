# SPDX-License-Identifier: Apache-2.0
"""safetensors files in plain Python: u64 little-endian header size, JSON header, tensor bytes.

Only the two types that orthod writes are known, F32 and I64. The reader is strict, because what it
is for is to find out whether a file is what it should be.
"""
import json
import struct

import torch

_DTYPES = {"F32": (torch.float32, 4), "I64": (torch.int64, 8)}
_NAMES = {torch.float32: "F32", torch.int64: "I64"}


def write(path, tensors, metadata=None):
    """tensors: a dict name -> tensor, written in its order."""
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = {key: str(value) for key, value in metadata.items()}
    for name, tensor in tensors.items():
        blob = tensor.detach().contiguous().numpy().tobytes()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read(path):
    """A dict name -> tensor, and the metadata."""
    with open(path, "rb") as file:
        data = file.read()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    body, tensors, end = bytearray(data[8 + size :]), {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, width = _DTYPES[entry["dtype"]]
        begin, stop = entry["data_offsets"]
        count = 1
        for extent in entry["shape"]:
            count *= extent
        if begin != end or stop - begin != count * width or stop > len(body):
            raise ValueError(f"{path}: {name} has the wrong place or size")
        if count == 0:
            tensors[name] = torch.empty(entry["shape"], dtype=dtype)
        else:
            flat = torch.frombuffer(body, dtype=dtype, count=count, offset=begin)
            tensors[name] = flat.reshape(entry["shape"]).clone()
        end = stop
    if end != len(body):
        raise ValueError(f"{path}: {len(body) - end} bytes behind the last tensor")
    return tensors, metadata
