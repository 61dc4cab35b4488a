"""The four wires of models: how each says a conversation, and how each wants its answer, streamed or whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from tests.agents.script import Call, Move, Say, Tool, Turn

INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS = 100, 40, 20
"""What every answer is said to have cost; the cached ones are among the input."""

Body = dict[str, Any]
Event = tuple[str | None, Any]
"""Name (None: unnamed) and data of one server-sent event."""


def text_of(content: Any) -> str:
    """The text of a message's content, whatever its shape."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text_of(part) for part in content)
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("content") or content.get("output") or "")
    return ""


class Chat:
    """OpenAI chat completions."""

    path = "/v1/chat/completions"

    def turns(self, body: Body) -> list[Turn]:
        who = {"user": "user", "assistant": "model", "tool": "tool"}
        return [
            Turn(who[message["role"]], text_of(message.get("content")))
            for message in body["messages"]
            if message["role"] in who
            for _ in range(len(message.get("tool_calls") or []) or 1)
        ]

    def tools(self, body: Body) -> list[Tool]:
        return [
            Tool(tool["function"]["name"], tool["function"].get("parameters") or {}) for tool in body.get("tools") or []
        ]

    def whole(self, body: Body, move: Move) -> Any:
        usage = {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": OUTPUT_TOKENS,
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
            "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        }
        message = {"role": "assistant"} | _chat_content(move)
        choice = {"index": 0, "message": message, "finish_reason": _chat_end(move)}
        return self._envelope(body, "chat.completion", [choice]) | {"usage": usage}

    def events(self, body: Body, move: Move) -> Iterator[Event]:
        kind = "chat.completion.chunk"
        for delta in _chat_deltas(move):
            yield None, self._envelope(body, kind, [{"index": 0, "delta": delta, "finish_reason": None}])
        yield None, self._envelope(body, kind, [{"index": 0, "delta": {}, "finish_reason": _chat_end(move)}])
        yield None, self._envelope(body, kind, []) | {"usage": self.whole(body, move)["usage"]}
        yield None, "[DONE]"

    @staticmethod
    def _envelope(body: Body, kind: str, choices: list[Any]) -> Body:
        return {"id": f"c-{uuid4().hex}", "object": kind, "created": 1, "model": body.get("model"), "choices": choices}


def _chat_end(move: Move) -> str:
    return "stop" if isinstance(move, Say) else "tool_calls"


def _chat_content(move: Move) -> Body:
    if isinstance(move, Say):
        return {"content": move.text}
    function = {"name": move.tool.name, "arguments": json.dumps(move.arguments)}
    call = {"index": 0, "id": f"call_{uuid4().hex[:12]}", "type": "function", "function": function}
    return {"content": None, "tool_calls": [call]}


def _chat_deltas(move: Move) -> Iterator[Body]:
    if isinstance(move, Say):
        yield {"role": "assistant", "content": ""}
        for piece in _pieces(move.text):
            yield {"content": piece}
    else:
        yield {"role": "assistant"} | _chat_content(move)


class Messages:
    """Anthropic messages."""

    path = "/v1/messages"

    def turns(self, body: Body) -> list[Turn]:
        found = []
        for message in body["messages"]:
            content = message["content"]
            parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
            if message["role"] == "assistant":
                calls = sum(part.get("type") == "tool_use" for part in parts)
                found += [Turn("model", text_of(parts))] * (calls or 1)
                continue
            found += [Turn("tool", text_of(part)) for part in parts if part.get("type") == "tool_result"]
            if said := "\n".join(part["text"] for part in parts if part.get("type") == "text"):
                found.append(Turn("user", said))
        return found

    def tools(self, body: Body) -> list[Tool]:
        return [Tool(tool["name"], tool.get("input_schema") or {}) for tool in body.get("tools") or []]

    def whole(self, body: Body, move: Move) -> Any:
        return self._start(body) | {
            "content": [_block(move)],
            "stop_reason": "end_turn" if isinstance(move, Say) else "tool_use",
            "usage": self._usage() | {"output_tokens": OUTPUT_TOKENS},
        }

    def events(self, body: Body, move: Move) -> Iterator[Event]:
        block = _block(move)
        yield _named("message_start", message=self._start(body))
        if isinstance(move, Say):
            yield _named("content_block_start", index=0, content_block={"type": "text", "text": ""})
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(move.text)]
        else:
            yield _named("content_block_start", index=0, content_block=block | {"input": {}})
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(move.arguments)}]
        for delta in deltas:
            yield _named("content_block_delta", index=0, delta=delta)
        yield _named("content_block_stop", index=0)
        end = {"stop_reason": "end_turn" if isinstance(move, Say) else "tool_use", "stop_sequence": None}
        yield _named("message_delta", delta=end, usage={"output_tokens": OUTPUT_TOKENS})
        yield _named("message_stop")

    def _start(self, body: Body) -> Body:
        return {
            "id": f"msg_{uuid4().hex}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(),
        }

    @staticmethod
    def _usage() -> Body:
        """Here the cached tokens are counted beside the input, not among it."""
        return {
            "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
            "cache_read_input_tokens": CACHED_TOKENS,
            "cache_creation_input_tokens": 0,
            "output_tokens": 1,
        }


