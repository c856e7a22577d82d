# SPDX-License-Identifier: Apache-2.0
"""What the fuzzers start from: small files that their readers accept, and a few that they refuse.

    seeds.py FOLDER    writes FOLDER/NAME/* for each tests/fuzz/NAME_fuzz.c
"""
import gzip
import io
import json
import os
import struct
import sys
import tarfile

SOURCES = os.environ.get("OD_SRCDIR", os.path.join(os.path.dirname(__file__), "..", ".."))


def idx(*shape, kind=8):
    count = 1
    for side in shape:
        count *= side
    values = bytes(i % 10 for i in range(count))
    return struct.pack(f">2xBB{len(shape)}I", kind, len(shape), *shape) + values


def safetensors(header, data=b""):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def recipe(*lines):
    return "\n".join(lines).encode()


def files(pattern_folder, ending):
    folder = os.path.join(SOURCES, pattern_folder)
    for name in sorted(os.listdir(folder)):
        if name.endswith(ending):
            with open(os.path.join(folder, name), "rb") as file:
                yield file.read()


def archive(*members, **options):
    """A tar file of (name, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def cached_index(fingerprint=7):
    """As core/data/index_cache.c writes it, without its checksum."""
    names = b"val/images\0a.JPEG\0"
    samples = struct.pack("<QIIiI", 11, 0, 0, 1, 0)
    return (struct.pack("<8sIIQQQQ", b"ODINDEX", 1, 0, fingerprint, len(samples), 8, len(names)) + samples +
            struct.pack("<Q", 0) + names)


RECIPES = list(files("recipes", ".json"))
JOBS = [text for text in RECIPES if b'"base"' not in text]
EXPERIMENTS = [text for text in RECIPES if b'"base"' in text]
FULL = {
    "model": {"arch": "vit", "preset": None, "width": 8, "depth": 2, "heads": 2, "patch_size": 4},
    "residual": {"connection": "orthogonal", "blocks": [0, 1], "probability": 0.5},
    "data": {"dataset": "mnist", "root": "/x", "mixup": {"alpha": 1}, "limit_train": 9},
    "train": {"max_steps": 3, "batch_size": 6, "grad_accumulate_steps": 2, "grad_clip": 1,
              "schedule": {"type": "step", "min_lr": 0.1, "decay_epochs": [1, 2.5]}},
    "labels": {"a": "b"}, "resources": {"device": "cuda:GPU-1", "threads": 2},
    "queue": {"after": [1, 2]}, "init_from": "/y",
}
START = {"v": 1, "type": "start", "attempt": 1, "at": "now", "step": 0, "steps": 9,
         "steps_per_epoch": 3, "pid": 7, "boot_id": "b", "parameters": 1, "memory_bytes": 1,
         "backend": "cpu", "blas": "x", "threads": 1, "version": "0"}
HF = {"model_type": "ortho_vit", "hidden_act": "gelu_new", "hidden_size": 64, "intermediate_size": 256,
      "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 28, "patch_size": 7, "num_channels": 1,
      "id2label": {"0": "a", "1": "b"}, "layer_norm_eps": 1e-6, "residual_connection": "orthogonal",
      "orthogonal_method": "feature", "residual_eps": 1e-6}
EVENTS = [
    START,
    {"v": 1, "type": "metrics", "attempt": 1, "at": "now", "step": 1, "epoch": 0,
     "values": {"train/loss": 0.5, "val/loss": "NaN", "x": "-Infinity"}},
    {"v": 1, "type": "progress", "attempt": 1, "at": "now", "step": 2, "steps": 9, "epoch": 0,
     "samples_per_sec": 1.5, "eta_s": None},
    {"v": 1, "type": "checkpoint", "attempt": 1, "at": "now", "step": 2, "name": "step-00000002"},
    {"v": 1, "type": "log", "attempt": 1, "at": "now", "level": "warning", "message": "m"},
    {**START, "attempt": 2, "step": 1},
    {"v": 1, "type": "end", "attempt": 2, "at": "now", "step": 9, "outcome": "failed", "reason": "r"},
]
LINES = "\n".join(json.dumps(event) for event in EVENTS).encode()

SEEDS = {
    "cifar": [bytes([kind]) + record * 2 for kind, record in
              ((0, b"\x03" + bytes(3072)), (1, b"\x01\x63" + bytes(3072)))] + [b"\0" + bytes(100)],
    "config": [b"# all\nlisten = 127.0.0.1:8420\nlisten = unix:/tmp/x\nstate-dir = s\n"
               b"cpu-slots = 3\nlog-level = debug\nworker = /bin/true\n", b"listen=[::1]:0",
               b"listen = localhost:99999", b"cpu-slots = 0", b"x = 1",
               b"memory = 48G\nlabel-limit = user=*:2\npreempt = yes\nretry-delay = 0"],
    "events": [LINES, json.dumps(START).encode(), b"{}\n\n[1]", b"\xff"],
    "experiment": EXPERIMENTS + [json.dumps({"base": FULL, "vary": vary}).encode() for vary in (
        {"train.seed": [0, 1, 2], "residual.connection": ["linear", "orthogonal"]},
        {"model": [{"arch": "vit"}], "data.mixup.alpha": [0.5, 2]}, {"trian": [1]})],
    "gzip": [bytes(head) + idx(5) for head in ((9, 0, 0, 0), (0, 0, 0, 0), (6, 1, 12, 0))],
    "header": [struct.pack("<Q", total) + text for total, text in (
        (100, b"bytes=0-9"), (100, b"bytes=-5"), (100, b"bytes=90-"), (0, b"bytes=0-0"),
        (7, b"bytes=18446744073709551615-"), (1, b"127.0.0.1:8420"), (1, b"localhost:8420"),
        (1, b"http://127.0.0.1:8420"), (1, b"same-origin"), (1, b"activation/*/block??/x*,val/*"))],
    "hf": [json.dumps({**HF, **change}).encode() for change in (
        {}, {"num_labels": 10}, {"image_size": 0}, {"hidden_size": 65}, {"residual_connection": "linear"})],
    "idx": [b"\0" + idx(5), b"\0" + gzip.compress(idx(300), mtime=0), b"\1" + idx(1, 28, 28),
            b"\2" + idx(2, 2, 3), b"\2" + gzip.compress(idx(2, 2, 3), mtime=0),
            b"\2" + gzip.compress(idx(1, 2, 3)[:9], mtime=0) + gzip.compress(idx(1, 2, 3)[9:], mtime=0),
            b"\0" + idx(5)[:-1], b"\0" + idx(5, kind=9), b"\0\0\0\x08\x01\xff\xff\xff\xff"],
    "image": [bytes([scale]) + image for ending in (".jpg", ".png")
              for scale, image in enumerate(files("tests/parity/data/images", ending)) if len(image) < 20000],
    "json": [b'{"a": [1, -0.5e+3, true, false, null, "\\u00e9\\ud83d\\ude00\\n"], "": {}}', b"[[[]]]",
             b"1e400", b'"\\ud800"', b'{"a":1,"a":2}'],
    "recipe": [recipe("model: vit", "preset: S", "dataset: cifar10", "orthogonal_residual: true",
                      "orthogonal_pattern: '0,2,4'", "grad_clip: None", "lr: 1.0e-3", "use_amp: yes"),
               recipe("model: resnet18", "lr_scheduler_type: step", "lr_scheduler_decay_epoch: 80,120",
                      "use_mixup: true", "mixup_alpha: -1", "amp_dtype: float16", "warmup_const: 0.2"),
               recipe("{orthogonal_prob: 0.5, learning_rate: [1, {a: 2}], wandb: off}") + b"\0" + b"1,2",
               recipe("epochs: 010", "seed: |", "  7", "? residual_pattern", ": none", "debug:"),
               recipe("a: &x [1]", "b: *x"), recipe("a: !!str x"), recipe("- a"), recipe("a: 1", "a: 2")],
    "rundir": [LINES, LINES + b"\n", LINES[:-5], b"{\"attempt\": 1e300}"],
    "safetensors": [
        safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                     "b": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]},
                     "__metadata__": {"format": "pt"}}, bytes(16)),
        safetensors({name: {"dtype": dtype, "shape": [2, 1], "data_offsets": [at, at + 2 * width]}
                     for name, dtype, width, at in (("h", "F16", 2, 0), ("b", "BF16", 2, 4), ("d", "F64", 8, 8))},
                    b"\x00\x7c\x01\x80\xff\x7f\x00\x00" + struct.pack("<2d", 1e300, -0.1)),
        safetensors({}), safetensors({"a": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}}),
        safetensors({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}),
        safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        safetensors(b'{"a":'), struct.pack("<Q", 2**63)],
    "spec": JOBS + [json.dumps(FULL).encode(), b"{}", b"[]"],
    "state": [json.dumps(state).encode() for state in (
        {"v": 1, "step": 4, "epoch": 0, "spec": "0123abcd", "backend": "cpu", "threads": 1,
         "interval": {"steps": 2, "loss_sum": "0x1.8p+1", "accuracy_sum": "0x0p+0"},
         "files": {"model.safetensors": {"bytes": 9, "crc32": "00000000"},
                   "optimizer.safetensors": {"bytes": 8, "crc32": "ffffffff"}}},
        {"v": 1, "step": 4, "epoch": 0, "spec": "0123abcd", "backend": "cpu", "threads": 1, "accuracy": 0.5,
         "files": {"model.safetensors": {"bytes": 9, "crc32": "00000000"}}}, {"v": 2}, [])],
    "tar": [archive(("a.jpg", b"x" * 600), ("a.cls", b"1")), archive(("d/" + "n" * 200, b"y"), format=tarfile.GNU_FORMAT),
            archive(("d/" + "é" * 150, b"y"), format=tarfile.PAX_FORMAT), archive()[:512], archive(("a", b"z"))[:-600]],
    "tree": [b"\0" + archive(("a.jpg", b"x"), ("a.cls", b"0"), ("b.png", b"y" * 700), ("b.cls", b"1\n")),
             b"\0" + archive(("a.jpg", b"x"), ("a.cls", b"2")), b"\0" + archive(("a.cls", b"1"), ("a.json", b"{}")),
             b"\1a.JPEG\tn01\t0\t0\t9\t9\n", b"\1a.JPEG\tn03\n", b"\1a.JPEG n01\n\n", b"\2" + cached_index(),
             b"\2" + cached_index(8)],
    "url": [b"/api/v1/jobs?state=queued,running&label=a%3Db", b"/%C3%A9/%2e%2e?a=%00", b"http://h:1/x?y",
            b"/?a=1&a=2&&=", b"*", b"/%zz", b"//a//?"],
}


def main(folder):
    for name, texts in SEEDS.items():
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        for number, text in enumerate(texts):
            with open(os.path.join(folder, name, str(number)), "wb") as file:
                file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
