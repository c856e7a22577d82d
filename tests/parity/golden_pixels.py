# SPDX-License-Identifier: Apache-2.0
"""Golden pixels of augmentation, from torchvision's functions on Pillow images.

pixels.json lists images and cases (an operation, its input, its numbers), pixels.bin holds all
pixels one behind the other, [height, width, channels]. pipelines.safetensors has whole pipelines
down to normalised float32 values, with parameters that are drawn here from the same streams.
"""
import json
import math
import os

import numpy
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import autoaugment, functional

import philox
import safetensors_file

MODES = {1: "L", 3: "RGB"}
BILINEAR, BICUBIC = (transforms.InterpolationMode.BILINEAR, transforms.InterpolationMode.BICUBIC)
FILTERS = {"bilinear": BILINEAR, "bicubic": BICUBIC}


# --- images -----------------------------------------------------------------------------------


def scene(width, height, channels=3, seed=0):
    """Gradients, an edge, a disc and a little noise: what a photograph is made of."""
    rng = numpy.random.RandomState(seed)
    y, x = numpy.mgrid[0:height, 0:width] / max(width, height)
    planes = []
    for c in range(channels):
        plane = 40 + 30 * c + 120 * (x if c % 2 else y)
        plane = numpy.where(x + 0.4 * y > 0.7, 235 - 60 * c, plane)
        plane = numpy.where((x - 0.4) ** 2 + (y - 0.5) ** 2 < 0.05, 70 * c + 20, plane)
        planes.append(plane + rng.normal(0, 9, plane.shape))
    return numpy.stack(planes, -1).clip(0, 255).astype(numpy.uint8)


def noise(width, height, channels=3, seed=1):
    return numpy.random.RandomState(seed).randint(0, 256, (height, width, channels), numpy.uint8)


IMAGES = {
    "scene": scene(23, 19),
    "square": scene(16, 16, seed=2),
    "noise": noise(17, 13),
    "gray": scene(18, 15, channels=1, seed=3),
    "flat": numpy.full((4, 5, 3), 77, numpy.uint8),
    "dark": scene(9, 7, seed=4) // 4 + 20,
    "thin": noise(2, 5),
    "photo": scene(61, 47, seed=5),
    "tall": scene(29, 71, seed=6),
}


def to_pil(pixels):
    channels = pixels.shape[2]
    return Image.fromarray(pixels if channels == 3 else pixels[:, :, 0], MODES[channels])


def to_array(image):
    array = numpy.asarray(image)
    return array if array.ndim == 3 else array[:, :, None]


# --- single operations ------------------------------------------------------------------------


def geometry():
    for name in ("scene", "gray"):
        padded = functional.pad(to_pil(IMAGES[name]), 4, padding_mode="reflect")
        for top, left, height, width in ((0, 0, 19, 18), (8, 8, 15, 15), (3, 5, 15, 18)):
            out = functional.crop(padded, top, left, height, width)
            yield "crop_reflect", name, (4, top, left), out
    for name in ("scene", "square", "gray", "thin"):
        yield "flip", name, (), functional.hflip(to_pil(IMAGES[name]))
    for name, angles in (("scene", (30.0, -30.0, 7.3, 0.0, 90.0)), ("gray", (-13.0,))):
        for angle in angles:
            yield "rotate", name, (angle,), functional.rotate(to_pil(IMAGES[name]), angle)


def resizing():
    boxes = (
        ("photo", (0, 0, 47, 61), 20, "bilinear"),
        ("photo", (5, 7, 31, 38), 32, "bilinear"),
        ("photo", (11, 2, 12, 9), 24, "bilinear"),
        ("photo", (0, 0, 47, 61), 20, "bicubic"),
        ("photo", (3, 30, 40, 31), 33, "bicubic"),
        ("gray", (1, 2, 13, 11), 7, "bilinear"),
        ("gray", (0, 0, 15, 18), 19, "bicubic"),
        ("noise", (0, 0, 13, 17), 13, "bilinear"),
        ("flat", (0, 0, 4, 5), 3, "bicubic"),
        ("tall", (0, 0, 71, 1), 5, "bilinear"),
    )
    for name, box, size, kind in boxes:
        image = to_pil(IMAGES[name])
        out = functional.resized_crop(image, *box, [size, size], FILTERS[kind])
        yield f"resized_crop_{kind}", name, (*box, size), out
    for name, size, kind in (("photo", 21, "bilinear"), ("tall", 13, "bilinear"),
                             ("photo", 20, "bicubic"), ("gray", 22, "bicubic"),
                             ("tall", 30, "bicubic")):
        steps = transforms.Compose([transforms.Resize(size, FILTERS[kind]),
                                    transforms.CenterCrop(size)])
        yield f"resize_center_{kind}", name, (size,), steps(to_pil(IMAGES[name]))


