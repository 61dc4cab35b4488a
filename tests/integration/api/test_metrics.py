"""What Prometheus gets."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_town import Town, start_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with start_town(tmp_path_factory.mktemp("metrics")) as town:
        yield town


def scrape(town: Town) -> dict[str, float]:
    headers = {"authorization": f"Bearer {town.home.token.read_text().strip()}"}
    answer = httpx.get(f"{town.url}/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_nobody_reads_them_without_a_token(town: Town) -> None:
    assert httpx.get(f"{town.url}/metrics").status_code == 401


def test_they_follow_the_town(town: Town) -> None:
    town.mutate("sling", {"rigId": "web", "tasks": [{"title": "a"}], "hold": True}).raise_for_status()
    before = scrape(town)
    assert before["boomtown_rig_queue,web"] == 1
    assert before["boomtown_rig_max_polecats,web"] == 5
    assert before["boomtown_paused"] == 0
    assert before["boomtown_container_attached"] == 1
    assert before["boomtown_events_total,bead.created"] == 1
    assert before["process_resident_memory_bytes"] > 1_000_000
    town.mutate("pause", {}).raise_for_status()
    after = scrape(town)
    assert after["boomtown_paused"] == 1
    assert after["boomtown_events_total,rig.paused"] == 1
