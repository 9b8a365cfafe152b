"""What the scripts that drive a server share: a check that says what holds, and waiting for jobs."""

import time

import openai


def require(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)
    print(f"ok: {what}", flush=True)


def refusal(work, kind: type[openai.APIStatusError], what: str) -> openai.APIStatusError:
    """The error that `work` ends with."""
    try:
        work()
    except kind as error:
        print(f"ok: {what}: {error.message}", flush=True)
        return error
    raise AssertionError(f"not so: {what}")


def wait_for_end(client: openai.OpenAI, job_id: str, seconds: float = 600):
    """Asks for a job until it is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        job = client.fine_tuning.jobs.retrieve(job_id)
        if job.status in ("succeeded", "failed", "cancelled"):
            return job
        time.sleep(0.5)
    raise AssertionError(f"{job_id} is not over after {seconds} s")
