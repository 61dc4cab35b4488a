"""OTLP export by the standard `OTEL_*` variables: spans of the rigs' commands and of runs, and counts of events.

Off, with nothing of OpenTelemetry imported, unless one of its endpoints is set. Exporting never holds up the town:
spans are sent by threads of the SDK, and dropped where nobody takes them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from boomtown import __version__
from boomtown.rig.engine import Commanded

log = structlog.get_logger()

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
PROTOCOL = "http/protobuf"
AT_ONCE = 500
QUIET_S = 60.0
END_S = 3.0
"""How long the end of the server waits for the last spans to be taken."""


def is_wanted(env: Mapping[str, str]) -> bool:
    """Whether the variables ask for an export. What can't be done is logged with the cure, and the town goes on."""
    if not any(env.get(name) for name in ENDPOINTS) or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    protocol = env.get("OTEL_EXPORTER_OTLP_PROTOCOL") or PROTOCOL
    if protocol != PROTOCOL:
        cure = f"Set OTEL_EXPORTER_OTLP_PROTOCOL={PROTOCOL}, the only one that is spoken here."
        log.warning("otel.off", protocol=protocol, cure=cure)
        return False
    return True


class Telemetry:
    """One export. `town` is a `rig.town.Town`. Raises `ModuleNotFoundError` without the extra `otel`."""

    def __init__(self, town: Any, env: Mapping[str, str]) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {} if env.get("OTEL_SERVICE_NAME") else {"service.name": "boomtown"}
        resource = Resource.create({**named, "service.version": __version__})
        self._town = town
        self._traces = TracerProvider(resource=resource)
        readers = []
        if env.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp":
            self._traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        if env.get("OTEL_METRICS_EXPORTER", "otlp") == "otlp":
            readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
        self._metrics = MeterProvider(resource=resource, metric_readers=readers)
        self._tracer = self._traces.get_tracer("boomtown", __version__)
        meter = self._metrics.get_meter("boomtown", __version__)
        self._events = meter.create_counter("boomtown.events", description="Entries of the ledger.")
        self._runs = meter.create_histogram("boomtown.run.duration", unit="s", description="How long runs took.")

    def commanded(self, command: Commanded) -> None:
        """A command was stored."""
        said = {"boomtown.actor": command.actor, "boomtown.events": list(command.events)}
        rig = {"boomtown.rig_id": command.rig_id} if command.rig_id else {}
        self._span(f"command {command.events[0]}", command.began, command.ended, {**said, **rig})

    async def follow(self) -> None:
        """Count what happens and tell of runs that end, for ever."""
        since = self._town.ledger_end
        while True:
            events = await self._town.events_after(None, None, since, AT_ONCE)
            for event in events:
                since = event["seq"]
                self._events.add(1, {"kind": event["kind"]})
                if event["kind"] == "run.ended":
                    await self._run_ended(event)
            if len(events) < AT_ONCE:
                await self._town.wait_events(since, QUIET_S)

    async def close(self) -> None:
        """Send what is left, unless nobody takes it in time."""
        sending = threading.Thread(target=self._end, name="otel end", daemon=True)
        sending.start()
        await asyncio.to_thread(sending.join, END_S)

    def _end(self) -> None:
        self._traces.shutdown()
        self._metrics.shutdown()

    async def _run_ended(self, event: Mapping[str, Any]) -> None:
        ended, told = _seconds(event["at"]), event["data"]
        for run in await self._town.runs_named([event["run_id"]]):
            said = {"outcome": told["outcome"], "number": told["number"], "exit_code": told["exit_code"]}
            ids = {name: event[name] for name in ("rig_id", "bead_id", "agent_id", "run_id")}
            named = {f"boomtown.{name}": value for name, value in {**ids, **said}.items() if value is not None}
            self._span("run", run["claimed_at"], ended, named, told["error"])
            self._runs.record(ended - run["claimed_at"], {"outcome": told["outcome"]})

    def _span(self, name: str, began: float, ended: float, said: Mapping[str, Any], error: str | None = None) -> None:
        from opentelemetry.trace import Status, StatusCode

        span = self._tracer.start_span(name, start_time=int(began * 1e9), attributes=dict(said))
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(int(ended * 1e9))


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def exporting(town: Any, env: Mapping[str, str]) -> Telemetry | None:
    """The export that the variables ask for, if they do."""
    if not is_wanted(env):
        return None
    try:
        telemetry = Telemetry(town, env)
    except ModuleNotFoundError as error:
        log.warning("otel.off", missing=error.name, cure="Install it: pip install 'boomtown[otel]'.")
        return None
    log.info("otel.on")
    return telemetry
