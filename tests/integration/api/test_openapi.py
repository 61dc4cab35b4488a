"""What schemathesis makes of the OpenAPI document: no 5xx, no answer that breaks its own description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from test_town import Town, start_town

from boomtown.api.describe.openapi import document

EXAMPLES = 20
"""A procedure. They are the same at every run."""
QUIET = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {"rigId": "web", "agentId": "Toast", "beadId": "Toast"}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with start_town(tmp_path_factory.mktemp("openapi")) as town:
        town.mutate("sling", {"rigId": "web", "title": "wait"}).raise_for_status()
        yield town


SCHEMA = schemathesis.openapi.from_dict(json.loads(document()))


@SCHEMA.hook("map_query")
@SCHEMA.hook("map_body")
def map_known(_context: Any, value: Any) -> Any:
    """Every other time what is named is there, so that more than the search for it is tried. Nobody waits for news."""
    if isinstance(value, dict) and "waitS" in value:
        value["waitS"] = 0
    for field, there in KNOWN.items():
        if isinstance(value, dict) and isinstance(value.get(field), str) and len(value[field]) % 2 == 0:
            value[field] = there
    return value


@SCHEMA.exclude(operation_id="shutdown").parametrize()
@QUIET
def test_no_answer_breaks_its_description(case: Any, town: Town) -> None:
    token = town.home.token.read_text().strip()
    case.call_and_validate(base_url=town.url, headers={"authorization": f"Bearer {token}"}, checks=CHECKS)
