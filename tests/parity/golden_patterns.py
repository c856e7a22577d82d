# SPDX-License-Identifier: Apache-2.0
"""Golden values of connections with a pattern, of rows that are whole samples, of dropping and of
noise: as golden_ops.py has them for the rest."""
import torch
from torch import nn

import drawn
import golden_ops
import safetensors_file
import vit

PATTERNS = ("rezero", "rezero_constrained", "rescale_stream", "conv1x1")


def all_statistics(x, f, kind, eps, pattern, scale):
    """The eleven values of the kernels: the six, a, ||s x||^2, ||f - s x||^2, ||p x||^2 or ||u||^2,
    and that over ||x||^2."""
    six, _ = vit.statistics_of(x, f, kind, eps, pattern, scale)
    with torch.no_grad():
        square, parallel, rest = vit.parts_of(x, f, kind, eps)
        scaled = x
        if pattern == "rescale_stream":
            scaled = scale(x) if callable(scale) else (1 + scale) * x
        scaled2 = vit.clamped_norm(scaled, eps)
        values = [vit._inner(v, v).mean() for v in (parallel, rest)]
        values += [scaled2.mean(), (scaled2 / square).mean()]
    return torch.tensor(six + [0.0 if callable(scale) else scale.item()] +
                        [value.item() for value in values], dtype=torch.float64)


def connection(goldens, case, x, f, kind, eps, pattern):
    x, f = x.requires_grad_(), f.requires_grad_()
    g = golden_ops.draw(*x.shape)
    eps_tensor = torch.tensor(eps, dtype=torch.float64)
    tensors = {}
    if pattern == "conv1x1":
        # A convolution over one row of pixels: what a linear layer does to the last axis.
        convolution = nn.Conv2d(x.shape[1], x.shape[1], 1, bias=False).double()
        weight = convolution.weight.data.float()
        convolution.weight.data = weight.double()

        def scale(rows):
            return convolution(rows.t()[None, :, :, None])[0, :, :, 0].t()

        scale.weight, pattern = convolution.weight, "rescale_stream"
        tensors["w"] = weight[:, :, 0, 0]
    else:
        scale = torch.tensor([0.7], dtype=torch.float32).double().requires_grad_()
        tensors["a"] = scale
    y = vit.connect(x, f, kind, eps_tensor, pattern, scale)
    y.backward(g)
    if callable(scale):
        tensors["dw"] = scale.weight.grad[:, :, 0, 0]
        tensors["weight_norm"] = scale.weight.norm().reshape(1)
    else:
        tensors["da"] = scale.grad
    goldens.put(case, {"eps": eps}, x=x, f=f, y=y, g=g, dx=x.grad, df=f.grad, **tensors,
                stats=all_statistics(x, f, kind, eps_tensor, pattern, scale))


def connections(goldens):
    # Rows as they occur at the edges, and rows of which half are shorter than the root of eps, so
    # that <x,x> is clamped there.
    for kind in ("linear", "feature"):
        for pattern in PATTERNS:
            for rows, eps in (("odd", 1e-6), ("short", 1.0)):
                x, f = golden_ops.stream_rows(8, 20, rows == "odd")
                if rows == "short":
                    x[::2] *= torch.tensor(0.125).double()
                connection(goldens, f"{pattern}_{kind}_{rows}", x, f, kind, eps, pattern)


def samples(goldens):
    """Rows of a conv net that are whole samples: [batch, channels, height, width] flattened from the
    channels on; stored with the channels last, as kernels see them."""
    for case, pattern in (("global", "default"), ("global_constrained", "rezero_constrained")):
        x, f, g = (golden_ops.draw(3, 4, 5, 3) for _ in range(3))
        eps = torch.tensor(1e-6, dtype=torch.float64)
        scale = torch.tensor([0.7], dtype=torch.float32).double()
        rows = (value.flatten(1) for value in (x, f))
        y = vit.connect(*rows, "feature", eps, pattern, scale).reshape(x.shape)
        y.backward(g)
        values, _ = vit.statistics_of(x.flatten(1), f.flatten(1), "feature", eps, pattern, scale)
        tensors = {"x": x, "f": f, "y": y, "g": g, "dx": x.grad, "df": f.grad}
        goldens.put(case, {"eps": 1e-6}, a=scale,
                    stats=torch.tensor(values, dtype=torch.float64),
                    **{name: value.permute(0, 2, 3, 1) for name, value in tensors.items()})


def drops(goldens):
    """Masks of the stream (seed 77, layer 5, index 2^40 + 3) over three samples of 50 values."""
    draws = drawn.Draws(77, 2**40 + 3, True)
    x, dy = golden_ops.draw(3, 50), golden_ops.draw(3, 50)
    for case, shape, rate in (("dropout", (3, 50), 0.3), ("drop_path", (3, 1), 0.5)):
        mask = draws.mask(5, rate, shape)
        goldens.put(case, {"rate": rate}, x=x, y=x * mask, dy=dy, dx=dy * mask)
    goldens.put("noise", {"scale": 0.25}, x=x, y=x + 0.25 * draws.noise(5, (3, 50)))


def write(path):
    torch.manual_seed(2)
    goldens = golden_ops.Goldens()
    for fill in (connections, samples, drops):
        fill(goldens)
    safetensors_file.write(path, goldens.tensors, goldens.scalars)
