"""The model server itself: each wire, the script, its troubles."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.agents.model_server import ModelServer

WRITE = {"type": "object", "properties": {"filePath": {"type": "string"}, "content": {"type": "string"}}}
BASH = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command", "description"]}
PROMPT = """On polecat/toast/1a2b3c, in the working directory /tmp/w
STEP shell make
STEP call gt_done {"branch": "$BRANCH"}
STEP say Good.
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def post(server: ModelServer, path: str, body: object) -> httpx.Response:
    return httpx.post(server.url + path, json=body, timeout=10)


def chat(server: ModelServer, *messages: dict[str, object], stream: bool = False, tools: bool = True) -> httpx.Response:
    offered = [
        {"type": "function", "function": {"name": "bash", "parameters": BASH}},
        {"type": "function", "function": {"name": "write", "parameters": WRITE}},
        {"type": "function", "function": {"name": "town_gt_done", "parameters": {}}},
    ]
    body = {"model": "m", "messages": list(messages), "stream": stream} | ({"tools": offered} if tools else {})
    return post(server, "/v1/chat/completions", body)


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


CALLED = [{"role": "assistant", "tool_calls": [{}]}, {"role": "tool", "content": "ok"}]


def test_the_step_is_the_number_of_its_own_turns(server: ModelServer) -> None:
    first = chat(server, user(PROMPT)).json()["choices"][0]
    second = chat(server, user(PROMPT), *CALLED).json()["choices"][0]["message"]["tool_calls"][0]["function"]
    third = chat(server, user(PROMPT), *CALLED, *CALLED).json()["choices"][0]
    call = first["message"]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])["command"]) == ("bash", "make")
    assert (second["name"], json.loads(second["arguments"])) == ("town_gt_done", {"branch": "polecat/toast/1a2b3c"})
    assert (third["message"]["content"], third["finish_reason"]) == ("Good.", "stop")


def test_a_later_prompt_without_steps_goes_on_with_the_script(server: ModelServer) -> None:
    answer = chat(server, user(PROMPT), *CALLED, user("Go on.")).json()
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "town_gt_done"


def test_a_request_without_tools_is_for_a_title(server: ModelServer) -> None:
    assert chat(server, user(PROMPT), tools=False).json()["choices"][0]["message"]["content"] == "A title"


def test_writes_with_the_tool_for_files_at_an_absolute_path(server: ModelServer) -> None:
    said = user("In the working directory /tmp/w\nSTEP write a/b.txt some words")
    call = chat(server, said).json()["choices"][0]["message"]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])) == (
        "write",
        {"filePath": "/tmp/w/a/b.txt", "content": "some words\n"},
    )


def test_chat_streams_chunks_and_usage(server: ModelServer) -> None:
    lines = chat(server, user("STEP say One two three four."), stream=True).text.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line and "[DONE]" not in line]
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    assert said == "One two three four."
    assert chunks[-1]["usage"]["total_tokens"] == 120


def test_messages_speaks_anthropic(server: ModelServer) -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "ok"}]},
        ],
        "tools": [{"name": "mcp__town__gt_done", "input_schema": {}}],
    }
    whole = post(server, "/v1/messages", body).json()
    assert whole["content"][0]["input"] == {"branch": "polecat/toast/1a2b3c"}
    streamed = post(server, "/v1/messages?beta=true", body | {"stream": True}).text
    assert [line[7:] for line in streamed.splitlines() if line.startswith("event: ")] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_responses_calls_a_tool_in_a_namespace(server: ModelServer) -> None:
    body = {
        "model": "m",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]},
            {"type": "function_call", "name": "shell", "call_id": "1", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "ok"},
        ],
        "tools": [{"type": "namespace", "name": "mcp__town", "tools": [{"name": "gt_done", "parameters": {}}]}],
    }
    item = post(server, "/v1/responses", body).json()["output"][0]
    assert (item["type"], item["name"], item["namespace"]) == ("function_call", "gt_done", "mcp__town")


def test_gemini_streams_its_one_event(server: ModelServer) -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": PROMPT}]}],
        "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": BASH}]}],
    }
    text = post(server, "/v1beta/models/g:streamGenerateContent?alt=sse", body).text
    part = json.loads(text.removeprefix("data: "))["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"]["command"] == "make"


def test_a_trouble_passes_after_so_many_requests(server: ModelServer) -> None:
    said = user("once more\nSTEP fail 529 2\nSTEP drop 1\nSTEP say At last.")
    assert [chat(server, said).status_code for _ in range(2)] == [529, 529]
    with pytest.raises(httpx.RemoteProtocolError):
        chat(server, said, stream=True)
    assert chat(server, said).json()["choices"][0]["message"]["content"] == "At last."


def test_a_model_that_hangs_never_answers(server: ModelServer) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{server.url}/v1/chat/completions",
            json={"messages": [user("STEP hang")], "tools": [{"function": {"name": "bash"}}]},
            timeout=0.3,
        )


def test_keeps_what_was_asked(server: ModelServer) -> None:
    chat(server, user("a word that is nowhere else: qoph"))
    (seen,) = server.asked("qoph")
    assert (seen.path, [turn.who for turn in seen.turns], seen.tools[0]) == ("/v1/chat/completions", ["user"], "bash")
