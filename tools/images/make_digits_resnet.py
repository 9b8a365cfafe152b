"""Makes the base model of the comparison in tools/images: a small ResNet that tells scikit-learn's handwritten digits
apart, written as a model folder, and files of rows of what it has not seen: the same digits turned by a quarter.

    python tools/images/make_digits_resnet.py FOLDER [STEPS]        needs torch, transformers, pillow and scikit-learn

FOLDER gets model/, train.jsonl, validation.jsonl and upright.jsonl (digits that the base was not trained on, as they are).
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from transformers import ResNetConfig, ResNetForImageClassification
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

folder = Path(sys.argv[1])
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 400
torch.manual_seed(0)
digits = load_digits()
pictures = [Image.fromarray((grey * 255 / 16).astype(np.uint8)) for grey in digits.images]
labels = [int(label) for label in digits.target]
order = np.random.default_rng(0).permutation(len(labels))
base, tuned, held = order[:900], order[900:1500], order[1500:]

names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
processor = ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0, resample=2)
pixels = torch.stack(
    [torch.from_numpy(processor(p.convert("RGB"), return_tensors="np")["pixel_values"][0]) for p in pictures]
)
config = ResNetConfig(
    embedding_size=16,
    hidden_sizes=[16, 32, 64],
    depths=[1, 1, 1],
    layer_type="basic",
    id2label=dict(enumerate(names)),
    label2id={name: i for i, name in enumerate(names)},
)
model = ResNetForImageClassification(config)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
batches = np.random.default_rng(1)
for step in range(steps):
    batch = torch.from_numpy(batches.choice(base, 64))
    loss = model(pixel_values=pixels[batch], labels=torch.tensor(labels)[batch]).loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    right = (model(pixel_values=pixels[held]).logits.argmax(-1) == torch.tensor(labels)[held]).float().mean()
print(f"{sum(p.numel() for p in model.parameters())} parameters, {steps} steps, {float(right):.3f} of {len(held)} digits right")
model.save_pretrained(folder / "model")
(folder / "model/preprocessor_config.json").write_text(json.dumps(processor.to_dict(), indent=2))


def write(name, which, turned):
    with (folder / name).open("w") as file:
        for i in which:
            buffer = io.BytesIO()
            (pictures[i].rotate(90) if turned else pictures[i]).save(buffer, "PNG")
            url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
            file.write(json.dumps({"image": url, "label": names[labels[i]]}) + "\n")


write("train.jsonl", tuned, True)
write("validation.jsonl", held, True)
write("upright.jsonl", held, False)
