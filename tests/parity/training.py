# SPDX-License-Identifier: Apache-2.0
"""A training run as a job spec describes it, in PyTorch: what orthod's numbers are held against."""
import math

import torch
from torch import nn

import drawn
import fashion_mnist
import mixup
import resnet
import vit

PRESETS = {"S": (384, 6, 6), "B": (768, 12, 12), "Ti": (192, 6, 3), "N": (64, 6, 4)}


def build(spec, channels=1, classes=10):
    """The model of a spec, with fresh weights from PyTorch's generator."""
    model, residual = spec["model"], spec["residual"]
    options = vit.Options(residual["eps"], residual["pattern"], model["drop_path"],
                          model["mlp_dropout"], residual["perturbation"] or 0)
    if model["arch"] in resnet.RECIPES:
        kinds = [_kind(residual, index) for index in range(sum(resnet.RECIPES[model["arch"]][0]))]
        return resnet.ResNet(model["arch"], channels, classes, kinds, options,
                             model["layernorm_head"], residual["rescale_mode"] == "conv1x1")
    width, depth, heads = PRESETS[model["preset"]]
    width, depth, heads = model["width"] or width, model["depth"] or depth, model["heads"] or heads
    kinds = [_kind(residual, index) for index in range(depth)]
    patch = model["patch_size"] or 7
    return vit.VisionTransformer(28, patch, channels, classes, width, heads, kinds, options)


def _kind(residual, index):
    if residual["connection"] == "linear":
        return "negative" if residual["method"] == "negative" else "linear"
    if residual["blocks"] is not None and index not in residual["blocks"]:
        return "linear"
    return residual["method"]


def factor(train, steps_per_epoch, step):
    """What the learning rate is multiplied with in the optimizer step that follows `step` others."""
    schedule = train["schedule"]
    warmup = schedule["warmup_epochs"] * steps_per_epoch
    if step < warmup:
        constant = schedule["type"] == "step" and schedule["warmup_type"] == "const"
        return 0.1 if constant else step / warmup
    done = (step - warmup) / max(1, train["epochs"] * steps_per_epoch - warmup)
    if schedule["type"] == "cos":
        scale = 0.5 * (1 + math.cos(math.pi * done))
    elif schedule["type"] == "lin":
        scale = max(0.0, 1 - done)
    elif schedule["type"] == "step":
        passed = sum(step >= epoch * steps_per_epoch for epoch in schedule["decay_epochs"])
        scale = schedule["decay_ratio"] ** passed
    else:
        scale = 1.0
    floor = min((schedule["min_lr"] or 0) / train["optimizer"]["lr"], 1)
    return floor + (1 - floor) * scale


def _optimizer(model, options):
    common = {"lr": options["lr"], "weight_decay": options["weight_decay"]}
    if options["type"] == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=options["momentum"], **common)
    kind = torch.optim.AdamW if options["type"] == "adamw" else torch.optim.Adam
    return kind(model.parameters(), betas=(options["beta1"], options["beta2"]), **common)


def _gradient_norm(model):
    return torch.sqrt(sum(p.grad.square().sum() for p in model.parameters())).item()


def with_eps(weights, spec):
    """The weights with the eps of the spec, which a checkpoint carries as a buffer of each block."""
    eps = spec["residual"]["eps"]
    return {name: torch.full_like(tensor, eps) if name.endswith("residual_eps") else tensor
            for name, tensor in weights.items()}


def draw_connections(model, spec, step):
    """Chooses which blocks are orthogonal in a step; evaluation keeps the last choice."""
    probability = spec["residual"]["probability"]
    if probability is not None:
        for index, block in enumerate(model.blocks):
            is_orthogonal = drawn.is_orthogonal(spec["train"]["seed"], index, step, probability)
            block.kind = _kind(spec["residual"], index) if is_orthogonal else "linear"


def set_draws(model, draws):
    for block in model.blocks:
        block.draws = draws