def light():
    adjust = {"brightness": functional.adjust_brightness, "contrast": functional.adjust_contrast,
              "colour": functional.adjust_saturation, "sharpness": functional.adjust_sharpness}
    for op, function in adjust.items():
        for name, factors in (("scene", (0.6, 1.4, 1.0)), ("noise", (0.1, 1.9, 0.0)),
                              ("gray", (0.75,)), ("thin", (1.3,))):
            for factor in map(philox.float32, factors):
                yield op, name, (factor,), function(to_pil(IMAGES[name]), factor)
    for name, levels in (("scene", (0, 1, 5, 8)), ("gray", (4,))):
        for bits in levels:
            yield "posterize", name, (bits,), functional.posterize(to_pil(IMAGES[name]), bits)
    for name, levels in (("scene", (0.0, 127.5, 128.0, 255.0)), ("gray", (200.0,))):
        for level in levels:
            yield "solarize", name, (level,), functional.solarize(to_pil(IMAGES[name]), level)
    for name in ("scene", "dark", "flat", "gray", "thin"):
        yield "autocontrast", name, (), functional.autocontrast(to_pil(IMAGES[name]))
    for name in ("photo", "noise", "flat", "gray", "dark"):
        yield "equalize", name, (), functional.equalize(to_pil(IMAGES[name]))
    for name, shifts in (("noise", (0.1, -0.1, 0.037, -0.5)), ("scene", (-0.06,)), ("gray", (0.1,))):
        for shift in map(philox.float32, shifts):
            yield "hue", name, (shift,), functional.adjust_hue(to_pil(IMAGES[name]), shift)


def magnitude_of(op, magnitude_bin, size):
    space = autoaugment.RandAugment()._augmentation_space(31, size)
    magnitudes, signed = space[op]
    return (magnitudes[magnitude_bin].item() if magnitudes.ndim > 0 else 0.0), signed


def randaugments():
    ops = list(autoaugment.RandAugment()._augmentation_space(31, (1, 1)))
    for number, op in enumerate(ops):
        for magnitude_bin in (5, 9, 30):
            magnitude, signed = magnitude_of(op, magnitude_bin, (19, 23))
            for sign in (1, -1) if signed else (1,):
                out = autoaugment._apply_op(to_pil(IMAGES["scene"]), op, sign * magnitude,
                                            transforms.InterpolationMode.NEAREST, None)
                yield "randaugment", "scene", (number, magnitude_bin, sign), out


# --- pipelines --------------------------------------------------------------------------------
# Each takes its draws from the stream in the order of core/data/transform.c.

SIZE = 16  # of every output here
MEANS = {"cifar10": (0.4914, 0.4822, 0.4465), "cifar100": (0.5071, 0.4867, 0.4408)}
STDS = {"cifar10": (0.2470, 0.2435, 0.2616), "cifar100": (0.2675, 0.2565, 0.2761)}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
RANDAUGMENT, RANDOM_ERASE, SEED, EPOCH = (9, 5), 0.5, 2**40 + 11, 3


def sides(stream, area, portion, ratio):
    target = area * stream.between(*portion)
    logs = [philox.float32(math.log(philox.float32(value))) for value in ratio]
    drawn = philox.float32(math.exp(stream.between(*logs)))
    return round(math.sqrt(target * drawn)), round(math.sqrt(target / drawn))


def crop_reflect(image, stream, _):
    top, left = stream.below(9), stream.below(9)
    return functional.crop(functional.pad(image, 4, padding_mode="reflect"), top, left, SIZE, SIZE)


def resized_crop(image, stream, least):
    width, height = image.size
    for _ in range(10):
        w, h = sides(stream, width * height, (least, 1.0), (0.75, 1.33))
        if 0 < w <= width and 0 < h <= height:
            top = stream.below(height - h + 1)
            left = stream.below(width - w + 1)
            return functional.resized_crop(image, top, left, h, w, [SIZE, SIZE], BILINEAR)
    # The box in the middle is torchvision's own: no draw of this attempt can fit.
    i, j, h, w = transforms.RandomResizedCrop.get_params(image, (9.0, 9.0), (0.75, 1.33))
    return functional.resized_crop(image, i, j, h, w, [SIZE, SIZE], BILINEAR)


def flip(image, stream, _):
    return functional.hflip(image) if stream.below(2) else image


def randaugment(image, stream, _):
    ops = list(autoaugment.RandAugment()._augmentation_space(31, (1, 1)))
    for _ in range(RANDAUGMENT[0]):
        op = ops[stream.below(len(ops))]
        magnitude, signed = magnitude_of(op, RANDAUGMENT[1], (SIZE, SIZE))
        if signed and stream.below(2):
            magnitude = -magnitude
        image = autoaugment._apply_op(image, op, magnitude,
                                      transforms.InterpolationMode.NEAREST, None)
    return image


