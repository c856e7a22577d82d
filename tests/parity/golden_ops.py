# SPDX-License-Identifier: Apache-2.0
"""Golden values of single operations: float32 inputs, PyTorch's float64 arithmetic, float32 output.

Float64 inside, so that what a kernel is measured against is the value itself and not another
rounding of it. Tensors are named CASE/ARGUMENT; scalars stand in the metadata under the same names.
"""
import torch
from torch import nn
from torch.nn import functional

import safetensors_file
import vit


class Goldens:
    def __init__(self):
        self.tensors, self.scalars = {}, {}

    def put(self, case, scalars=None, **tensors):
        for name, tensor in tensors.items():
            tensor = tensor.detach()
            wanted = torch.int64 if tensor.dtype == torch.int64 else torch.float32
            self.tensors[f"{case}/{name}"] = tensor.to(wanted).contiguous()
        for name, value in (scalars or {}).items():
            self.scalars[f"{case}/{name}"] = repr(value)


def draw(*shape, scale=1.0):
    """float32 values held as float64, with gradient."""
    return (torch.randn(*shape) * scale).double().requires_grad_()


def layer_norms(goldens):
    for case, affine, offset in (("layernorm", False, 0.0), ("layernorm_affine", True, 3.0)):
        x = (torch.randn(7, 24) + offset).double().requires_grad_()
        gamma, beta, dy = draw(24), draw(24), draw(7, 24)
        eps = 1e-5 if affine else 1e-6
        weights = (gamma, beta) if affine else (None, None)
        y = functional.layer_norm(x, (24,), *weights, eps=eps)
        y.backward(dy)
        mean = x.mean(-1)
        rstd = 1 / (x.var(-1, unbiased=False) + eps).sqrt()
        goldens.put(case, {"eps": eps}, x=x, y=y, mean=mean, rstd=rstd, dy=dy, dx=x.grad)
        if affine:
            goldens.put(case, gamma=gamma, beta=beta, dgamma=gamma.grad, dbeta=beta.grad)


def linears(goldens):
    x, w, b, dy = draw(11, 24), draw(40, 24, scale=0.2), draw(40), draw(11, 40)
    y = functional.linear(x, w, b)
    y.backward(dy)
    goldens.put("linear", x=x, w=w, b=b, y=y, dy=dy, dx=x.grad, dw=w.grad, db=b.grad)
    goldens.put("linear_gelu", y=functional.gelu(y, approximate="tanh"))


def gelus(goldens):
    x = torch.cat((torch.linspace(-12, 12, 97), torch.randn(30))).double().requires_grad_()
    dy = draw(127)
    y = functional.gelu(x, approximate="tanh")
    y.backward(dy)
    goldens.put("gelu", x=x, y=y, dy=dy, dx=x.grad)


def attentions(goldens):
    batch, tokens, heads, size = 2, 17, 3, 8
    for case, scale in (("attention", 1.0), ("attention_sharp", 2.0)):
        qkv = draw(batch, tokens, 3, heads, size, scale=scale)
        dout = draw(batch, tokens, heads, size)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        p = (q @ k.transpose(-2, -1) / size**0.5).softmax(-1)
        out = (p @ v).transpose(1, 2)
        out.backward(dout)
        goldens.put(case, qkv=qkv, p=p, out=out, dout=dout, dqkv=qkv.grad)


def stream_rows(rows, n, odd):
    """Rows of x and f. With odd, some as they occur at the edges: all zero (the class token at the
    start), tiny, large, f parallel to x, f zero. One zero row is all that a mean over rows shows
    then, so that statistics need a case without."""
    x, f = torch.randn(rows, n), torch.randn(rows, n)
    if odd:
        x[1] = 0
        x[2] *= 1e-3
        x[3] *= 100
        f[4] = 0.5 * x[4]
        f[5] = 0
    return x.double(), f.double()


def connections(goldens):
    # An eps of 1 is close to the norms of plain rows: it shows where eps is added and where it clamps.
    for kind in ("linear", "negative", "feature"):
        for rows, eps in (("odd", 1e-6), ("plain", 1.0)):
            x, f = (value.requires_grad_() for value in stream_rows(9, 24, rows == "odd"))
            g = draw(9, 24)
            eps_tensor = torch.tensor(eps, dtype=torch.float64)
            y = vit.connect(x, f, kind, eps_tensor)
            statistics, _ = vit.statistics_of(x, f, kind, eps_tensor)
            y.backward(g)
            z = functional.layer_norm(y, (24,), eps=1e-6)
            goldens.put(f"connect_{kind}_{rows}", {"eps": eps}, x=x, f=f, y=y, z=z, g=g, dx=x.grad,
                        df=f.grad, stats=torch.tensor(statistics, dtype=torch.float64))


