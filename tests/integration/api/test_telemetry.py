"""OTLP export, taken in by a small receiver."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import wait_until
from test_town import start_town

from boomtown.api.telemetry import exporting, is_wanted


class Receiver:
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        self.services: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                (receiver.take_spans if self.path == "/v1/traces" else receiver.take_metrics)(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take_spans(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            attributes = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            self.services.add(attributes["service.name"])
            self.spans += [span for scope in of_resource.scope_spans for span in scope.spans]

    def take_metrics(self, body: bytes) -> None:
        for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in of_resource.scope_metrics:
                self.metrics |= {metric.name: metric for metric in scope.metrics}

    def named(self, name: str) -> list[dict[str, str]]:
        """The texts among the attributes of all spans with this name."""
        found = [span for span in list(self.spans) if span.name == name]
        return [{each.key: each.value.string_value for each in span.attributes} for span in found]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def test_commands_and_runs_are_exported_where_the_standard_variables_say(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server.server_address[1]}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
    with start_town(tmp_path) as town:
        bead = town.mutate("sling", {"rigId": "web", "title": "work"}).json()["result"]["data"]["bead"]
        wait_until(lambda: bool(receiver.named("run")), 60)
        (run,) = receiver.named("run")
        assert (run["boomtown.bead_id"], run["boomtown.rig_id"]) == (bead["id"], bead["rig_id"])
        (command,) = receiver.named("command bead.created")
        assert command["boomtown.actor"].startswith("user:")
        assert command["boomtown.rig_id"] == bead["rig_id"]
        spans = [span for span in receiver.spans if span.name == "run"]
        assert 0 < spans[0].start_time_unix_nano < spans[0].end_time_unix_nano
        assert receiver.services == {"boomtown"}
        wait_until(lambda: {"boomtown.events", "boomtown.run.duration"} <= set(receiver.metrics), 60)


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_it_is_off_unless_an_endpoint_is_set(env: dict[str, str], wanted: bool) -> None:
    assert is_wanted(env) == wanted
    assert wanted or exporting(None, env) is None


def test_a_server_without_the_variables_imports_nothing_of_it() -> None:
    program = (
        "import boomtown.api.serve, sys; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"
