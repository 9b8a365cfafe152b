"""Webhooks, whose events OpenAI's Python client checks. The server may reach this machine by WEBHOOK_PRIVATE_ADDRESSES=true."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai

from checking import require


class Receiver(HTTPServer):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.taken: list[tuple[dict, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.taken.append((dict(self.headers.items()), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


def check_webhook(client: openai.OpenAI, model: str, file_id: str) -> None:
    receiver = Receiver()
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    hook = client.post("/webhooks", cast_to=dict, body={"url": url, "events": ["fine_tuning.job.cancelled"]})
    try:
        job = client.fine_tuning.jobs.create(model=model, training_file=file_id)
        client.fine_tuning.jobs.cancel(job.id)
        deadline = time.monotonic() + 60
        while not receiver.taken and time.monotonic() < deadline:
            time.sleep(0.2)
        state = client.get(f"/webhooks/{hook['id']}", cast_to=dict)
        require(receiver.taken, f"the end of a job is told to a webhook ({state['last_error']})")
        headers, body = receiver.taken[0]
        event = client.webhooks.unwrap(body, headers, secret=hook["secret"])
        require(event.type == "fine_tuning.job.cancelled" and event.data.id == job.id, "the client takes its signature")
        try:
            client.webhooks.unwrap(body.replace("cancelled", "succeeded"), headers, secret=hook["secret"])
            raise AssertionError("a forged event is refused")
        except openai.InvalidWebhookSignatureError:
            require(True, "a forged event is refused")
    finally:
        client.delete(f"/webhooks/{hook['id']}", cast_to=dict)
        receiver.shutdown()
