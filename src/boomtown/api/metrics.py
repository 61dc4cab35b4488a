"""`/metrics` for Prometheus: the town at the moment of asking, and what happened since the server began."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.process_collector import ProcessCollector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from boomtown.api.auth import People
from boomtown.api.errors import envelope

_OF_RIG = {
    "live": "Agents at work.",
    "max_polecats": "How many may work at once.",
    "queue": "Open beads.",
    "waiting_for_a_slot": "Open beads that only wait for room.",
    "in_review": "Beads that are handed on and have not landed.",
    "failed": "Beads whose attempts are used up.",
}
_OF_HOME = {
    "live": "Agents at work in the whole home.",
    "paused": "Whether dispatch is paused.",
    "breaker_open": "Whether too many failures have paused dispatch.",
}
_USED = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


def metrics_routes(people: People, town: Any) -> list[BaseRoute]:
    """One route. It wants a token, as everything does: any role will do."""

    async def answer(request: Request) -> Response:
        try:
            person = await people.person(request.scope)
            status = await town.get_status(f"user:{person.name}")
        except Exception as error:  # noqa: BLE001 - the edge of a request; `envelope` logs what nobody expected
            return envelope(error, "/metrics")
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Town(status, town.event_counts))
        ProcessCollector(registry=registry)
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    return [Route("/metrics", answer, methods=["GET"])]


class _Town:
    """A status as metrics."""

    def __init__(self, status: Mapping[str, Any], happened: Mapping[str, int]) -> None:
        self._status, self._happened = status, happened

    def collect(self) -> Iterator[Metric]:
        status = self._status
        yield InfoMetricFamily("boomtown", "The server.", {"version": status["version"]})
        for key, text in _OF_HOME.items():
            yield GaugeMetricFamily(f"boomtown_{key}", text, float(status[key]))
        attached = float(status["container"]["attached"])
        yield GaugeMetricFamily("boomtown_container_attached", "Whether the container is at the other end.", attached)
        for key, text in _OF_RIG.items():
            yield self._of_rigs(f"boomtown_rig_{key}", text, lambda rig, key=key: {(): float(rig[key])})
        yield self._of_rigs("boomtown_rig_merges", "Merges that are not finished.", _merges, "status")
        yield from self._usage()
        breaches = CounterMetricFamily(
            "boomtown_breaches",
            "Invariants found broken since the server began.",
            labels=["invariant"],
        )
        for breach in status["breaches"]:
            breaches.add_metric([breach["invariant"]], breach["count"])
        yield breaches
        events = CounterMetricFamily(
            "boomtown_events", "Entries of the ledger since the server began.", labels=["kind"]
        )
        for kind, count in sorted(self._happened.items()):
            events.add_metric([kind], count)
        yield events

    def _of_rigs(self, name: str, text: str, values: Any, *labels: str) -> Metric:
        family = GaugeMetricFamily(name, text, labels=["rig", *labels])
        for rig in self._status["rigs"]:
            for more, value in values(rig).items():
                family.add_metric([rig["name"], *more], value)
        return family

    def _usage(self) -> Iterator[Metric]:
        tokens = CounterMetricFamily("boomtown_tokens", "Tokens that agents say they used.", labels=["agent", "kind"])
        cost = CounterMetricFamily("boomtown_cost_usd", "US dollars that agents say they cost.", labels=["agent"])
        for agent, usage in self._status["usage_by_agent"].items():
            for kind in _USED:
                tokens.add_metric([agent, kind], usage[kind])
            cost.add_metric([agent], usage["cost_usd"] or 0.0)
        yield tokens
        yield cost


def _merges(rig: Mapping[str, Any]) -> dict[tuple[str], float]:
    counts: dict[tuple[str], float] = {}
    for merge in rig["merges"]:
        counts[(merge["status"],)] = counts.get((merge["status"],), 0.0) + 1
    return counts