def patches(goldens):
    for case, channels, height, width, patch, out in (("patchify", 1, 28, 28, 7, 5),
                                                      ("patchify_rgb", 3, 8, 12, 4, 6)):
        images, w = draw(2, channels, height, width), draw(out, channels, patch, patch)
        y = functional.conv2d(images, w, stride=patch).flatten(2).transpose(1, 2)
        goldens.put(case, {"patch": patch}, images=images.permute(0, 2, 3, 1), w=w, y=y)


def tokens(goldens):
    x, cls, pos, dy = draw(3, 5, 8), draw(8), draw(5, 8), draw(3, 6, 8)
    y = torch.cat((cls.expand(3, 1, 8), x + pos), 1)
    y.backward(dy)
    goldens.put("embed_tokens", x=x, cls=cls, pos=pos, y=y, dy=dy, dx=x.grad, dcls=cls.grad,
                dpos=pos.grad)
    x, dy = draw(3, 6, 8), draw(3, 8)
    y = x[:, 0]
    y.backward(dy)
    goldens.put("first_token", x=x, y=y, dy=dy, dx=x.grad)


def losses(goldens):
    for smoothing in (0.0, 0.1):
        logits = draw(13, 10, scale=3.0)
        with torch.no_grad():
            logits[2] = 40 * logits[2]
            logits[3] = 0.5
        labels = torch.randint(10, (13,))
        criterion = {"label_smoothing": smoothing, "reduction": "none"}
        loss = functional.cross_entropy(logits, labels, **criterion)
        (loss.sum() / 13).backward()
        own = logits.gather(1, labels[:, None])
        before = torch.arange(10) < labels[:, None]
        rank = ((logits > own) | ((logits == own) & before)).sum(1)
        goldens.put(f"cross_entropy_{smoothing:g}", {"smoothing": smoothing}, logits=logits,
                    labels=labels, loss=loss, rank=rank, dlogits=logits.grad)


def soft_losses(goldens):
    """Targets as mixing makes them, one certain and one whose sum is not 1."""
    logits = draw(13, 10, scale=3.0)
    targets = torch.rand(13, 10)
    targets = targets / targets.sum(1, keepdim=True)
    targets[1] = functional.one_hot(torch.tensor(7), 10)
    targets[2] *= 0.5
    with torch.no_grad():
        logits[3] = 40 * logits[3]
        logits[4] = 0.5
    loss = functional.cross_entropy(logits, targets.double(), reduction="none")
    (loss.sum() / 13).backward()
    goldens.put("cross_entropy_soft", logits=logits, targets=targets, loss=loss,
                dlogits=logits.grad)


def norms(goldens):
    x = draw(1003)
    goldens.put("sum_of_squares", x=x, sum=x.square().sum().reshape(1))


def optimizers(goldens):
    """Three updates with given gradients. Those of adam_tiny are as small as Adam's eps."""
    kinds = {
        "adam": (torch.optim.Adam, {"lr": 1e-2, "betas": (0.9, 0.999), "weight_decay": 0.1}),
        "adam_tiny": (torch.optim.Adam, {"lr": 1e-2, "betas": (0.9, 0.999), "weight_decay": 0.0}),
        "adamw": (torch.optim.AdamW, {"lr": 1e-2, "betas": (0.8, 0.95), "weight_decay": 0.1}),
        "sgd": (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.9, "weight_decay": 0.1}),
        "sgd_plain": (torch.optim.SGD, {"lr": 1e-2, "momentum": 0.0, "weight_decay": 0.0}),
    }
    for case, (kind, options) in kinds.items():
        p = nn.Parameter(torch.randn(37).double() * 0.1)
        g = torch.randn(3, 37) * (1e-8 if case == "adam_tiny" else 1.0)
        g[2, 5] = 0
        optimizer = kind([p], **options)
        goldens.put(case, g=g, p0=p)
        for step in range(3):
            p.grad = g[step].double()
            optimizer.step()
            goldens.put(case, **{f"p{step + 1}": p})
        if "betas" in options:
            beta1, beta2 = options["betas"]
            scalars = {"beta1": beta1, "beta2": beta2, "eps": 1e-8}
            goldens.put(case, m=optimizer.state[p]["exp_avg"], v=optimizer.state[p]["exp_avg_sq"])
        else:
            scalars = {"momentum": options["momentum"]}
        goldens.put(case, {"lr": options["lr"], "weight_decay": options["weight_decay"], **scalars})


def write(path):
    torch.manual_seed(1)
    goldens = Goldens()
    for fill in (layer_norms, linears, gelus, attentions, connections, patches, tokens, losses,
                 norms, optimizers, soft_losses):
        fill(goldens)
    safetensors_file.write(path, goldens.tensors, goldens.scalars)
