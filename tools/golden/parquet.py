"""Writes test/fixtures/parquet: the same rows as Parquet in many ways, as pyarrow writes it, and as JSON lines.

    python tools/golden/parquet.py FOLDER        needs pyarrow and pillow
"""

import base64
import io
import json
import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random.seed(7)


def write_lines(name, rows):
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text)


def write(name, table, **options):
    pq.write_table(table, folder / f"{name}.parquet", store_schema=False, **options)


words = "the sea was calm that night ä 😀 \n \t , \" ' {} []".split(" ")
text = lambda: " ".join(random.choice(words) for _ in range(random.randrange(1, 20)))
completions = [{"prompt": f"{i} {text()}", "completion": f" {text()}"} for i in range(60)]
write_lines("completions", completions)
table = pa.Table.from_pylist(completions)
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    write(f"completions-{codec}", table, compression=codec)
small = {"data_page_size": 100, "write_batch_size": 3}
write("completions-small-pages", table, **small)
write("completions-second-version", table, data_page_version="2.0", row_group_size=7, **small)
write("completions-plain", table, use_dictionary=False, row_group_size=13)
for encoding in ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
    columns = {"prompt": encoding, "completion": encoding}
    write(f"completions-{encoding.split('_')[1].lower()}", table, use_dictionary=False, column_encoding=columns)

chats = []
for i in range(25):
    messages = [{"role": "system", "content": text(), "weight": None, "name": None}] if i % 3 == 0 else []
    for turn in range(1 + i % 4):
        messages.append({"role": "user", "content": text(), "weight": None, "name": f"n{turn}" if i % 2 else None})
        messages.append({"role": "assistant", "content": text(), "weight": 0 if turn == 0 and i % 4 == 3 else 1, "name": None})
    row = {"messages": messages, "score": i / 4, "tags": [f"t{j}" for j in range(i % 3)] if i % 5 else None}
    chats.append(row)
write_lines("chats", chats)
table = pa.Table.from_pylist(chats)
write("chats", table)
write("chats-small-pages", table, row_group_size=11, **small)
write("chats-second-version", table, data_page_version="2.0", compression="zstd", **small)

images = []
for i in range(6):
    file = io.BytesIO()
    Image.new("RGB", (4 + i, 5), (40 * i, 255 - 40 * i, 90)).save(file, "PNG")
    images.append({"image": {"bytes": file.getvalue(), "path": f"{i}.png"}, "label": i % 2})
write("images", pa.Table.from_pylist(images))
write_lines(
    "images",
    [
        {**row, "image": "data:image/png;base64," + base64.b64encode(row["image"]["bytes"]).decode()}
        for row in images
    ],
)

start = Path(__file__).parents[2] / "examples" / "quickstart" / "train.jsonl"
lines = start.read_text().strip().split("\n")[:200]
write("quickstart", pa.Table.from_pylist([json.loads(line) for line in lines]), row_group_size=90)

kinds = pa.table({"text": ["a", "b"], "label": pa.array([True, False]), "when": pa.array([0, 1], pa.timestamp("us"))})
write("kinds", kinds)
write("latin", pa.table({"text": pa.array([b"a", b"\xff"], pa.binary()).view(pa.string())}))
write("numbers", pa.table({"text": [1, 2]}))
write("binary", pa.table({"text": pa.array([b"a"], pa.binary())}))
write("unknown", pa.table({"question": ["a"], "answer": ["b"]}))
write("wide", pa.table({"text": ["a", "b"], "vector": [[0.5] * 50] * 2}))
