"""Drives a running server with OpenAI's Python client; only the base URL is ours.

    pip install openai
    WEBHOOK_PRIVATE_ADDRESSES=true npm start
    python tools/clients/openai_client.py [--url http://127.0.0.1:8010] [--model prose-4m] [--file train.jsonl]

Files whole and in parts, a supervised job and one of preferences with events, checkpoints, permissions and result files, a job
that is paused, resumed and cancelled, a webhook, chats with turns, streams, several answers, probabilities, ends, JSON and
tools, models. For tools it registers a copy of models/prose-4m with another chat template, which needs a server on this machine
and an administrator; --no-tools leaves that out, --no-webhook the webhook. --delete-files deletes every file of the project in
one loop over their list. LOWRANK_API_KEY is the key, if the server asks for one. Ends with 1 at the first thing that is not as it should be.
"""

import argparse
import os
import tempfile
from pathlib import Path

import openai

import openai_answers as answers
import openai_files as files
import openai_jobs as jobs
from checking import refusal, require
from openai_webhooks import check_webhook

bundled = Path(__file__).resolve().parents[2] / "models/prose-4m"


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("LOWRANK_URL", "http://127.0.0.1:8010"))
    parser.add_argument("--model", default="prose-4m")
    parser.add_argument("--file", type=Path, help="JSON lines to learn from; made up unless given")
    parser.add_argument("--delete-files", action="store_true", help="delete every file of the project at the end")
    parser.add_argument("--no-tools", action="store_true")
    parser.add_argument("--no-webhook", action="store_true")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    key = os.environ.get("LOWRANK_API_KEY", "none")
    client = openai.OpenAI(base_url=f"{arguments.url}/v1", api_key=key)
    model = arguments.model
    models = [one.id for one in client.models.list()]
    require(model in models, f"{model} is among the models {models}")

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = arguments.file or files.write_sums(folder)
        file_id = files.upload(client, path)
        files.upload_in_parts(client, path)
        pairs_id = files.upload(client, files.write_preferences(folder))

        job = jobs.train_supervised(client, model, file_id)
        jobs.read_job(client, job)
        jobs.check_permissions(client, job.fine_tuned_model)
        jobs.train_preferences(client, model, pairs_id)
        jobs.steer_job(client, model, file_id)
        if not arguments.no_webhook:
            check_webhook(client, model, file_id)

        tuned = job.fine_tuned_model
        answers.talk(client, tuned)
        answers.check_choices(client, tuned)
        answers.check_json(client, tuned)
        if not arguments.no_tools:
            with_tools = answers.register_with_tools(client, bundled, folder / "with-tools")
            try:
                answers.check_tools(client, with_tools, without=model)
            finally:
                client.delete(f"/base_models/{with_tools}", cast_to=dict)

        require(client.models.retrieve(tuned).id == tuned, "the fine-tuned model is there")
        require(client.models.delete(tuned).deleted, "it is deleted")
        refusal(lambda: client.models.retrieve(tuned), openai.NotFoundError, "a deleted model is not found")
        files.check_deleted(client, file_id)
        files.check_deleted(client, pairs_id)
        files.check_expiry(client)
        if arguments.delete_files:
            files.delete_all(client)
    print("all is as it should be")


if __name__ == "__main__":
    main()
