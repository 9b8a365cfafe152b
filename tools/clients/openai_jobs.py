"""Fine-tuning jobs with OpenAI's Python client: made, followed, read, steered, their results and permissions."""

import csv
import io

import openai

from checking import refusal, require, wait_for_end

# As OpenAI has them.
columns = ["step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy"]


def train_supervised(client: openai.OpenAI, model: str, file_id: str):
    job = client.fine_tuning.jobs.create(
        model=model,
        training_file=file_id,
        validation_file=file_id,
        suffix="python",
        seed=7,
        metadata={"made-by": "openai_client.py"},
        integrations=[{"type": "wandb", "wandb": {"project": "sums", "tags": ["a"]}}],
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1, "batch_size": 1}}},
    )
    require(job.integrations[0].wandb.project == "sums", "a job names its tracker")
    done = wait_for_end(client, job.id)
    require(done.status == "succeeded", f"the job {job.id} is {done.status} ({done.error})")
    require(done.fine_tuned_model is not None and ":python:" in done.fine_tuned_model, "its model has a name")
    require(done.trained_tokens > 0, f"{done.trained_tokens} tokens were trained")
    require(client.fine_tuning.jobs.list(limit=1).data[0].id == job.id, "the job is the newest of the list")
    found = client.fine_tuning.jobs.list(metadata={"made-by": "openai_client.py"}).data
    require(job.id in [one.id for one in found], "it is found by its metadata")
    return done


def read_job(client: openai.OpenAI, job) -> None:
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
    require(len(events) > 3, f"{len(events)} events come in pages: the last is {events[0].message!r}")
    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id).data
    require(len(checkpoints) > 0, f"{len(checkpoints)} checkpoints, the newest of step {checkpoints[0].step_number}")
    require(checkpoints[0].metrics.full_valid_loss > 0, f"its loss is {checkpoints[0].metrics.full_valid_loss:.3f}")
    table = read_results(client, job, columns)
    losses = [float(row["valid_loss"]) for row in table if row["valid_loss"]]
    require(all(row["train_loss"] for row in table[1:]), f"its result file has {len(table)} rows with the loss of each step")
    require(losses[-1] < losses[0], f"the validation loss falls from {losses[0]:.3f} to {losses[-1]:.3f}")


def read_results(client: openai.OpenAI, job, expected: list[str]) -> list[dict]:
    text = client.files.content(job.result_files[0]).text
    reader = csv.DictReader(io.StringIO(text))
    table = list(reader)
    require(reader.fieldnames[: len(expected)] == expected, f"its columns are {', '.join(reader.fieldnames)}")
    return table


def train_preferences(client: openai.OpenAI, model: str, file_id: str) -> None:
    hyperparameters = {"beta": 0.2, "n_epochs": 1, "batch_size": 1}
    job = client.fine_tuning.jobs.create(
        model=model, training_file=file_id, method={"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}
    )
    require(job.method.type == "dpo" and job.method.dpo.hyperparameters.beta == 0.2, "a job learns preferences")
    done = wait_for_end(client, job.id)
    require(done.status == "succeeded", f"{job.id} is {done.status} ({done.error})")
    table = read_results(client, done, columns[:4])
    require(len(table) > 0, f"its result file has {len(table)} rows")
    require(client.models.delete(done.fine_tuned_model).deleted, "its model is deleted")


def check_permissions(client: openai.OpenAI, model: str) -> None:
    permissions = client.fine_tuning.checkpoints.permissions
    made = permissions.create(model, project_ids=["default"]).data[0]
    require(made.project_id == "default", "a project may use the model")
    require(made.id in [one.id for one in permissions.list(model).data], "the permission is in the list")
    require(permissions.delete(made.id, fine_tuned_model_checkpoint=model).deleted, "it is taken back")
    require(made.id not in [one.id for one in permissions.list(model).data], "and is gone from the list")


def steer_job(client: openai.OpenAI, model: str, file_id: str) -> None:
    long = client.fine_tuning.jobs.create(model=model, training_file=file_id, hyperparameters={"n_epochs": 1000})
    client.fine_tuning.jobs.pause(long.id)
    client.fine_tuning.jobs.resume(long.id)
    client.fine_tuning.jobs.cancel(long.id)
    require(wait_for_end(client, long.id).status == "cancelled", "a job is paused, resumed and cancelled")
    error = refusal(
        lambda: client.fine_tuning.jobs.create(model="none", training_file=file_id),
        openai.BadRequestError,
        "an unknown model is refused",
    )
    require(error.param == "model", "the field is named")
