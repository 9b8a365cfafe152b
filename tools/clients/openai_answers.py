"""Chats and completions with OpenAI's Python client: turns, several answers, probabilities, ends, tools, JSON."""

import json
import shutil
import time
from pathlib import Path

import openai

from checking import refusal, require

question = [{"role": "user", "content": "What is 3 plus 3?"}]

# A chat template that shows tools, in the form of Qwen and Hermes.
tool_template = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] or '' }}"
    "{% for call in message.tool_calls or [] %}<tool_call>\n"
    """{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}"""
    "\n</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "maxLength": 8}, "days": {"enum": [1, 2, 3]}},
            "required": ["town", "days"],
            "additionalProperties": False,
        },
    },
}


def talk(client: openai.OpenAI, model: str) -> None:
    """Two turns of a chat, the first answer given back as it came, and texts that go on."""
    first = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=8)
    answer = first.choices[0].message
    for given_back in (answer, answer.model_dump(), answer.to_dict()):
        turns = [*question, given_back, {"role": "user", "content": "What is 4 plus 3?"}]
        second = client.chat.completions.create(model=model, messages=turns, temperature=0, max_tokens=8)
        require(second.usage.prompt_tokens > first.usage.prompt_tokens, f"a second turn: {second.choices[0].message.content!r}")
    pieces = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=8, stream=True)
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    require(text == answer.content, "a stream gives the same answer in pieces")
    one = client.completions.create(model=model, prompt="What is", temperature=0, max_tokens=4)
    many = client.completions.create(model=model, prompt=["The", "What is"], temperature=0, max_tokens=4)
    require(many.choices[1].text == one.choices[0].text, "texts go on, one and many")
    ids = client.completions.create(model=model, prompt=[[1, 2, 3], [4]], max_tokens=1)
    require(len(ids.choices) == 2, "token ids go on too")
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=question, max_tokens=1, extra_body={"top_k": 5}
    )
    require("top_k" in raw.headers.get("warning", ""), "a field that nobody knows is told of in a header")


def check_choices(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=question, n=3, seed=1, max_tokens=6, logprobs=True, top_logprobs=4
    )
    require([choice.index for choice in answer.choices] == [0, 1, 2], "three answers come at once")
    for choice in answer.choices:
        tokens = choice.logprobs.content
        written = b"".join(bytes(token.bytes) for token in tokens).decode(errors="replace")
        require(written == choice.message.content, f"the tokens of {written!r} have probabilities")
        require(all(len(token.top_logprobs) == 4 and token.logprob <= 0 for token in tokens), "and the likeliest beside them")
    whole = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=12)
    text = whole.choices[0].message.content
    stop = text[len(text) // 2 :][:2]
    cut = client.chat.completions.create(model=model, messages=question, temperature=0, max_tokens=12, stop=[stop])
    require(cut.choices[0].message.content == text[: text.index(stop)], f"an answer ends before {stop!r}")
    require(cut.choices[0].finish_reason == "stop", "and says that it was stopped")


def check_json(client: openai.OpenAI, model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 6}, "kind": {"enum": ["town", "river"]}},
        "required": ["name", "kind"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=model,
        messages=question,
        max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": schema}},
    )
    place = json.loads(answer.choices[0].message.content)
    require(set(place) == {"name", "kind"} and place["kind"] in ("town", "river"), f"an answer keeps to its schema: {place}")


def register_with_tools(client: openai.OpenAI, base: Path, folder: Path) -> str:
    """A base model of the same weights whose chat template shows tools; the server reads it on this machine."""
    shutil.copytree(base, folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "chat_template": tool_template}), "utf-8")
    name = "with-tools"
    body = {"folder": str(folder), "name": name, "replace": True}
    begun = client.post("/base_models", cast_to=dict, body=body)
    for _ in range(600):
        state = client.get(f"/base_models/registrations/{begun['id']}", cast_to=dict)
        if state["status"] != "running":
            break
        time.sleep(0.1)
    require(state["status"] == "done", f"a model whose template shows tools is registered: {state['error']}")
    return name


def check_tools(client: openai.OpenAI, model: str, without: str) -> None:
    asked = [{"role": "user", "content": "How is the weather in Oslo?"}]
    answer = client.chat.completions.create(
        model=model, messages=asked, tools=[weather], tool_choice="required", max_tokens=80
    )
    [choice] = answer.choices
    [call] = choice.message.tool_calls
    arguments = json.loads(call.function.arguments)
    require(choice.finish_reason == "tool_calls" and call.function.name == "weather", "a model has to call a tool")
    require(set(arguments) == {"town", "days"} and arguments["days"] in (1, 2, 3), f"its arguments keep to their schema: {arguments}")
    result = {"role": "tool", "tool_call_id": call.id, "content": "It snows."}
    told = client.chat.completions.create(
        model=model, messages=[*asked, choice.message, result], tools=[weather], max_tokens=4
    )
    require(told.usage.prompt_tokens > answer.usage.prompt_tokens, "the call and its result are given back")
    error = refusal(
        lambda: client.chat.completions.create(model=without, messages=asked, tools=[weather]),
        openai.BadRequestError,
        "a model whose template knows no tools refuses them",
    )
    require(error.param == "tools", "the field is named")
