"""Writes test/fixtures/images: small images of every mode with the pixels that PIL reads from them (with its own
exif_transpose and convert("RGB"), as load_image of transformers does), resized ones with PIL's pixels, and
preprocessor_config.json files with the pixel values that transformers' processors make.

    python tools/golden/images.py FOLDER        needs transformers, torch and pillow 13, and no torchvision
"""

import base64
import io
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms
from transformers import AutoModelForImageClassification
from transformers.image_utils import load_image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(7)


def scene(width=27, height=19):
    """Smooth colours with edges and a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / 4), 255 * y / height, 255 * ((x // 5 + y // 4) % 2)]
    noise = random.integers(-20, 20, (height, width, 3))
    return np.clip(np.stack(planes, -1) + noise, 0, 255).astype(np.uint8)


def encoded(data):
    return base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(pixels):
    """A PNG of 16 bits for each of three or four channels, which PIL reads and does not write."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def saved(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


rgb = Image.fromarray(scene())
alpha = Image.fromarray((np.mgrid[0:19, 0:27][1] * 9).astype(np.uint8))
rgba = rgb.copy()
rgba.putalpha(alpha)
grey = rgb.convert("L")
grey_alpha = grey.copy()
grey_alpha.putalpha(alpha)
palette = rgb.quantize(16)
exif = lambda orientation: (lambda e: (e.__setitem__(0x0112, orientation), e)[1])(Image.Exif())
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
deep = scene().astype(np.uint16) * 257 + random.integers(-100, 100, (19, 27, 3)).astype(np.int32)
deep = np.clip(deep, 0, 65535).astype(np.uint16)

files = {
    "rgb.png": saved(rgb, "PNG"),
    "rgba.png": saved(rgba, "PNG"),
    "grey.png": saved(grey, "PNG"),
    "grey-alpha.png": saved(grey_alpha, "PNG"),
    "palette.png": saved(palette, "PNG"),
    "palette-transparent.png": saved(palette, "PNG", transparency=3),
    "black-white.png": saved(grey.convert("1"), "PNG"),
    "rgb-16.png": deep_png(deep),
    "rgba-16.png": deep_png(np.concatenate([deep, deep[..., :1]], -1)),
    "grey-16.png": saved(Image.fromarray(deep[..., 0]), "PNG"),
    "profile.png": saved(rgb, "PNG", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    "rgb.jpg": saved(rgb, "JPEG", quality=80),
    "rgb-444.jpg": saved(rgb, "JPEG", quality=95, subsampling=0),
    "progressive.jpg": saved(rgb, "JPEG", quality=60, progressive=True),
    "grey.jpg": saved(grey, "JPEG"),
    "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG", quality=90),
    **{f"turned-{n}.jpg": saved(rgb, "JPEG", quality=90, exif=exif(n)) for n in range(2, 9)},
    "turned-6.png": saved(rgb, "PNG", exif=exif(6)),
    "lossless.webp": saved(rgb, "WEBP", lossless=True),
    "lossy.webp": saved(rgb, "WEBP", quality=70),
    "alpha.webp": saved(rgba, "WEBP", lossless=True, exact=True),
    "still.gif": saved(rgb, "GIF"),
    "moving.gif": saved(rgb, "GIF", save_all=True, append_images=[rgb.rotate(180)], duration=50),
    "rgb.tif": saved(rgb, "TIFF"),
    "lzw.tif": saved(rgb, "TIFF", compression="tiff_lzw"),
    "grey-16.tif": saved(Image.fromarray(deep[..., 0]), "TIFF"),
}
pixels = {}
for name, content in files.items():
    (folder / name).write_bytes(content)
    image = load_image(str(folder / name))
    pixels[name] = {"width": image.width, "height": image.height, "rgb": encoded(np.array(image))}
(folder / "pixels.json").write_text(json.dumps(pixels, indent=1) + "\n")

sizes = [(27, 19), (13, 9), (8, 31), (40, 33), (27, 5), (1, 1), (33, 8), (24, 13), (24, 14)]
resized = [
    {"width": w, "height": h, "resample": filter, "rgb": encoded(np.array(rgb.resize((w, h), filter)))}
    for filter in range(6)
    for w, h in sizes
]
(folder / "resized.json").write_text(json.dumps(resized, indent=1) + "\n")

small = {"height": 16, "width": 20}
processors = {
    "vit": ViTImageProcessorPil(size=small),
    "vit-bicubic": ViTImageProcessorPil(size=small, resample=3, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]),
    "vit-nearest-unscaled": ViTImageProcessorPil(size=small, resample=0, do_rescale=False, do_normalize=False),
    "vit-lanczos-unnormalised": ViTImageProcessorPil(size=small, resample=1, do_normalize=False),
    "vit-factor": ViTImageProcessorPil(size=small, rescale_factor=1 / 127.5),
    "vit-as-it-is": ViTImageProcessorPil(do_resize=False, do_center_crop=True, crop_size={"height": 12, "width": 12}),
    "vit-cropped-wider": ViTImageProcessorPil(do_resize=False, do_center_crop=True, crop_size={"height": 24, "width": 15}),
    "convnext": ConvNextImageProcessorPil(size={"shortest_edge": 16}),
    "convnext-crop": ConvNextImageProcessorPil(size={"shortest_edge": 17}, crop_pct=0.95, resample=2),
    "deit": DeiTImageProcessorPil(size={"height": 20, "width": 20}, crop_size={"height": 16, "width": 16}),
    "bit": BitImageProcessorPil(size={"shortest_edge": 18}, crop_size={"height": 16, "width": 16}),
}
cases = []
for name, processor in processors.items():
    for file in ["rgb.png", "turned-6.png"]:
        image = load_image(str(folder / file))
        values = processor(image, return_tensors="np")["pixel_values"][0].astype("<f4")
        config = processor.to_dict()
        cases.append({"name": name, "image": file, "config": config, "shape": list(values.shape), "values": encoded(values)})
(folder / "processors.json").write_text(json.dumps(cases, indent=1) + "\n")

# What fields that are left out come to; the shapes of 384 pixels are told by two numbers of them only.
defaults = {}
for kind in [ViTImageProcessorPil, ConvNextImageProcessorPil, DeiTImageProcessorPil, BitImageProcessorPil]:
    values = kind()(load_image(str(folder / "rgb.png")), return_tensors="np")["pixel_values"][0]
    sums = [float(values.sum(dtype=np.float64)), float(np.abs(values).sum(dtype=np.float64))]
    defaults[kind.__name__[: -len("Pil")]] = {"shape": list(values.shape), "sums": sums}
(folder / "defaults.json").write_text(json.dumps(defaults, indent=1) + "\n")

# Classes of files by whole models, from the processor that a folder would have to the probabilities.
families = folder.parent / "families"
classes = []
for family, processor in [
    ("vit", lambda size: ViTImageProcessorPil(size={"height": size, "width": size}, resample=3)),
    ("resnet", lambda size: ConvNextImageProcessorPil(size={"shortest_edge": 32})),
]:
    model = AutoModelForImageClassification.from_pretrained(families / family).eval()
    made = processor(getattr(model.config, "image_size", None))
    for file in ["rgb.png", "turned-6.jpg", "cmyk.jpg", "lossy.webp"]:
        pixels_of = made(load_image(str(folder / file)), return_tensors="pt")
        with torch.no_grad():
            probabilities = model(**pixels_of).logits.softmax(-1)[0].tolist()
        classes.append({"family": family, "image": file, "config": made.to_dict(), "probabilities": probabilities})
(folder / "classes.json").write_text(json.dumps(classes, indent=1) + "\n")
