#!/usr/bin/env python3
"""Blocks of every GGUF format with random bytes, and the numbers that the Python package gguf makes of them.

    VENV/bin/python tools/golden/gguf-blocks.py        # needs gguf and numpy; writes libs/gguf/decode.golden.json
"""
import base64
import json
import pathlib

import gguf
import numpy as np

OUT = pathlib.Path(__file__).parents[2] / 'libs' / 'gguf' / 'decode.golden.json'
TYPES = ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K']
# Where a block keeps float16 scales; random bits there could be NaN.
SCALES = {'Q8_0': [0], 'Q4_0': [0], 'Q4_1': [0, 2], 'Q5_0': [0], 'Q5_1': [0, 2], 'Q4_K': [0, 2], 'Q5_K': [0, 2], 'Q6_K': [208]}
text = lambda data: base64.b64encode(data).decode()
random = np.random.default_rng(1)

cases = []
for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    size, width = gguf.GGML_QUANT_SIZES[kind]
    count = max(3, 64 // size)
    if name in SCALES:
        blocks = random.integers(0, 256, (count, width), dtype=np.uint8)
        for at in SCALES[name]:
            scale = (random.standard_normal(count) * 0.1).astype(np.float16)
            blocks[:, at : at + 2] = scale.view(np.uint8).reshape(count, 2)
    else:
        blocks = gguf.quantize(random.standard_normal((count, size)).astype(np.float32), kind).view(np.uint8)
    numbers = gguf.dequantize(blocks.reshape(1, -1), kind).astype(np.float32)
    cases.append({'type': name, 'blocks': text(blocks.tobytes()), 'numbers': text(numbers.tobytes())})

OUT.write_text(json.dumps({'gguf': '0.19', 'cases': cases}, indent=1) + '\n')
