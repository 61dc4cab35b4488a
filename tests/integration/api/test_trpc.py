"""The tRPC adapter by itself: what the official client and a plain one see of a small router."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import httpx
import pytest
from pydantic import Field
from serving import official_client, served, wait_until

from boomtown.api.trpc import Endpoint, Input, Options, Router, Tracked, TrpcError, tracked


@dataclass
class Lab:
    """The context of all calls, and what the tests look at."""

    open_streams: int = 0
    added: list[int] = field(default_factory=list)
    answered: asyncio.Event = field(default_factory=asyncio.Event)


router: Router[Lab] = Router("lab")


class Echo(Input):
    text_value: Annotated[str, Field(max_length=10)]
    times: Annotated[int, Field(ge=1, le=3)] = 1


class Add(Input):
    number: int


class Fail(Input):
    code: str


class Count(Input):
    until: int
    last_event_id: str | None = None


@router.query
async def echo(lab: Lab, q: Echo) -> list[str]:
    return [q.text_value] * q.times


@router.query
async def nothing(lab: Lab) -> None:
    """Takes nothing, gives nothing."""


@router.query
async def fail(lab: Lab, q: Fail) -> None:
    raise TrpcError(q.code, "as you wish", data={"reason": "ASKED"})


@router.query
async def crash(lab: Lab) -> None:
    raise RuntimeError("secret internals")


@router.query
async def last(lab: Lab) -> str:
    await lab.answered.wait()
    return "last"


@router.query
async def first(lab: Lab) -> str:
    asyncio.get_running_loop().call_later(0.2, lab.answered.set)
    return "first"


@router.mutation
async def add(lab: Lab, q: Add) -> int:
    lab.added.append(q.number)
    return sum(lab.added)


@router.subscription
async def count(lab: Lab, q: Count) -> AsyncIterator[Tracked[int]]:
    lab.open_streams += 1
    try:
        for number in range(int(q.last_event_id or 0) + 1, q.until + 1):
            yield tracked(str(number), number)
    finally:
        lab.open_streams -= 1


@router.subscription
async def forever(lab: Lab) -> AsyncIterator[str]:
    lab.open_streams += 1
    try:
        yield "only"
        await asyncio.Event().wait()
    finally:
        lab.open_streams -= 1


@router.subscription
async def mixed(lab: Lab) -> AsyncIterator[Any]:
    yield tracked("a", 1)
    yield 2
    yield tracked("b", 3)


@router.subscription
async def breaks(lab: Lab) -> AsyncIterator[int]:
    yield 1
    raise TrpcError("CONFLICT", "broken on purpose")


def explain(error: Exception, path: str | None) -> TrpcError:
    return TrpcError("INTERNAL_SERVER_ERROR", "Something went wrong.")


class Server:
    def __init__(self) -> None:
        self.lab = Lab()
        self.endpoint = Endpoint(
            router, context=self._context, explain=explain, options=Options(ping_s=0.1, max_body=20_000)
        )
        self.url = ""

    async def _context(self, scope: MutableMapping[str, Any]) -> Lab:
        if (b"authorization", b"Bearer wrong") in scope["headers"]:
            raise TrpcError("UNAUTHORIZED", "Who are you?")
        return self.lab

    def get(self, path: str, **query: Any) -> httpx.Response:
        params = {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()}
        return httpx.get(f"{self.url}/{path}", params=params)

    def post(self, path: str, value: Any, **query: str) -> httpx.Response:
        return httpx.post(f"{self.url}/{path}", params=query, json=value)

    def calls(self, link: str, *calls: tuple[str, str, Any], token: str | None = None) -> dict[str, Any]:
        listed = [{"kind": kind, "path": f"lab.{path}", "input": value} for kind, path, value in calls]
        return official_client({"url": self.url, "link": link, "calls": listed, "token": token})

    def subscribe(self, path: str, value: Any = None, take: int | None = None, **more: Any) -> dict[str, Any]:
        subscription = {"path": f"lab.{path}", "input": value, "take": take}
        return official_client({"url": self.url, "subscribe": subscription, **more})


@pytest.fixture(scope="module")
def served_lab() -> Iterator[Server]:
    server = Server()
    with served(server.endpoint) as url:
        server.url = url
        yield server


@pytest.fixture
def server(served_lab: Server) -> Server:
    served_lab.lab = Lab()  # a stream of an earlier test may still be closing, and counts in its own
    return served_lab


# the official client


def test_http_link_calls_queries_and_mutations(server: Server) -> None:
    seen = server.calls("http", ("query", "echo", {"textValue": "hi"}), ("mutation", "add", {"number": 4}))
    assert seen["answers"] == [{"data": ["hi"]}, {"data": 4}]
    assert {(call["method"], call["status"]) for call in seen["requests"]} == {("GET", 200), ("POST", 200)}


def test_http_link_sends_no_input_where_there_is_none(server: Server) -> None:
    assert server.calls("http", ("query", "nothing", None))["answers"] == [{"data": None}]


def test_batch_link_puts_all_queries_into_one_request_with_mixed_results(server: Server) -> None:
    seen = server.calls(
        "batch",
        ("query", "echo", {"textValue": "é", "times": 2}),
        ("query", "fail", {"code": "CONFLICT"}),
        ("query", "nothing", None),
    )
    assert seen["requests"] == [{"method": "GET", "status": 207, "type": "application/json"}]
    good, bad, empty = seen["answers"]
    assert (good, empty) == ({"data": ["é", "é"]}, {"data": None})
    assert bad["error"]["shape"] == {
        "message": "as you wish",
        "code": -32009,
        "data": {"code": "CONFLICT", "httpStatus": 409, "path": "lab.fail", "reason": "ASKED"},
    }


def test_batch_link_puts_all_mutations_into_one_post(server: Server) -> None:
    seen = server.calls("batch", ("mutation", "add", {"number": 1}), ("mutation", "add", {"number": 2}))
    assert seen["requests"] == [{"method": "POST", "status": 200, "type": "application/json"}]
    assert server.lab.added == [1, 2]


def test_batch_stream_link_gets_each_answer_as_soon_as_it_is_ready(server: Server) -> None:
    seen = server.calls(
        "stream", ("query", "last", None), ("query", "first", None), ("query", "fail", {"code": "NOT_FOUND"})
    )
    assert [answer.get("data") for answer in seen["answers"]] == ["last", "first", None]
    assert seen["answers"][2]["error"]["shape"]["data"]["code"] == "NOT_FOUND"
    assert seen["order"][-1] == 0, "the slow answer came last although it was asked for first"
    assert len(seen["requests"]) == 1


@pytest.mark.parametrize("link", ["http", "batch", "stream"])
def test_every_link_hears_who_may_not_call(server: Server, link: str) -> None:
    answers = server.calls(link, ("query", "nothing", None), ("query", "first", None), token="wrong")["answers"]
    assert [answer["error"]["shape"]["data"]["code"] for answer in answers] == ["UNAUTHORIZED", "UNAUTHORIZED"]


def test_subscription_link_gets_tracked_events_and_a_clean_end(server: Server) -> None:
    seen = server.subscribe("count", {"until": 3})
    assert seen["events"] == [{"id": "1", "data": 1}, {"id": "2", "data": 2}, {"id": "3", "data": 3}]
    assert seen["completed"]
    assert seen["error"] is None


def test_subscription_link_resumes_from_the_id_in_its_input(server: Server) -> None:
    assert [event["data"] for event in server.subscribe("count", {"until": 4, "lastEventId": "2"})["events"]] == [3, 4]


def test_subscription_link_hears_a_serialized_error(server: Server) -> None:
    seen = server.subscribe("breaks")
    assert seen["events"] == [1]
    assert seen["error"]["shape"]["data"] == {"code": "CONFLICT", "httpStatus": 409, "path": "lab.breaks"}


def test_subscription_link_hears_who_may_not_subscribe(server: Server) -> None:
    assert server.subscribe("forever", token="wrong")["error"]["shape"]["data"]["code"] == "UNAUTHORIZED"


def test_subscription_link_hears_what_is_wrong_with_its_input(server: Server) -> None:
    assert server.subscribe("count", {})["error"]["message"] == "`until` is missing."


def test_a_subscription_that_the_client_leaves_is_closed_at_once(server: Server) -> None:
    assert server.subscribe("forever", take=1)["events"] == ["only"]
    wait_until(lambda: server.lab.open_streams == 0)


# the wire, byte by byte


def test_an_error_has_the_shape_and_status_of_its_code(server: Server) -> None:
    for code, number, status in [
        ("UNAUTHORIZED", -32001, 401),
        ("FORBIDDEN", -32003, 403),
        ("NOT_FOUND", -32004, 404),
        ("TOO_MANY_REQUESTS", -32029, 429),
        ("NOT_IMPLEMENTED", -32603, 501),
        ("SERVICE_UNAVAILABLE", -32603, 503),
    ]:
        answer = server.get("lab.fail", input={"code": code})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, number)


def test_an_unforeseen_error_says_nothing_of_the_inside(server: Server) -> None:
    answer = server.get("lab.crash")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_procedure_that_does_not_exist_is_named(server: Server) -> None:
    answer = server.get("lab.nope")
    assert answer.status_code == 404
    assert "lab.nope" in answer.json()["error"]["message"]


def test_a_mutation_over_get_is_refused_and_changes_nothing(server: Server) -> None:
    answer = server.get("lab.add", input={"number": 1})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert server.lab.added == []


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "`textValue` is missing."),
        ({"textValue": 5}, "`textValue` is 5; it must be a text."),
        ({"textValue": "x" * 11}, "`textValue` is 11 characters long; at most 10 fit."),
        ({"textValue": "x", "times": 9}, "`times` is 9; it must be at most 3."),
        ({"textValue": "x", "times": "2"}, '`times` is "2"; it must be a whole number.'),
        ({"textValue": "x", "time": 2}, "`time` is not known here. Did you mean `times`?"),
        ({"text_value": "x", "textValue": "x"}, "`text_value` is not known here. Did you mean `textValue`?"),
        ([], "The input is []; it must be an object."),
    ],
)
def test_bad_input_names_the_field_the_value_and_the_cure(server: Server, value: Any, sentence: str) -> None:
    answer = server.get("lab.echo", input=value)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == sentence
    assert answer.json()["error"]["data"]["issues"][0]["message"] == sentence


def test_input_that_is_no_json_is_said_to_be_so(server: Server) -> None:
    answer = server.get("lab.echo", input="{")
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["error"]["message"]


def test_a_lone_surrogate_is_bad_input_not_a_fault_of_ours(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/lab.add", content=b'{"number": "\\ud800"}', headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


def test_a_body_that_is_not_json_by_its_type_is_refused(server: Server) -> None:
    answer = httpx.post(f"{server.url}/lab.add", content=b'{"number": 1}', headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert server.lab.added == []


def test_a_body_that_is_too_large_is_refused_before_all_of_it_is_read(server: Server) -> None:
    answer = server.post("lab.add", {"number": 1, "padding": "x" * 50_000})
    assert (answer.status_code, answer.json()["error"]["data"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_batch_of_equal_errors_has_their_status(server: Server) -> None:
    answer = server.get("lab.echo,lab.echo", batch="1", input={"0": {}, "1": {}})
    assert answer.status_code == 400
    assert len(answer.json()) == 2


def test_a_batch_can_not_mix_kinds(server: Server) -> None:
    answer = server.post("lab.add,lab.nothing", {"0": {"number": 1}}, batch="1")
    assert answer.status_code == 400
    assert server.lab.added == []


def test_head_answers_that_somebody_is_there(server: Server) -> None:
    assert httpx.head(f"{server.url}/lab.nothing").status_code == 204


def events(server: Server, path: str, headers: dict[str, str] | None = None, **query: Any) -> list[str]:
    """All blocks of a stream, up to its end."""
    params = {key: json.dumps(value) for key, value in query.items()}
    answer = httpx.get(f"{server.url}/{path}", params=params, headers=headers or {})
    assert answer.headers["content-type"] == "text/event-stream"
    return answer.text.removesuffix("\n\n").split("\n\n")


def test_a_stream_begins_connected_and_ends_with_return(server: Server) -> None:
    connected, only, end = events(server, "lab.count", input={"until": 1})
    assert connected == 'event: connected\ndata: {"reconnectAfterInactivityMs":30000}'
    assert only == "data: 1\nid: 1"
    assert end == "event: return\ndata: "


def test_the_header_of_a_reconnecting_browser_is_where_a_stream_resumes(server: Server) -> None:
    blocks = events(server, "lab.count", headers={"Last-Event-ID": "2"}, input={"until": 3})
    assert blocks[1:-1] == ["data: 3\nid: 3"]


def test_an_event_without_an_id_does_not_move_the_place_to_resume_from(server: Server) -> None:
    blocks = events(server, "lab.mixed")
    assert blocks[1:-1] == ["data: 1\nid: a", "data: 2\nid: ", "event: restore-id\ndata: \nid: a", "data: 3\nid: b"]


def test_a_quiet_stream_is_pinged(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/lab.forever") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line == "event: ping")


def test_closing_the_endpoint_ends_streams_without_return_so_that_clients_come_back(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/lab.forever") as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line == 'data: "only"')
        server.endpoint.close()
        assert "event: return" not in list(lines)
    wait_until(lambda: server.lab.open_streams == 0)
