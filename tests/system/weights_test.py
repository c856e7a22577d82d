#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weights going in and out of ortho-worker: init_from, eval, features, export, in the reference's names
and in Hugging Face's. The files of other programs are made here. Prints TAP."""

import array
import json
import math
import os
import re
import shutil
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from worker_test import EVAL, TRAIN, Run, call, main, one_line  # noqa: E402

WIDTH, DEPTH, TOKENS, CLASSES = 16, 2, 4, 10
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}
CODES = {"F32": "f", "F64": "d", "I64": "q"}


# --- safetensors --------------------------------------------------------------------------

def count_of(shape):
    return math.prod(shape)


def write(path, tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}"""
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, (dtype, shape, data) in tensors.items():
        assert len(data) == count_of(shape) * BYTES[dtype], name
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    begin = 8 + size
    return {name: (entry["dtype"], entry["shape"], data[begin + entry["data_offsets"][0]:begin + entry["data_offsets"][1]])
            for name, entry in header.items()}, metadata


def floats(tensor):
    return array.array(CODES[tensor[0]], tensor[2])


def packed(values):
    return array.array("f", values).tobytes()


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


# --- Hugging Face's folder ----------------------------------------------------------------

OUTSIDE = {
    "cls_token": "vit.embeddings.cls_token",
    "patchify.weight": "vit.embeddings.patch_embeddings.projection.weight",
    "patchify.bias": "vit.embeddings.patch_embeddings.projection.bias",
    "classifier.0.weight": "vit.layernorm.weight",
    "classifier.0.bias": "vit.layernorm.bias",
    "classifier.1.weight": "classifier.weight",
    "classifier.1.bias": "classifier.bias",
}
INSIDE = {
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
}
PARTS = ("query", "key", "value")


def to_hf(reference):
    """The tensors under the other names, cut and joined by hand; the class token has a position."""
    hf = {OUTSIDE[name]: tensor for name, tensor in reference.items() if name in OUTSIDE}
    dtype, shape, data = reference["pos_embed"]
    first = packed(0.5 + i for i in range(WIDTH))
    hf["vit.embeddings.position_embeddings"] = (dtype, [1, shape[1] + 1, shape[2]], first + data)
    for name, (dtype, shape, data) in reference.items():
        if not name.startswith("blocks.") or name.endswith("residual_eps"):
            continue
        _, block, *module, kind = name.split(".")
        layer = f"vit.encoder.layer.{block}"
        if module == ["attn", "qkv"]:
            third = len(data) // 3
            for i, part in enumerate(PARTS):
                hf[f"{layer}.attention.attention.{part}.{kind}"] = (
                    dtype, [shape[0] // 3, *shape[1:]], data[i * third:(i + 1) * third])
        else:
            hf[f"{layer}.{INSIDE['.'.join(module)]}.{kind}"] = (dtype, shape, data)
    return hf


CONFIG = {
    "architectures": ["OrthoViTForImageClassification"], "model_type": "ortho_vit", "image_size": 28, "patch_size": 14,
    "num_channels": 1, "hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": 2,
    "intermediate_size": 4 * WIDTH, "hidden_act": "gelu_fast", "layer_norm_eps": 1e-6, "qkv_bias": True,
    "elementwise_affine_ln": False, "residual_connection": "orthogonal", "orthogonal_method": "feature",
    "residual_connection_dim": -1, "residual_eps": 1e-6, "residual_perturbation": None,
    "id2label": {str(i): f"thing {i}" for i in range(CLASSES)}, "initializer_range": 0.02, "torch_dtype": "float32",
}


def hf_folder(place, reference, name="hf", config=(), **changes):
    folder = f"{place.path}/{name}"
    os.makedirs(folder)
    with open(f"{folder}/config.json", "w") as file:
        json.dump({**CONFIG, **dict(config), **changes}, file)
    write(f"{folder}/model.safetensors", to_hf(reference), {"format": "pt"})
    return folder


SPEC = {"residual": {"connection": "orthogonal"}}


def trained(place, **sections):
    """A run and its final weights."""
    run = place.succeed(place.spec(**{**SPEC, **sections}), "trained")
    return run, read(f"{run.path}/model.safetensors")[0]


def evaluate(*arguments):
    done = call("eval", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- eval ---------------------------------------------------------------------------------

def numbers(result):
    return {f"val/{key}": result[key] for key in ("loss", "acc@1", "acc@5")}


def test_eval_gives_the_runs_own_numbers(place):
    # 24 samples in batches of 8, and in batches of 7 with a rest.
    for batch, threads in ((8, 1), (7, 2)):
        run = place.succeed(place.spec(**SPEC, train={"epochs": 3, "batch_size": batch}, resources={"threads": None},
                                       checkpoint={"every_epochs": 1, "every_steps": None, "keep": 9}),
                            f"run{batch}", "--threads", str(threads))
        points = run.points()
        final = run.of("end")[0]["step"]
        for name in [*run.checkpoints(), "best"]:
            folder = f"{run.path}/checkpoints/{name}"
            step = run.best()[0] if name == "best" else int(name[5:])
            result = evaluate(folder)
            assert numbers(result) == {key: points[step, key] for key in numbers(result)}, (name, result)
            assert (result["samples"], result["dataset"], result["checkpoint"]) == (EVAL, "mnist", folder), result
            assert numbers(evaluate(f"{folder}/model.safetensors")) == numbers(result)
        for weights in (run.path, f"{run.path}/model.safetensors"):
            assert numbers(evaluate(weights)) == {key: points[final, key] for key in numbers(result)}


def test_eval_takes_other_data_and_sizes(place):
    run, _ = trained(place)
    whole = evaluate(run.path)
    part = evaluate(run.path, "--limit", "5", "--batch", "3", "--threads", "1", "--backend", "ref")
    assert part["samples"] == 5 and abs(part["acc@1"] * 5 - round(part["acc@1"] * 5)) < 1e-9
    for other in (evaluate(run.path, "--batch", "24"), evaluate(run.path, "--backend", "ref", "--threads", "2")):
        assert abs(other["loss"] - whole["loss"]) < 1e-5 and other["acc@1"] == whole["acc@1"]
    # The same files, but other means: another data set says how its pixels are scaled.
    other = evaluate(run.path, "--dataset", "fashion-mnist", "--root", place.data)
    assert other["dataset"] == "fashion-mnist" and other["samples"] == EVAL and other["loss"] != whole["loss"]
    spec = place.write(place.spec(**SPEC, data={"limit_eval": 9}))
    assert evaluate(run.path, "--spec", spec)["samples"] == 9
    assert evaluate(run.path, "--spec", spec, "--limit", "0")["samples"] == EVAL
    os.chdir(run.path)
    assert numbers(evaluate("model.safetensors")) == numbers(whole)
    os.chdir("checkpoints/best")
    assert numbers(evaluate(".")) == numbers(evaluate("model.safetensors"))
    os.chdir("/")


def test_eval_says_what_is_wrong(place):
    run, reference = trained(place)
    one_line(call("eval", f"{place.path}/none"), f"{place.path}/none", "No such file")
    one_line(call("eval", f"{run.path}/checkpoints"), "has no model.safetensors")
    one_line(call("eval", run.path, "--dataset", "mnist", "--root", "/none"), "/data/root", "/none")
    one_line(call("eval", run.path, "--backend", "tpu"), "tpu", status=2)
    one_line(call("eval", run.path, "--spec", f"{place.path}/none.json"), "none.json")
    best = f"{run.path}/checkpoints/best"
    with open(f"{best}/model.safetensors", "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"abcd")
    one_line(call("eval", best), "model.safetensors has", "state.json says")
    lonely = f"{place.path}/lonely.safetensors"
    write(lonely, reference)
    one_line(call("eval", lonely), "give --spec SPEC.json")
    other = place.write(place.spec(model={"width": 24}), "other.json")
    done = call("eval", lonely, "--spec", other)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "more)" in done.stderr, done.stderr


# --- features -----------------------------------------------------------------------------

def test_features_are_what_enters_the_head(place):
    run, reference = trained(place)
    file = f"{place.path}/features.safetensors"
    done = call("features", run.path, "--out", file)
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done.stderr
    tensors, metadata = read(file)
    assert list(tensors) == ["labels", "features"] and metadata == {"format": "pt"}, tensors.keys()
    assert tensors["features"][:2] == ("F32", [EVAL, WIDTH]) and tensors["labels"][:2] == ("I64", [EVAL])
    assert list(floats(tensors["labels"])) == [i * 7 % 10 for i in range(EVAL)]
    # The head by hand: LayerNorm (eps 1e-5), then the matrix; its loss is the run's.
    gamma, beta, weight, bias = (floats(reference[f"classifier.{name}"])
                                 for name in ("0.weight", "0.bias", "1.weight", "1.bias"))
    features, loss, right = floats(tensors["features"]), 0, 0
    for i, label in enumerate(floats(tensors["labels"])):
        x = features[i * WIDTH:(i + 1) * WIDTH]
        mean = sum(x) / WIDTH
        deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / WIDTH + 1e-5)
        normed = [(v - mean) / deviation * g + b for v, g, b in zip(x, gamma, beta)]
        logits = [sum(n * w for n, w in zip(normed, weight[c * WIDTH:])) + bias[c] for c in range(CLASSES)]
        loss += math.log(sum(math.exp(v) for v in logits)) - logits[label]
        right += logits.index(max(logits)) == label
    result = evaluate(run.path)
    assert abs(loss / EVAL - result["loss"]) < 1e-5 and right / EVAL == result["acc@1"], (loss / EVAL, result)


def test_features_of_the_other_split_and_in_other_batches(place):
    run, _ = trained(place)
    train, few, again = (f"{place.path}/{name}.safetensors" for name in ("train", "few", "again"))
    assert call("features", run.path, "--out", train, "--split", "train", "--batch", "7").returncode == 0
    tensors, _ = read(train)
    assert tensors["features"][1] == [TRAIN, WIDTH] and tensors["labels"][1] == [TRAIN]
    assert list(floats(tensors["labels"])) == [i * 7 % 10 for i in range(TRAIN)]  # in file order
    assert call("features", run.path, "--out", few, "--split", "train", "--limit", "11").returncode == 0
    some, _ = read(few)
    assert some["features"][1] == [11, WIDTH]
    apart = max(abs(a - b) for a, b in zip(floats(some["features"]), floats(tensors["features"])))
    assert apart < 1e-4, apart
    one_line(call("features", run.path, "--out", few), "is there already")
    one_line(call("features", run.path, "--out", f"{place.path}/none/x"), "none/x", "No such file")
    assert call("features", run.path, "--out", again, "--split", "train", "--limit", "11").returncode == 0
    with open(few, "rb") as a, open(again, "rb") as b:
        assert a.read() == b.read()


# --- init_from ----------------------------------------------------------------------------

def first_validation(place, init_from, folder, **sections):
    """Of a run whose learning rate is zero: what it starts from is what it validates."""
    spec = place.spec(**{**SPEC, **sections}, init_from=init_from,
                      train={"epochs": 1, "batch_size": 8, "optimizer": {"lr": 0}})
    run = place.succeed(spec, folder)
    return {key: run.points()[12, key] for key in ("val/loss", "val/acc@1", "val/acc@5")}


def test_a_run_starts_from_weights_of_any_kind(place):
    run, reference = trained(place)
    want = numbers(evaluate(run.path))
    lonely = f"{place.path}/lonely.safetensors"
    write(lonely, dict(reversed(reference.items())))
    scalar = dict(reference)
    scalar["blocks.0.residual_eps"] = ("F32", [], reference["blocks.0.residual_eps"][2])
    write(f"{place.path}/scalar.safetensors", scalar)
    double = {name: ("F64", shape, array.array("d", array.array("f", data)).tobytes())
              for name, (_, shape, data) in reference.items()}
    write(f"{place.path}/double.safetensors", double)
    starts = {"folder": run.path, "final": f"{run.path}/model.safetensors",
              "checkpoint": f"{run.path}/checkpoints/step-00000024", "file": lonely,
              "scalar": f"{place.path}/scalar.safetensors", "double": f"{place.path}/double.safetensors"}
    for name, path in starts.items():
        assert first_validation(place, path, name) == want, name
    done = call("plan", place.write(place.spec(**SPEC, init_from=lonely)), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["spec"]["init_from"] == lonely
    # Half precision: the same values rounded, so that the run's own rounding is all that is lost.
    for dtype, mask in (("BF16", 0xffff0000), ("F16", None)):
        rounded, half = {}, {}
        for name, (_, shape, data) in reference.items():
            if name.endswith("residual_eps"):
                rounded[name] = half[name] = ("F32", shape, data)
                continue
            if mask:
                bits = array.array("I", data)
                half[name] = (dtype, shape, array.array("H", (b >> 16 for b in bits)).tobytes())
                rounded[name] = ("F32", shape, array.array("I", (b & mask for b in bits)).tobytes())
            else:
                values = array.array("f", data)
                half[name] = (dtype, shape, struct.pack(f"{len(values)}e", *values))
                rounded[name] = ("F32", shape, packed(struct.unpack(f"{len(values)}e", half[name][2])))
        write(f"{place.path}/{dtype}.safetensors", half)
        write(f"{place.path}/{dtype}-32.safetensors", rounded)
        assert first_validation(place, f"{place.path}/{dtype}.safetensors", dtype) == first_validation(
            place, f"{place.path}/{dtype}-32.safetensors", f"{dtype}-32"), dtype


def test_a_run_starts_from_hugging_face(place):
    _, reference = trained(place)
    folder = hf_folder(place, reference)
    # There, a position is added to the class token.
    token = packed(single(a + b) for a, b in zip(floats(reference["cls_token"]),
                                                 (0.5 + i for i in range(WIDTH))))
    moved = {**reference, "cls_token": ("F32", [1, 1, WIDTH], token)}
    write(f"{place.path}/moved.safetensors", moved)
    want = first_validation(place, f"{place.path}/moved.safetensors", "moved")
    assert want != first_validation(place, f"{place.path}/trained", "plain")
    assert first_validation(place, folder, "from-folder") == want
    assert first_validation(place, f"{folder}/model.safetensors", "from-file") == want
    # eval needs no more than the data set's name.
    result = evaluate(folder, "--dataset", "mnist", "--root", place.data, "--batch", "8", "--threads", "1")
    assert numbers(result) == want, (result, want)


def faults(place, path, **sections):
    done = call("plan", place.write(place.spec(**{**SPEC, **sections}, init_from=path)), "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1 and not answer["ok"], answer
    assert {error["pointer"] for error in answer["errors"]} == {"/init_from"}, answer
    return [error["detail"] for error in answer["errors"]]


def test_what_does_not_fit_is_named_at_once(place):
    run, reference = trained(place)
    odd = dict(reference)
    del odd["blocks.1.mlp.fc2.bias"], odd["pos_embed"]
    odd["classifier.1.weight"] = ("F32", [3, WIDTH], bytes(3 * WIDTH * 4))
    odd["classifier.1.bias"] = ("F32", [3], bytes(12))
    odd["extra"] = ("F32", [1], bytes(4))
    odd["blocks.0.attn.qkv.bias"] = ("I64", [24], bytes(192))
    odd["patchify.bias"] = ("F32", [4, 4], bytes(64))
    write(f"{place.path}/odd.safetensors", odd)
    told = faults(place, f"{place.path}/odd.safetensors")
    parts = ["pos_embed is missing", "patchify.bias has shape [4, 4]; this model has [16]",
             "blocks.0.attn.qkv.bias is I64; this model has F32", "blocks.1.mlp.fc2.bias is missing",
             "classifier.1.weight has shape [3, 16]; this model has [10, 16] (the head",
             "classifier.1.bias has shape [3]; this model has [10] (the head", "extra is unexpected"]
    assert len(told) == len(parts) and all(part in line for part, line in zip(parts, told)), told
    # A run says the same before it makes a folder, and so does POST /jobs, which asks for a plan.
    done = call("run", place.write(place.spec(**SPEC, init_from=f"{place.path}/odd.safetensors")), "--dir",
                f"{place.path}/never")
    assert done.returncode == 1 and done.stderr.count("/init_from") == len(parts)
    assert not os.path.exists(f"{place.path}/never")
    hf = hf_folder(place, reference)
    tensors, _ = read(f"{hf}/model.safetensors")
    del tensors["vit.encoder.layer.0.attention.attention.key.weight"]
    tensors["vit.layernorm.weight"] = ("F32", [4], bytes(16))
    tensors["vit.pooler.dense.bias"] = ("F32", [4], bytes(16))
    write(f"{hf}/model.safetensors", tensors)
    told = faults(place, hf)
    parts = ["vit.encoder.layer.0.attention.attention.key.weight is missing",
             "vit.layernorm.weight has shape [4]; this model has [16]", "vit.pooler.dense.bias is unexpected"]
    assert len(told) == 3 and all(part in line for part, line in zip(parts, told)), told
    heads = hf_folder(place, reference, "heads", num_attention_heads=4)
    assert ["its model has 4 heads; this one has 2" in line for line in faults(place, heads)] == [True]
    eps = hf_folder(place, reference, "eps", residual_eps=1e-3)
    assert ["its residual_eps is 0.001" in line for line in faults(place, eps)] == [True]
    assert len(faults(place, f"{run.path}", model={"arch": "vit", "preset": "S", "width": None, "depth": None,
                                                   "heads": None, "patch_size": 7})) > 20


def test_other_configs_are_refused(place):
    _, reference = trained(place)
    for number, (key, value, part) in enumerate((
            ("model_type", "vit", "\"model_type\" is \"vit\", which this model cannot be"),
            ("hidden_act", "gelu", "\"hidden_act\" is \"gelu\""),
            ("hidden_act", 7, "\"hidden_act\" is no text"),
            ("qkv_bias", False, "\"qkv_bias\" is false"),
            ("qkv_bias", "no", "\"qkv_bias\" is neither true nor false"),
            ("elementwise_affine_ln", True, "\"elementwise_affine_ln\" is true"),
            ("intermediate_size", 7, "\"intermediate_size\" is not four times"),
            ("layer_norm_eps", 1e-12, "\"layer_norm_eps\" is not 1e-6"),
            ("hidden_size", -4, "\"hidden_size\" is no whole number"),
            ("hidden_size", 1e300, "\"hidden_size\" is no whole number"),
            ("num_attention_heads", 5, "\"num_attention_heads\" does not divide"),
            ("patch_size", 5, "\"patch_size\" does not divide"),
            ("num_hidden_layers", 300, "\"num_hidden_layers\" is more than 256"),
            ("residual_eps", 0, "\"residual_eps\" is not more than 0"),
            ("residual_perturbation", 0.1, "\"residual_perturbation\" is not null"),
            ("residual_connection_dim", 1, "\"residual_connection_dim\" is not -1"),
            ("orthogonal_method", "local", "\"orthogonal_method\" is \"local\""))):
        folder = hf_folder(place, reference, f"hf{number}", **{key: value})
        detail, = faults(place, folder)
        assert part in detail and f"{folder}/config.json" in detail, (key, detail)
    with open(f"{folder}/config.json", "w") as file:
        file.write("{\"model_type\":")
    detail, = faults(place, folder)
    assert f"{folder}/config.json: line 1, column 15" in detail, detail


def test_values_that_are_not_finite_are_refused(place):
    run, reference = trained(place)
    bad = dict(reference)
    for name, value in (("pos_embed", math.nan), ("blocks.1.attn.proj.bias", -math.inf)):
        values = floats(reference[name])
        values[3] = value
        bad[name] = (*reference[name][:2], values.tobytes())
    huge = array.array("d", floats(reference["classifier.0.bias"]))
    huge[0] = 1e300
    bad["classifier.0.bias"] = ("F64", [WIDTH], huge.tobytes())
    path = f"{place.path}/bad.safetensors"
    write(path, bad)
    spec = place.write(place.spec(**SPEC, init_from=path))
    one_line(call("run", spec, "--dir", f"{place.path}/bad"), path, "NaN, infinite or too large for float32",
             "pos_embed, blocks.1.attn.proj.bias, classifier.0.bias")
    end = Run(f"{place.path}/bad").end()
    assert end["outcome"] == "failed" and "pos_embed" in end["reason"], end
    one_line(call("eval", path, "--spec", spec), "pos_embed")
    one_line(call("export", path, "--spec", spec, "--to", "hf", "--out", f"{place.path}/out"), "pos_embed")
    assert not os.path.exists(f"{place.path}/out")
    eps = {**reference, "blocks.0.residual_eps": ("F32", [1], packed([0.5]))}
    write(f"{place.path}/eps.safetensors", eps)
    one_line(call("run", place.write(place.spec(**SPEC, init_from=f"{place.path}/eps.safetensors")), "--dir",
                  f"{place.path}/eps"), "blocks.0.residual_eps is 0.5")


# Weights that are finite, each of them, and overflow in one place: its step, block and tensor are in
# what the worker says and leaves behind.
def test_an_overflow_is_traced_to_its_tensor(place):
    _, reference = trained(place)
    name = "blocks.1.attn.proj.weight"
    path = f"{place.path}/steep.safetensors"
    write(path, {**reference, name: (*reference[name][:2], packed([3e38] * count_of(reference[name][1])))})
    done = call("run", place.write(place.spec(**SPEC, init_from=path)), "--dir", f"{place.path}/steep")
    one_line(done, "try a smaller lr")
    end = Run(f"{place.path}/steep").end()
    assert end["outcome"] == "failed" and end["step"] == 0, end
    pattern = (r"the loss of step 1 is -?(?:nan|inf): block 1 attn: proj has (\d+) non-finite values of (\d+), "
               r"the first at \[\d+, \d+, \d+\]; ")
    for text in (done.stderr, end["reason"]):
        bad, values = map(int, re.search(pattern, text).groups())
        assert 0 < bad <= values == 8 * (TOKENS + 1) * WIDTH, text
    assert not os.path.exists(f"{place.path}/steep/model.safetensors")


def test_pickles_and_other_files_are_refused(place):
    for name, data in (("zip.pt", b"PK\x03\x04" + bytes(100)), ("zip.bin", b"PK\x03\x04" + bytes(100)),
                       ("old.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(100)),
                       ("new.pkl", b"\x80\x05\x95" + bytes(100))):
        path = f"{place.path}/{name}"
        with open(path, "wb") as file:
            file.write(data)
        detail, = faults(place, path)
        assert f"{path} is a pickle" in detail and "safetensors.torch.save_file" in detail, detail
    folder = f"{place.path}/torch"
    os.mkdir(folder)
    assert ["has no model.safetensors" in line for line in faults(place, folder)] == [True]
    shutil.copy(f"{place.path}/zip.bin", f"{folder}/pytorch_model.bin")
    assert ["is a pickle" in line for line in faults(place, folder)] == [True]
    os.rename(f"{folder}/pytorch_model.bin", f"{folder}/model.safetensors.index.json")
    assert ["in several files" in line for line in faults(place, folder)] == [True]
    run, _ = trained(place)
    os.unlink(f"{run.path}/model.safetensors")
    assert [f"give one of {run.path}/checkpoints/" in line for line in faults(place, run.path)] == [True]
    for path, part in ((f"{place.path}/none", "No such file"), ("models/x", "is relative"), ("/dev/null", "is not a file"),
                       (place.data + "/train-labels-idx1-ubyte", "the header's size")):
        assert [part in line for line in faults(place, path)] == [True], path
    # A header of 640 bytes begins like a pickle.
    write(f"{place.path}/640.safetensors", {"x": ("F32", [1], bytes(4))}, {"pad": "y" * 560})
    with open(f"{place.path}/640.safetensors", "rb") as file:
        size = file.read(2)
    assert all("is a pickle" not in line for line in faults(place, f"{place.path}/640.safetensors")), size


def test_a_resumed_run_needs_no_start(place):
    run, _ = trained(place)
    spec = place.spec(**SPEC, init_from=run.path)
    whole = place.succeed(spec, "whole")
    assert whole.model() != run.model()
    shutil.copytree(whole.path, f"{place.path}/again")
    os.rename(run.path, f"{place.path}/moved")
    shutil.rmtree(f"{place.path}/again/checkpoints/step-00000024")
    os.unlink(f"{place.path}/again/model.safetensors")
    again = place.succeed(spec, "again")
    assert again.of("start")[-1]["step"] == 20 and again.model() == whole.model()
    # Without a whole checkpoint it does need it.
    for name in again.checkpoints():
        os.truncate(f"{again.path}/checkpoints/{name}/state.json", 0)
    one_line(place.run(spec, "again"), f"init_from: {run.path}", "No such file")
    one_line(place.run(spec, "fresh"), "/init_from", run.path, "No such file")


def test_a_resnet_goes_the_same_ways(place):
    # Its running statistics and counters are part of the weights.
    model = {"arch": "resnet18", "preset": None, "width": None, "depth": None, "heads": None, "patch_size": None}
    data = {"limit_train": 16, "limit_eval": 6}
    run = place.succeed(place.spec(model=model, data=data, train={"epochs": 1, "batch_size": 8},
                                   checkpoint={"every_steps": 1, "keep": 2}), "trained")
    want = {key: run.points()[2, key] for key in ("val/loss", "val/acc@1", "val/acc@5")}
    assert numbers(evaluate(run.path)) == want
    reference, _ = read(f"{run.path}/model.safetensors")
    assert reference["pre.1.num_batches_tracked"][0] == "I64"
    # A training step at a rate of zero changes the running statistics alone.
    spec = place.spec(model=model, data=data, init_from=f"{run.path}/checkpoints/step-00000001",
                      train={"epochs": 1, "batch_size": 8, "max_steps": 1, "optimizer": {"lr": 0, "weight_decay": 0}})
    start, _ = read(f"{run.path}/checkpoints/step-00000001/model.safetensors")
    again, _ = read(f"{place.succeed(spec, 'again').path}/model.safetensors")
    counters = 0
    for name in start:
        if name.endswith("num_batches_tracked"):
            counters += 1
            assert (floats(start[name])[0], floats(again[name])[0]) == (1, 2), name
        elif "running_" not in name:
            assert start[name] == again[name], name
    assert counters == 17, counters
    file = f"{place.path}/features.safetensors"
    assert call("features", run.path, "--out", file).returncode == 0
    assert read(file)[0]["features"][:2] == ("F32", [6, 512])
    one_line(call("export", run.path, "--to", "hf", "--out", f"{place.path}/y"), "has no words for model.arch")
    export(run.path, "reference", f"{place.path}/x.safetensors")
    assert read(f"{place.path}/x.safetensors")[0] == reference
    done = call("plan", place.write(place.spec(**SPEC, init_from=run.path)), "--json")  # for a ViT
    told = json.loads(done.stdout)["errors"]
    assert len(told) == 101 and "cls_token is missing" in told[0]["detail"] and "more faults" in told[100]["detail"]


# --- export -------------------------------------------------------------------------------

def export(weights, to, out, *options):
    done = call("export", weights, "--to", to, "--out", out, *options)
    assert done.returncode == 0 and done.stdout == "" and done.stderr == "", done.stderr


def test_hugging_face_there_and_back(place):
    _, reference = trained(place)
    hf = hf_folder(place, reference)
    before, _ = read(f"{hf}/model.safetensors")
    for name, out in (("file", f"{place.path}/here.safetensors"), ("folder", f"{place.path}/here")):
        export(hf, "reference", out)
        file = out if name == "file" else f"{out}/model.safetensors"
        here, metadata = read(file)
        assert list(here) == list(reference), here.keys()
        for tensor in reference:
            if tensor != "cls_token":
                assert here[tensor] == reference[tensor], tensor
        assert json.loads(metadata["config"])["num_attention_heads"] == 2
        export(out, "hf", f"{place.path}/back-{name}")
        back, metadata = read(f"{place.path}/back-{name}/model.safetensors")
        assert metadata == {"format": "pt"} and back.keys() == before.keys()
        token, position = "vit.embeddings.cls_token", "vit.embeddings.position_embeddings"
        for tensor in before.keys() - {token, position}:
            assert back[tensor] == before[tensor], tensor
        assert back[position][:2] == before[position][:2] and back[position][2] == (
            bytes(4 * WIDTH) + before[position][2][4 * WIDTH:])
        sums = [single(a + b) for a, b in zip(floats(before[token]), floats(before[position]))]
        assert list(floats(back[token])) == sums
        with open(f"{place.path}/back-{name}/config.json") as file:
            config = json.load(file)
        for key in set(CONFIG) - {"id2label", "initializer_range"}:
            assert config[key] == CONFIG[key], (key, config[key])
        assert len(config["id2label"]) == CLASSES
        # From there on, nothing changes any more.
        export(f"{place.path}/back-{name}", "hf", f"{place.path}/twice-{name}")
        for leaf in ("model.safetensors", "config.json"):
            with open(f"{place.path}/back-{name}/{leaf}", "rb") as a, open(f"{place.path}/twice-{name}/{leaf}", "rb") as b:
                assert a.read() == b.read(), leaf


def test_a_run_goes_to_hugging_face(place):
    run, reference = trained(place)
    want = to_hf(reference)
    zeros = bytes(4 * WIDTH)
    dtype, shape, data = want["vit.embeddings.position_embeddings"]
    want["vit.embeddings.position_embeddings"] = (dtype, shape, zeros + data[4 * WIDTH:])
    for name, weights in (("a", run.path), ("b", f"{run.path}/checkpoints/step-00000024"),
                          ("c", f"{run.path}/model.safetensors")):
        export(weights, "hf", f"{place.path}/{name}/deep")
        tensors, _ = read(f"{place.path}/{name}/deep/model.safetensors")
        assert tensors == want
    assert sorted(os.listdir(f"{place.path}/a/deep")) == ["config.json", "model.safetensors"]
    export(f"{run.path}/checkpoints/best", "reference", f"{place.path}/best.safetensors")
    best, _ = read(f"{run.path}/checkpoints/best/model.safetensors")
    assert read(f"{place.path}/best.safetensors")[0] == best
    result = evaluate(f"{place.path}/a/deep", "--dataset", "mnist", "--root", place.data, "--batch", "8", "--threads", "1")
    assert numbers(result) == numbers(evaluate(run.path))


def test_export_says_what_is_wrong(place):
    run, reference = trained(place)
    export(run.path, "hf", f"{place.path}/out")
    one_line(call("export", run.path, "--to", "hf", "--out", f"{place.path}/out"), "out/config.json is there already")
    one_line(call("export", run.path, "--to", "hf", "--out", f"{run.path}/lock"), "lock")
    export(run.path, "reference", f"{place.path}/x.safetensors")
    one_line(call("export", run.path, "--to", "reference", "--out", f"{place.path}/x.safetensors"), "is there already")
    one_line(call("export", f"{place.path}/none", "--to", "hf", "--out", f"{place.path}/y"), "No such file")
    write(f"{place.path}/lonely.safetensors", reference)
    one_line(call("export", f"{place.path}/lonely.safetensors", "--to", "hf", "--out", f"{place.path}/y"), "--spec")
    for residual, part in (({"connection": "linear", "method": "negative"}, "residual.method \"negative\""),
                           ({"connection": "orthogonal", "pattern": "rezero"}, "residual.pattern"),
                           ({"connection": "orthogonal", "probability": 0.5}, "residual.probability"),
                           ({"connection": "orthogonal", "perturbation": 0.1}, "residual.perturbation"),
                           ({"connection": "orthogonal", "blocks": [0]}, "residual.blocks")):
        odd = place.succeed(place.spec(residual=residual), part.split()[0])
        assert numbers(evaluate(odd.path)) == {key: odd.points()[24, key] for key in ("val/loss", "val/acc@1", "val/acc@5")}
        one_line(call("export", odd.path, "--to", "hf", "--out", f"{place.path}/y"), "has no words for", part)
        export(odd.path, "reference", f"{odd.path}/out.safetensors")
    assert not os.path.exists(f"{place.path}/y")


if __name__ == "__main__":
    sys.exit(main(globals()))
