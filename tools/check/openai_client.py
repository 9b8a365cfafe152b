"""Drives a running server with OpenAI's Python client; only the base URL is ours.

    pip install openai
    python tools/check/openai_client.py [--url http://127.0.0.1:8010] [--model prose-4m] [--file train.jsonl]

Uploads a file, trains one short job and follows it, reads events, checkpoints and models, cancels a second job, and
deletes what it made. LOWRANK_API_KEY is the key, if the server asks for one. Ends with 1 at the first thing that is
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("LOWRANK_URL", "http://127.0.0.1:8010"))
    parser.add_argument("--model", default="prose-4m")
    parser.add_argument("--file", type=Path, help="JSON lines to learn from; made up unless given")
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
    print("all is as it should be")


if __name__ == "__main__":
    main()