def jitter(image, stream, _):
    order = [0, 1, 2, 3]
    for i in (3, 2, 1):
        j = stream.below(i + 1)
        order[i], order[j] = order[j], order[i]
    factors = [stream.between(*span) for span in ((0.6, 1.4),) * 3 + ((-0.1, 0.1),)]
    adjust = (functional.adjust_brightness, functional.adjust_contrast,
              functional.adjust_saturation, functional.adjust_hue)
    for op in order:
        image = adjust[op](image, factors[op])
    return image


def to_values(image, stream, erases, mean, std):
    values = functional.to_tensor(image)
    if erases and stream.uniform() < RANDOM_ERASE:
        for _ in range(10):
            h, w = sides(stream, SIZE * SIZE, (0.02, 0.33), (0.3, 3.3))
            if h < SIZE and w < SIZE:
                top = stream.below(SIZE - h + 1)
                left = stream.below(SIZE - w + 1)
                drawn = [stream.normal() for _ in range(h * w * len(values))]
                fill = torch.tensor(drawn).reshape(h, w, -1).permute(2, 0, 1)
                values = functional.erase(values, top, left, h, w, fill)
                break
    return functional.normalize(values, mean, std)


RECIPES = {
    ("cifar10", "resnet18"): (crop_reflect, flip),
    ("cifar10", "vit"): (crop_reflect, flip, randaugment, jitter),
    ("cifar100", "resnet50"): (crop_reflect, flip),
    ("cifar100", "vit"): (crop_reflect, flip, randaugment, jitter),
    ("tiny-imagenet", "resnet34"): (resized_crop, flip),
    ("tiny-imagenet", "vit"): (resized_crop, flip, randaugment, jitter),
    ("imagenet1k", "resnet101"): (resized_crop, flip),
    ("imagenet1k", "vit"): (resized_crop, flip, jitter, randaugment),
    ("fashion-mnist", "vit"): (),
}


def inputs_of(dataset):
    if dataset == "fashion-mnist":
        return ["small"]
    return ["square"] if dataset.startswith("cifar") else ["photo", "tall"]


IMAGES["small"] = scene(SIZE, SIZE, channels=1, seed=7)


def pipelines():
    for (dataset, arch), steps in RECIPES.items():
        is_vit = arch == "vit"
        mean, std = MEANS.get(dataset, IMAGENET[0]), STDS.get(dataset, IMAGENET[1])
        if dataset == "fashion-mnist":
            mean, std = (0.2860,), (0.3530,)
        least = 0.8 if is_vit else 0.7
        for name in inputs_of(dataset):
            for sample in range(4 if is_vit else 2):
                stream = philox.Stream(SEED, philox.AUGMENT, EPOCH, sample)
                image = to_pil(IMAGES[name])
                for step in steps:
                    image = step(image, stream, least)
                values = to_values(image, stream, is_vit, mean, std)
                yield f"{dataset}/{arch}/{name}/train/{sample}", values.permute(1, 2, 0)
            plain = transforms.Compose([
                transforms.Resize(SIZE, BICUBIC if (dataset, is_vit) == ("imagenet1k", True)
                                  else BILINEAR),
                transforms.CenterCrop(SIZE), transforms.ToTensor(), transforms.Normalize(mean, std),
            ])
            yield f"{dataset}/{arch}/{name}/eval/0", plain(to_pil(IMAGES[name])).permute(1, 2, 0)


# --- files ------------------------------------------------------------------------------------


class Pixels:
    def __init__(self):
        self.bytes = b""

    def add(self, array):
        height, width, channels = array.shape
        entry = {"width": width, "height": height, "channels": channels, "offset": len(self.bytes)}
        self.bytes += array.tobytes()
        return entry


def write(folder):
    pixels = Pixels()
    images = {name: pixels.add(array) for name, array in IMAGES.items()}
    cases = [
        {"op": op, "in": name, "numbers": list(numbers), "out": pixels.add(to_array(out))}
        for group in (geometry, resizing, light, randaugments)
        for op, name, numbers, out in group()
    ]
    with open(os.path.join(folder, "pixels.json"), "w", encoding="ascii") as file:
        json.dump({"images": images, "cases": cases}, file, separators=(",", ":"))
        file.write("\n")
    with open(os.path.join(folder, "pixels.bin"), "wb") as file:
        file.write(pixels.bytes)
    safetensors_file.write(os.path.join(folder, "pipelines.safetensors"), dict(pipelines()))


if __name__ == "__main__":
    write(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data"))
