"""Drives a running server with OpenAI's Python client; only the base URL is ours.

    pip install openai
    python tools/clients/openai_client.py [--url http://127.0.0.1:8010] [--model prose-4m] [--file train.jsonl]

Uploads a file, trains one short job and follows it, reads events, checkpoints and models, talks with what was trained,
cancels a second job, lets a file expire, and deletes 250 files in one loop over their list. The loop deletes every file of
the project, so it asks for --delete-files. LOWRANK_API_KEY is the key, if the server asks for one. Ends with 1 at the first thing that is
not as it should be.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import openai


def write_sums(folder: Path) -> Path:
    """Forty conversations to learn from."""
    file = folder / "sums.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"What is {a} plus 3?"},
                {"role": "assistant", "content": f"It is {a + 3}."},
            ]
        }
        for a in range(40)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def wait_for_end(client: openai.OpenAI, job_id: str, seconds: float = 600):
    """Asks for a job until it is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in ("succeeded", "failed", "cancelled"):
            return job
        time.sleep(0.5)
    raise AssertionError(f"{job_id} is not over after {seconds} s")


def require(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)
    print(f"ok: {what}")


def talk(client: openai.OpenAI, model: str) -> None:
    """Two turns of a chat, the first answer given back as it came, and texts that go on."""
    messages = [{"role": "user", "content": "What is 3 plus 3?"}]
    first = client.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=8)
    answer = first.choices[0].message
    for given_back in (answer, answer.model_dump(), answer.to_dict()):
        turns = [*messages, given_back, {"role": "user", "content": "What is 4 plus 3?"}]
        second = client.chat.completions.create(model=model, messages=turns, temperature=0, max_tokens=8)
        require(second.usage.prompt_tokens > first.usage.prompt_tokens, f"a second turn: {second.choices[0].message.content!r}")
    one = client.completions.create(model=model, prompt="What is", temperature=0, max_tokens=4)
    many = client.completions.create(model=model, prompt=["The", "What is"], temperature=0, max_tokens=4)
    require(many.choices[1].text == one.choices[0].text, "texts go on, one and many")
    ids = client.completions.create(model=model, prompt=[[1, 2, 3], [4]], max_tokens=1)
    require(len(ids.choices) == 2, "token ids go on too")
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=messages, max_tokens=1, extra_body={"top_k": 5}
    )
    require("top_k" in raw.headers.get("warning", ""), "a field that nobody knows is told of in a header")


def check_expiry(client: openai.OpenAI) -> None:
    file = client.files.create(
        file=("kept.jsonl", b'{"text": "a"}\n'),
        purpose="fine-tune",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    require(file.expires_at == file.created_at + 3600, "a file says when it expires")
    try:
        client.files.create(
            file=("short.jsonl", b'{"text": "a"}\n'),
            purpose="fine-tune",
            expires_after={"anchor": "created_at", "seconds": 60},
        )
        require(False, "a time that is too short is refused")
    except openai.BadRequestError as error:
        require(error.param == "expires_after[seconds]", f"a time that is too short is refused: {error.message}")


def delete_files(client: openai.OpenAI) -> None:
    """The usual loop: each page is gone before the next one is asked for."""
    for number in range(250):
        client.files.create(file=(f"{number}.jsonl", b'{"text": "a"}\n'), purpose="fine-tune")
    count = 0
    for file in client.files.list():
        client.files.delete(file.id)
        count += 1
    require(count >= 250 and not client.files.list().data, f"{count} files are deleted in one loop over their list")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("LOWRANK_URL", "http://127.0.0.1:8010"))
    parser.add_argument("--model", default="prose-4m")
    parser.add_argument("--file", type=Path, help="JSON lines to learn from; made up unless given")
    parser.add_argument("--delete-files", action="store_true", help="delete every file of the project at the end")
    arguments = parser.parse_args()
    key = os.environ.get("LOWRANK_API_KEY", "none")
    client = openai.OpenAI(base_url=f"{arguments.url}/v1", api_key=key)

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or write_sums(Path(folder))
        with path.open("rb") as content:
            file = client.files.create(file=content, purpose="fine-tune")
    require(client.files.wait_for_processing(file.id).status == "processed", "a file is uploaded and checked")
    require(file.id in [one.id for one in client.files.list(purpose="fine-tune")], "it is in the list")

    models = [model.id for model in client.models.list()]
    require(arguments.model in models, f"{arguments.model} is among the models {models}")

    job = client.fine_tuning.jobs.create(
        model=arguments.model,
        training_file=file.id,
        suffix="python",
        seed=7,
        metadata={"made-by": "openai_client.py"},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 1}}},
    )
    done = wait_for_end(client, job.id)
    require(done.status == "succeeded", f"the job {job.id} is {done.status} ({done.error})")
    require(done.fine_tuned_model is not None and ":python:" in done.fine_tuned_model, "its model has a name")
    require(done.trained_tokens > 0, f"{done.trained_tokens} tokens were trained")
    require(client.fine_tuning.jobs.list(limit=1).data[0].id == job.id, "the job is the newest of the list")

    events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
    require(len(events) > 3, f"{len(events)} events come in pages: the last is {events[0].message!r}")
    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id).data
    require(len(checkpoints) > 0, f"{len(checkpoints)} checkpoints, the newest of step {checkpoints[0].step_number}")

    talk(client, done.fine_tuned_model)
    model = client.models.retrieve(done.fine_tuned_model)
    require(model.id == done.fine_tuned_model, "the fine-tuned model is there")
    require(client.models.delete(model.id).deleted, "it is deleted")

    long = client.fine_tuning.jobs.create(
        model=arguments.model, training_file=file.id, hyperparameters={"n_epochs": 1000}
    )
    client.fine_tuning.jobs.pause(long.id)
    client.fine_tuning.jobs.resume(long.id)
    client.fine_tuning.jobs.cancel(long.id)
    require(wait_for_end(client, long.id).status == "cancelled", "a job is paused, resumed and cancelled")

    try:
        client.fine_tuning.jobs.create(model="none", training_file=file.id)
        require(False, "an unknown model is refused")
    except openai.BadRequestError as error:
        require(error.param == "model", f"an unknown model is refused: {error.message}")
    require(client.files.delete(file.id).deleted, "the file is deleted")
    try:
        client.files.retrieve(file.id)
        require(False, "a deleted file is not found")
    except openai.NotFoundError:
        require(True, "a deleted file is not found")
    check_expiry(client)
    if arguments.delete_files:
        delete_files(client)
    print("all is as it should be")


if __name__ == "__main__":
    main()
