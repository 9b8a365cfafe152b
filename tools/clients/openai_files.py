"""Files with OpenAI's Python client: uploaded whole and in parts, read back, expired, deleted."""

import hashlib
import json
from pathlib import Path

import openai

from checking import refusal, require


def write_rows(file: Path, rows: list[dict]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def write_sums(folder: Path) -> Path:
    """Forty conversations to learn from."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {a} plus 3?"},
                {"role": "assistant", "content": f"It is {a + 3}."},
            ]
        }
        for a in range(40)
    ]
    return write_rows(folder / "sums.jsonl", rows)


def write_preferences(folder: Path) -> Path:
    """Twenty pairs of answers, the better one first."""
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"What is {a} plus 3?"}]},
            "preferred_output": [{"role": "assistant", "content": f"It is {a + 3}."}],
            "non_preferred_output": [{"role": "assistant", "content": "Who knows?"}],
        }
        for a in range(20)
    ]
    return write_rows(folder / "pairs.jsonl", rows)


def upload(client: openai.OpenAI, path: Path) -> str:
    with path.open("rb") as content:
        file = client.files.create(file=content, purpose="fine-tune")
    require(client.files.wait_for_processing(file.id).status == "processed", f"{path.name} is uploaded and checked")
    require(file.id in [one.id for one in client.files.list(purpose="fine-tune")], "it is in the list")
    require(client.files.content(file.id).read() == path.read_bytes(), "it is read back as it was")
    return file.id


def upload_in_parts(client: openai.OpenAI, path: Path) -> None:
    content = path.read_bytes()
    begun = client.uploads.create(
        filename=path.name, purpose="fine-tune", bytes=len(content), mime_type="text/jsonl"
    )
    middle = len(content) // 2
    second = client.uploads.parts.create(begun.id, data=content[middle:])
    first = client.uploads.parts.create(begun.id, data=content[:middle])
    md5 = hashlib.md5(content).hexdigest()
    done = client.uploads.complete(begun.id, part_ids=[first.id, second.id], md5=md5)
    require(done.status == "completed" and done.file is not None, "an upload in two parts is completed")
    require(client.files.content(done.file.id).read() == content, "its file is what was sent")
    chunked = client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=1000
    )
    require(chunked.file.bytes == len(content), f"the client uploads {len(content)} bytes in parts of 1,000")
    for file in (done.file, chunked.file):
        client.files.delete(file.id)
    left = client.uploads.create(filename="x.jsonl", purpose="fine-tune", bytes=9, mime_type="text/jsonl")
    require(client.uploads.cancel(left.id).status == "cancelled", "an upload is cancelled")


def check_expiry(client: openai.OpenAI) -> None:
    def create(seconds: int):
        return client.files.create(
            file=("kept.jsonl", b'{"text": "a"}\n'),
            purpose="fine-tune",
            expires_after={"anchor": "created_at", "seconds": seconds},
        )

    file = create(3600)
    require(file.expires_at == file.created_at + 3600, "a file says when it expires")
    error = refusal(lambda: create(60), openai.BadRequestError, "a time that is too short is refused")
    require(error.param == "expires_after[seconds]", "the field is named")
    client.files.delete(file.id)


def check_deleted(client: openai.OpenAI, file_id: str) -> None:
    require(client.files.delete(file_id).deleted, "the file is deleted")
    refusal(lambda: client.files.retrieve(file_id), openai.NotFoundError, "a deleted file is not found")


def delete_all(client: openai.OpenAI) -> None:
    """The usual loop: each page is gone before the next one is asked for."""
    for number in range(250):
        client.files.create(file=(f"{number}.jsonl", b'{"text": "a"}\n'), purpose="fine-tune")
    count = 0
    for file in client.files.list():
        client.files.delete(file.id)
        count += 1
    require(count >= 250 and not client.files.list().data, f"{count} files are deleted in one loop over their list")