def _logits(model, images, precision):
    """In bf16 as torch.autocast computes them; the loss that follows is float32, as in a job."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        logits = model(images)
    return logits.float() if precision == "bf16" else logits


class Run:
    """Steps through a spec with shuffle false and augment none. data: images and labels in the place
    of Fashion-MNIST's."""

    def __init__(self, spec, weights, dtype=torch.float32, data=None):
        images, labels = data or fashion_mnist.load("train", spec["data"]["limit_train"])
        self.spec = spec
        self.train = spec["train"]
        self.model = build(spec, images.shape[1])
        self.model.load_state_dict(with_eps(weights, spec), strict=True)
        self.model.to(dtype)
        self.optimizer = _optimizer(self.model, self.train["optimizer"])
        self.mixup = spec["data"]["mixup"]
        self.criterion = nn.CrossEntropyLoss(
            label_smoothing=0.0 if self.mixup else self.train["label_smoothing"])
        self.accumulate = self.train["grad_accumulate_steps"]
        self.micro = micro = self.train["batch_size"] // self.accumulate
        images = images.to(dtype)
        count = len(images) // micro
        self.batches = [
            (images[i * micro : (i + 1) * micro], labels[i * micro : (i + 1) * micro])
            for i in range(count)
        ]
        self.steps_per_epoch = -(-count // self.accumulate)
        most = self.train["max_steps"] or math.inf
        self.steps = min(most, self.train["epochs"] * self.steps_per_epoch)
        # As in the reference, an epoch of the schedule is never longer than max_steps and does not
        # count the step of an incomplete group.
        self.schedule_epoch = min(most, max(1, count // self.accumulate))
        self.step = 0

    def advance(self):
        """One optimizer step over up to `accumulate` batches; the last of an epoch may have fewer."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        group = self.batches[position * self.accumulate : (position + 1) * self.accumulate]
        rate = self.train["optimizer"]["lr"] * factor(self.train, self.schedule_epoch, self.step)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.zero_grad()
        loss, correct, statistics = 0.0, 0, []
        draw_connections(self.model, self.spec, self.step)
        first = epoch * len(self.batches) + position * self.accumulate
        for number, (images, labels) in enumerate(group):
            set_draws(self.model, drawn.Draws(self.train["seed"], first + number, True))
            targets = labels
            if self.mixup:
                images, targets = mixup.batch(self.mixup, self.train, epoch,
                                              position * self.accumulate + number, images, labels)
            logits = _logits(self.model, images, self.train["precision"])
            part = self.criterion(logits, targets)
            (part / len(group)).backward()
            loss += part.item() / len(group)
            correct += (logits.argmax(1) == labels).sum().item()
            statistics.append(self.model.statistics())
        if self.train["grad_clip"]:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.train["grad_clip"])
        norm = _gradient_norm(self.model)
        self.optimizer.step()
        self.step += 1
        samples = sum(len(labels) for _, labels in group)
        return {
            "step": self.step,
            "epoch": epoch,
            "samples": samples,
            "loss": loss,
            "accuracy": None if self.mixup else correct / samples,
            "lr": rate,
            "grad_norm": norm,
            "statistics": _mean_statistics(statistics),
        }


def _mean_statistics(parts):
    """The mean over batches of the same size, a row a connection."""
    means = []
    for rows in zip(*parts):
        tag, block, _, extras = rows[0]
        mean = {"tag": tag, "block": block,
                "values": [sum(values) / len(parts) for values in zip(*(row[2] for row in rows))]}
        if extras:
            mean["extras"] = {name: sum(row[3][name] for row in rows) / len(parts)
                              for name in extras}
        means.append(mean)
    return means


@torch.no_grad()
def evaluate(model, limit=None, batch=250, seed=0, step=0, data=None, precision="fp32"):
    """Loss without smoothing and accuracies over the first `limit` images of the test split, or over
    data: images and labels."""
    images, labels = data or fashion_mnist.load("test", limit)
    images = images.to(next(model.parameters()).dtype)
    model.eval()
    logits = []
    parts = images.split(batch)
    for number, part in enumerate(parts):
        set_draws(model, drawn.Draws(seed, step * len(parts) + number, False))
        logits.append(_logits(model, part, precision))
    model.train()
    logits = torch.cat(logits)
    best = logits.topk(5).indices == labels[:, None]
    return {
        "samples": len(labels),
        "loss": nn.functional.cross_entropy(logits, labels).item(),
        "acc1": best[:, :1].any(1).double().mean().item(),
        "acc5": best.any(1).double().mean().item(),
    }
