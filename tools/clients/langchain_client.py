"""Drives a running server with LangChain's two OpenAI classes; only the base URL is ours.

    pip install langchain-openai
    python tools/clients/langchain_client.py [--url http://127.0.0.1:8010] [--model prose-4m] [--chat MODEL]

--model goes on with texts, --chat is talked with and needs a chat template, or is an adapter; without it only texts are
asked for. LOWRANK_API_KEY is the key, if the server asks for one. Ends with 1 at the first thing that is not as it should
be.
"""

import argparse
import os

import openai
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI, OpenAI


def require(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)
    print(f"ok: {what}")


def texts(model: str, shared: dict) -> None:
    llm = OpenAI(model=model, max_tokens=8, temperature=0, **shared)
    one = llm.invoke("The sea")
    require(len(one) > 0, f"a text goes on: {one!r}")
    result = llm.generate(["The sea", "The king", "The sea"])
    same = [generations[0].text == one for generations in result.generations]
    require(same == [True, False, True], "three texts go on in one request, each as alone")
    require(result.llm_output["token_usage"]["completion_tokens"] == 24, "their tokens are counted")
    pieces = list(llm.stream("The sea"))
    require("".join(pieces) == one, f"the same comes in {len(pieces)} pieces")
    two = OpenAI(model=model, max_tokens=8, temperature=1, n=2, best_of=2, **shared)
    require(len(two.generate(["The sea"]).generations[0]) == 2, "a text goes on in two ways")


def chats(model: str, shared: dict) -> None:
    chat = ChatOpenAI(model=model, max_tokens=12, temperature=0, **shared)
    messages = [SystemMessage("Answer in one word."), HumanMessage("What is 3 plus 4?")]
    first = chat.invoke(messages)
    require(isinstance(first.content, str), f"a first turn is answered: {first.content!r}")
    second = chat.invoke([*messages, first, HumanMessage("Are you sure?")])
    grown = second.usage_metadata["input_tokens"] > first.usage_metadata["input_tokens"]
    require(grown, f"a second turn takes the first answer back: {second.content!r}")
    streamed = "".join(chunk.content for chunk in chat.stream(messages))
    require(streamed == first.content, "the same comes in pieces")
    several = ChatOpenAI(model=model, max_tokens=4, n=2, temperature=1, **shared).generate([messages])
    require(len(several.generations[0]) == 2, "a turn is answered twice")
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    try:
        chat.bind_tools([tool]).invoke(messages)
        require(False, "tools are refused by their field")
    except openai.BadRequestError as error:
        require(error.param == "tools", f"tools are refused by their field: {error.message}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("LOWRANK_URL", "http://127.0.0.1:8010"))
    parser.add_argument("--model", default="prose-4m")
    parser.add_argument("--chat")
    arguments = parser.parse_args()
    key = os.environ.get("LOWRANK_API_KEY", "none")
    shared = {"base_url": f"{arguments.url}/v1", "api_key": key, "max_retries": 0}
    texts(arguments.model, shared)
    if arguments.chat is not None:
        chats(arguments.chat, shared)
    print("all is as it should be")


if __name__ == "__main__":
    main()
