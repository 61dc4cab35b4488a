"""What a browser needs: logging in and out, the dashboard's files, and no help for foreign pages."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import served
from standins import Standins
from starlette.applications import Starlette
from starlette.routing import Route

from boomtown.api.pages import Pages


@pytest.fixture
def browser(standins: Standins) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=standins.url) as client:
        yield client


def token_of(standins: Standins) -> str:
    return standins.home.token.read_text().strip()


def test_the_token_begins_a_session_that_opens_everything(standins: Standins, browser: httpx.Client) -> None:
    assert browser.get("/trpc/gastown.listTowns").status_code == 401
    answer = browser.post("/session", json={"token": token_of(standins)})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token_of(standins).lower() not in cookie
    assert browser.get("/trpc/gastown.listTowns").status_code == 200
    assert browser.delete("/session").status_code == 204
    assert browser.get("/trpc/gastown.listTowns").status_code == 401


def test_a_link_logs_in_once(standins: Standins, browser: httpx.Client) -> None:
    made = httpx.post(f"{standins.url}/trpc/gastown.createLoginLink", json={}, headers=standins.user).json()
    path = made["result"]["data"]["path"]
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/trpc/gastown.listTowns").status_code == 200
    with httpx.Client(base_url=standins.url) as second:
        second.get(path)
        assert second.get("/trpc/gastown.listTowns").status_code == 401


def test_a_page_of_another_port_can_not_use_the_session(standins: Standins, browser: httpx.Client) -> None:
    browser.post("/session", json={"token": token_of(standins)})
    for site, status in (("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)):
        assert browser.get("/trpc/gastown.listTowns", headers={"sec-fetch-site": site}).status_code == status


def test_what_no_json_page_would_send_begins_nothing(standins: Standins, browser: httpx.Client) -> None:
    for answer in (
        browser.post("/session", data={"token": token_of(standins)}),
        browser.post("/session", json=[token_of(standins)]),
        browser.post("/session", content=b"{", headers={"content-type": "application/json"}),
        browser.post("/session", json={"token": "x" * 20_000}),
    ):
        assert answer.status_code == 400
        assert "token" in answer.json()["error"]


def test_too_many_wrong_tokens_have_to_wait_but_the_right_one_does_not(tmp_path: Path) -> None:
    standins = Standins(tmp_path)
    with served(standins.app) as url:
        statuses = [httpx.post(f"{url}/session", json={"token": "wrong"}).status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        answer = httpx.post(f"{url}/session", json={"token": "wrong"})
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert httpx.post(f"{url}/session", json={"token": token_of(standins)}).status_code == 204


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[httpx.Client]:
    """The files of a build, with a secret beside them."""
    built = tmp_path / "static"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text("<title>app</title>")
    (built / "assets" / "app-1.js").write_text("1")
    (built / "assets" / "app-1.js.gz").write_bytes(gzip.compress(b"1"))
    (tmp_path / "secret").write_text("secret")
    (built / "leak").symlink_to(tmp_path / "secret")
    with (
        served(Starlette(routes=[Route("/{rest:path}", Pages(built).answer)])) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def test_files_named_by_their_content_are_kept_for_ever_and_the_page_never(pages: httpx.Client) -> None:
    asset = pages.get("/assets/app-1.js")
    assert (asset.text, "immutable" in asset.headers["cache-control"]) == ("1", True)
    assert asset.headers["content-type"].startswith("text/javascript")
    for path in ("/", "/rigs/web/board", "/index.html"):
        page = pages.get(path)
        assert ("app" in page.text, page.headers["cache-control"]) == (True, "no-cache")
    assert pages.get("/assets/gone.js").status_code == 404


def test_a_file_comes_gzipped_to_whoever_takes_it(pages: httpx.Client) -> None:
    for accepts, encoding in (("gzip, br", "gzip"), ("br", None), ("gzip;q=0", None), ("", None)):
        asset = pages.get("/assets/app-1.js", headers={"accept-encoding": accepts})
        assert (asset.text, asset.headers.get("content-encoding")) == ("1", encoding)
        assert asset.headers["vary"] == "accept-encoding"
        assert asset.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret", "/leak", "//etc/passwd", "/%00"]
)
def test_nothing_outside_of_the_build_is_given_out(pages: httpx.Client, path: str) -> None:
    answer = pages.get(path)
    assert "secret" not in answer.text
    assert "root:" not in answer.text