def _block(move: Move) -> Body:
    if isinstance(move, Say):
        return {"type": "text", "text": move.text}
    return {"type": "tool_use", "id": f"toolu_{uuid4().hex[:16]}", "name": move.tool.name, "input": move.arguments}


def _named(kind: str, **data: Any) -> Event:
    return kind, {"type": kind} | data


class Responses:
    """OpenAI responses."""

    path = "/v1/responses"

    def turns(self, body: Body) -> list[Turn]:
        entries = body["input"]
        if isinstance(entries, str):
            return [Turn("user", entries)]
        found = []
        for entry in entries:
            kind = entry.get("type", "message")
            if kind.endswith("_output"):
                found.append(Turn("tool", text_of(entry)))
            elif kind.endswith("_call") or (kind == "message" and entry["role"] == "assistant"):
                found.append(Turn("model", text_of(entry)))
            elif kind == "message" and entry["role"] == "user":
                found.append(Turn("user", text_of(entry)))
        return found

    def tools(self, body: Body) -> list[Tool]:
        found = []
        for tool in body.get("tools") or []:
            if tool.get("type") == "namespace":
                found += [Tool(one["name"], one.get("parameters") or {}, tool["name"]) for one in tool["tools"]]
            elif tool.get("type") == "function":
                found.append(Tool(tool["name"], tool.get("parameters") or {}))
            elif tool.get("type") == "local_shell":
                found.append(Tool("local_shell"))
        return found

    def whole(self, body: Body, move: Move) -> Any:
        return self._response(body, "completed", [_item(move)])

    def events(self, body: Body, move: Move) -> Iterator[Event]:
        item = _item(move)
        yield _named("response.created", response=self._response(body, "in_progress", []))
        yield _named("response.output_item.added", output_index=0, item=item)
        if isinstance(move, Say):
            for piece in _pieces(move.text):
                yield _named(
                    "response.output_text.delta", item_id=item["id"], output_index=0, content_index=0, delta=piece
                )
        yield _named("response.output_item.done", output_index=0, item=item)
        yield _named("response.completed", response=self._response(body, "completed", [item]))

    @staticmethod
    def _response(body: Body, status: str, output: list[Any]) -> Body:
        usage = {
            "input_tokens": INPUT_TOKENS,
            "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
            "output_tokens": OUTPUT_TOKENS,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        return {
            "id": f"resp_{uuid4().hex}",
            "object": "response",
            "created_at": 1,
            "status": status,
            "model": body.get("model"),
            "output": output,
            "usage": usage if status == "completed" else None,
        }


def _item(move: Move) -> Body:
    if isinstance(move, Say):
        content = [{"type": "output_text", "text": move.text, "annotations": []}]
        return {
            "type": "message",
            "id": f"msg_{uuid4().hex[:16]}",
            "role": "assistant",
            "status": "completed",
            "content": content,
        }
    item = {
        "type": "function_call",
        "id": f"fc_{uuid4().hex[:16]}",
        "call_id": f"call_{uuid4().hex[:12]}",
        "name": move.tool.name,
        "arguments": json.dumps(move.arguments),
        "status": "completed",
    }
    return item | ({"namespace": move.tool.namespace} if move.tool.namespace else {})


class Gemini:
    """Gemini generateContent; the model's name is in the path."""

    path = "/v1beta/models/"

    def turns(self, body: Body) -> list[Turn]:
        found = []
        for content in body["contents"]:
            parts = content["parts"]
            if content.get("role") == "model":
                found += [Turn("model", text_of(parts))] * (sum("functionCall" in part for part in parts) or 1)
                continue
            found += [Turn("tool", json.dumps(part)) for part in parts if "functionResponse" in part]
            if said := "\n".join(part["text"] for part in parts if "text" in part):
                found.append(Turn("user", said))
        return found

    def tools(self, body: Body) -> list[Tool]:
        return [
            Tool(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {})
            for group in body.get("tools") or []
            for one in group.get("functionDeclarations", [])
        ]

    def whole(self, body: Body, move: Move) -> Any:
        part = {"text": move.text} if isinstance(move, Say) else {"functionCall": _function_call(move)}
        usage = {
            "promptTokenCount": INPUT_TOKENS,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        }
        candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "fake"}

    def events(self, body: Body, move: Move) -> Iterator[Event]:
        yield None, self.whole(body, move)


def _function_call(move: Call) -> Body:
    return {"name": move.tool.name, "args": move.arguments}


def _pieces(text: str, size: int = 12) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


Wire = Chat | Messages | Responses | Gemini
