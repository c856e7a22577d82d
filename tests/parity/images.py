#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/images/: image files of every kind that the decoders know, and the RGB pixels that PIL
makes of each (NAME.rgb, or NAME.N.rgb for JPEG decoded at 1/N). Needs Debian's python3-pil and
python3-numpy."""
import io
import os
import struct
import zlib

import numpy
from PIL import Image

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "images")
WIDTH, HEIGHT = 29, 21


def scene(channels):
    """Smooth colours with an edge and some noise, the same every time."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    planes = [127 + 120 * numpy.sin(x / (4 + 3 * c) + c) * numpy.cos(y / (5 + c)) for c in range(channels)]
    image = numpy.stack(planes, axis=2)
    image[6:12, 8:20] = 255 - image[6:12, 8:20]
    image += numpy.random.RandomState(1).randint(-9, 10, image.shape)
    return numpy.clip(image, 0, 255).astype(numpy.uint8)


def pil(array, mode=None):
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array, mode)


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=options.pop("quality", 80), **options)
    return out.getvalue()


def with_transform(data, transform):
    """Changes what Adobe's marker says of the colours."""
    at = data.index(b"Adobe")
    return data[:at + 11] + bytes([transform]) + data[at + 12:]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples, bits):
    """Rows of samples [height, values] in bits each, most significant first."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    rows = []
    for row in samples:
        ones = numpy.unpackbits(row.astype(numpy.uint8)[:, None], axis=1)[:, 8 - bits:]
        rows.append(numpy.packbits(ones.reshape(-1)).tobytes())
    return rows


def png(samples, bits, colour, extra=b"", interlaced=False):
    """samples [height, width, values]; PIL writes only some of the kinds that PNG has."""
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    lines = b""
    for x, y, dx, dy in passes:
        part = samples[y::dy, x::dx]
        lines += b"".join(b"\0" + row for row in packed(part.reshape(part.shape[0], -1), bits))
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(lines, 9))
            + chunk(b"IEND", b""))


def palette(count):
    return chunk(b"PLTE", bytes(numpy.random.RandomState(2).randint(0, 256, 3 * count).astype(numpy.uint8)))


def jpegs():
    rgb = pil(scene(3))
    cmyk = jpeg(pil(scene(4), "CMYK"))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    return {
        "rgb420.jpg": jpeg(rgb, subsampling="4:2:0"),
        "rgb422.jpg": jpeg(rgb, subsampling="4:2:2"),
        "rgb444.jpg": jpeg(rgb, subsampling="4:4:4", quality=95),
        "gray.jpg": jpeg(pil(scene(1))),
        "progressive.jpg": jpeg(rgb, progressive=True, quality=70),
        "cmyk.jpg": cmyk,
        "ycck.jpg": with_transform(cmyk, 2),
        "turned.jpg": jpeg(rgb, exif=exif),
        "small.jpg": jpeg(pil(scene(3)[:1, :1])),
    }


def pngs():
    wide = scene(3).astype(numpy.uint16) * 257 + 3
    gray = scene(1)
    dark = gray.astype(numpy.uint16) * 2  # half of it is above 255, which PIL clips
    return {
        "rgb.png": png(scene(3), 8, 2),
        "rgba.png": png(scene(4), 8, 6),
        "rgb16.png": png(wide, 16, 2),
        "rgba16.png": png(numpy.concatenate([wide, wide[:, :, :1]], axis=2), 16, 6),
        "gray1.png": png(gray >> 7, 1, 0),
        "gray2.png": png(gray >> 6, 2, 0),
        "gray4.png": png(gray >> 4, 4, 0),
        "gray8.png": png(gray, 8, 0),
        "gray16.png": png(dark, 16, 0),
        "graya.png": png(scene(2), 8, 4),
        "palette1.png": png(gray >> 7, 1, 3, palette(2)),
        "palette4.png": png(gray >> 4, 4, 3, palette(16)),
        "palette8.png": png(gray, 8, 3, palette(256)),
        "palette-alpha.png": png(gray >> 4, 4, 3, palette(16) + chunk(b"tRNS", bytes(range(0, 256, 16)))),
        "rgb-key.png": png(scene(3), 8, 2, chunk(b"tRNS", struct.pack(">3H", *scene(3)[0, 0]))),
        "interlaced.png": png(scene(3), 8, 2, interlaced=True),
    }


def write(name, data):
    with open(os.path.join(DATA, name), "wb") as file:
        file.write(data)


def main():
    os.makedirs(DATA, exist_ok=True)
    for name, data in {**jpegs(), **pngs()}.items():
        write(name, data)
        write(name + ".rgb", Image.open(io.BytesIO(data)).convert("RGB").tobytes())
    for name in ("rgb444.jpg", "gray.jpg", "cmyk.jpg"):
        data = jpegs()[name]
        for scale in (2, 4, 8):
            image = Image.open(io.BytesIO(data))
            image.draft(None, (WIDTH // scale, HEIGHT // scale))
            assert image.width == -(-WIDTH // scale), (name, scale, image.size)
            write(f"{name}.{scale}.rgb", image.convert("RGB").tobytes())


if __name__ == "__main__":
    main()
