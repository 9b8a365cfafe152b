"""Reads a job's curves back with the real TensorBoard, MLflow and Weights & Biases, and compares every point.

    npm run build
    pip install tensorboard mlflow wandb
    python tools/clients/trackers.py

Starts a tracking server of MLflow and the service, trains a job, kills the service in the middle of it with everything that
belongs to it, and starts it again. Then the job's metrics as the API has them are compared with what tensorboard reads from
the event file, with what mlflow's client gets from its server, and with what `wandb sync` sends of the offline run to a small
server on 127.0.0.1 that stands in for W&B's. Prints the curves; ends with 1 where a point is missing, twice or different.
"""

import gzip
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mlflow.tracking import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams

root = Path(__file__).resolve().parents[2]
cli = ["node", str(root / "dist/apps/cli/src/main.js")]
groups = {"step": "train", "evaluation": "eval"}
Curves = dict[str, list[tuple[int, float]]]


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def until(what: str, condition, seconds: float = 180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise SystemExit(f"{what}: not within {seconds} s")


class Started:
    """A program in a group of its own, with the programs that it starts."""

    def __init__(self, command: list[str], log: Path, **environment: str):
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def call(url: str, method: str = "GET", body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def upload(api: str, file: Path) -> str:
    made = subprocess.run(
        ["curl", "-sSf", f"{api}/v1/files", "-F", "purpose=fine-tune", "-F", f"file=@{file}"],
        check=True,
        capture_output=True,
    )
    return json.loads(made.stdout)["id"]


def curves_of(metrics: list[dict]) -> Curves:
    """As trackers are to have them."""
    curves: Curves = {}
    for metric in metrics:
        group = groups.get(metric["kind"])
        for name, value in metric["values"].items():
            if group and isinstance(value, (int, float)) and not isinstance(value, bool):
                curves.setdefault(f"{group}/{name}", []).append((metric["step"], value))
    return curves


def metrics_of(api: str, job: str) -> list[dict]:
    found: list[dict] = []
    while True:
        after = f"&after={found[-1]['id']}" if found else ""
        page = call(f"{api}/v1/fine_tuning/jobs/{job}/metrics?limit=100{after}")
        found += page["data"]
        if not page["has_more"]:
            return found


def single(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


def compare(name: str, expected: Curves, found: Curves) -> int:
    """Prints the curves, and yields how many differ."""
    points = sum(len(curve) for curve in found.values())
    print(f"\n{name}: {len(found)} curves, {points} points")
    wrong = 0
    for tag in sorted(expected | found):
        theirs = found.get(tag, [])
        same = expected.get(tag) == theirs
        wrong += not same
        shown = ", ".join(f"{step}: {value:.4g}" for step, value in theirs[:: max(1, len(theirs) // 5)])
        print(f"  {'ok ' if same else 'BAD'} {tag:24} {len(theirs):3} points  {shown}")
    return wrong


def from_tensorboard(folder: Path) -> tuple[Curves, bool]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    curves = {
        tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    content = events.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
    options = hparams.parse_session_start_info_plugin_data(content).hparams
    print(f"\nTensorBoard reads {len(options)} hyperparameters, lora.r = {options['lora.r'].number_value:g}")
    return curves, options["lora.r"].number_value == 8


def from_mlflow(uri: str, job: str) -> tuple[Curves, list]:
    client = MlflowClient(uri)
    experiments = [one.experiment_id for one in client.search_experiments()]
    runs = client.search_runs(experiments, f"tags.`lowrank.job` = '{job}'")
    curves = {
        key: [(point.step, point.value) for point in client.get_metric_history(runs[0].info.run_id, key)]
        for key in runs[0].data.metrics
    }
    return {key: sorted(points) for key, points in curves.items()}, runs


class WandbServer(ThreadingHTTPServer):
    """Keeps what `wandb sync` sends."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), WandbHandler)
        self.rows: list[dict] = []
        self.run: dict = {}
        self.exit_code: int | None = None
        threading.Thread(target=self.serve_forever, daemon=True).start()


class WandbHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        # It sends telemetry in other formats too.
        is_read = self.path.endswith(("/graphql", "/file_stream"))
        said = json.dumps(self.take(json.loads(body)) if is_read else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = answer

    def take(self, body: dict) -> dict:
        server: WandbServer = self.server
        if self.path.endswith("/file_stream"):
            history = body.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            server.rows += [json.loads(line) for line in history]
            if body.get("complete"):
                server.exit_code = body.get("exitcode")
            return {}
        variables = body.get("variables", {})
        operation = body.get("operationName")
        if operation == "UpsertBucket":
            server.run = server.run or variables
            project = {"name": variables["project"], "entity": {"name": variables.get("entity") or "me"}}
            bucket = {"id": "b", "name": variables["name"], "displayName": variables["name"], "project": project}
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        if operation == "CreateRunFiles":
            return {"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}}}
        return {"data": {}}

    def log_message(self, *_) -> None:
        pass


def from_wandb(folder: Path) -> tuple[Curves, WandbServer]:
    server = WandbServer()
    runs = [str(run) for run in folder.glob("wandb/offline-run-*")]
    synced = subprocess.run(
        [str(Path(sys.executable).parent / "wandb"), "sync", "--yes", *runs],
        cwd=folder,
        env={
            **os.environ,
            "WANDB_BASE_URL": f"http://127.0.0.1:{server.server_port}",
            "WANDB_API_KEY": "0" * 40,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    print("\n" + "\n".join(line for line in (synced.stdout + synced.stderr).splitlines() if "yn" in line))
    if synced.returncode != 0:
        print(synced.stdout + synced.stderr)
    curves: Curves = {}
    for row in server.rows:
        for key, value in row.items():
            if not key.startswith("_") and key != "train/global_step":
                curves.setdefault(key, []).append((row["_step"], value))
    return curves, server


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="trackers-"))
    port, mlflow_port = free_port(), free_port()
    api, uri = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{mlflow_port}"
    store = f"sqlite:///{folder}/mlflow.db"
    mlflow = Started(
        [sys.executable, "-m", "mlflow", "server", "--port", str(mlflow_port), "--backend-store-uri", store]
        + ["--default-artifact-root", str(folder / "artifacts"), "--workers", "1"],
        folder / "mlflow.log",
    )

    def start() -> Started:
        return Started(
            [*cli, "start"],
            folder / "service.log",
            LOWRANK_HOME=str(folder / "home"),
            PORT=str(port),
            MLFLOW_TRACKING_URI=uri,
            MLFLOW_EXPERIMENT_NAME="curves",
        )

    service = start()
    try:
        until("mlflow starts", lambda: answers(f"{uri}/health"))
        until("the service starts", lambda: answers(f"{api}/ready"))
        training = upload(api, root / "examples/quickstart/train.jsonl")
        validation = upload(api, root / "examples/quickstart/validation.jsonl")
        body = {
            "model": "prose-4m",
            "training_file": training,
            "validation_file": validation,
            "suffix": "curves",
            "seed": 1,
            "lora": {"r": 8},
            "training": {"max_steps": 40, "eval_steps": 8, "checkpoint_steps": 8, "batch_size": 2},
            "integrations": [{"type": "wandb", "wandb": {"project": "poems", "tags": ["a"]}}],
        }
        job = call(f"{api}/v1/fine_tuning/jobs", "POST", body)["id"]
        of_job = f"{api}/v1/fine_tuning/jobs/{job}"
        until("MLflow has a curve", lambda: len(MlflowClient(uri).search_experiments()) > 1)
        until("some steps", lambda: call(of_job)["progress"]["step"] >= 10)
        service.kill()
        print("killed the service, and started it again")
        service = start()
        until("the service starts again", lambda: answers(f"{api}/ready"))
        done = until("the job ends", lambda: finished(of_job))
        print(f"{job} {done['status']} after {done['attempt']} attempts")
        until("MLflow has the end", lambda: from_mlflow(uri, job)[1][0].info.status == "FINISHED")

        expected = curves_of(metrics_of(api, job))
        for tracker in ("tensorboard", "wandb"):
            fetch = [*cli, "tracker", job, tracker, "--out", str(folder / "runs"), "--url", api]
            subprocess.run(fetch, check=True)
        wrong = 0
        read, has_options = from_tensorboard(folder / "runs" / job)
        singles = {tag: [(step, single(value)) for step, value in curve] for tag, curve in expected.items()}
        wrong += compare("TensorBoard", singles, read) + (not has_options)
        read, runs = from_mlflow(uri, job)
        wrong += compare("MLflow", expected, read) + (len(runs) != 1)
        print(f"  {len(runs)} run, {runs[0].info.status}, {len(runs[0].data.params)} parameters")
        read, server = from_wandb(folder / "runs")
        wrong += compare("Weights & Biases", expected, read) + (server.exit_code != 0)
        config = json.loads(server.run["config"])
        print(f"  project {server.run['project']}, tags {server.run['tags']}, exit code {server.exit_code}")
        wrong += server.run["project"] != "poems" or config["lora"]["value"]["r"] != 8
        print("\nall curves are the same" if wrong == 0 else f"\n{wrong} things differ")
        return int(wrong > 0)
    finally:
        service.kill()
        mlflow.kill()
        shutil.rmtree(folder, ignore_errors=True)


def finished(of_job: str) -> dict | None:
    job = call(of_job)
    return job if job["status"] in ("succeeded", "failed", "cancelled") else None


if __name__ == "__main__":
    sys.exit(main())
