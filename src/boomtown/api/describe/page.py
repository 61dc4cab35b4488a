"""The page at `/docs`: every procedure with its input, its output and a form or a line to try it with. No script."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from boomtown import __version__
from boomtown.api.describe import openapi, typescript
from boomtown.api.describe.schemas import Described, Schema, describe, resolved

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .6rem .8rem; border-radius: 6px; }
pre { background: color-mix(in srgb, currentColor 7%, transparent); }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
h3 { margin: 1.8rem 0 .2rem; }
.kind { font-size: .8rem; opacity: .65; margin-left: .5rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: .6rem 0; }
label { display: grid; font: 12px ui-monospace, monospace; }
input, button { font: inherit; padding: .25rem .5rem; }
"""


def docs_routes() -> list[BaseRoute]:
    """`/docs`, its style, and `/openapi.json`."""

    async def page(_request: Request) -> Response:
        return HTMLResponse(_page())

    async def style(_request: Request) -> Response:
        return PlainTextResponse(STYLE, media_type="text/css")

    async def document(_request: Request) -> Response:
        return Response(openapi.document(), media_type="application/json")

    return [
        Route("/docs", page, methods=["GET"]),
        Route("/docs/style.css", style, methods=["GET"]),
        Route("/openapi.json", document, methods=["GET"]),
    ]


@cache
def _page() -> str:
    procedures, shared = describe()
    sections = []
    for module, members in groupby(procedures, lambda it: it.procedure.function.__module__.rpartition(".")[2]):
        sections.append(f"<h2>{module}</h2>" + "".join(_section(member) for member in members))
    named = ((name, typescript.named(name, schema)) for name, schema in shared.items())
    types = "".join(f'<pre id="{name}">{escape(text)}</pre>' for name, text in named)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Boomtown {__version__}: API</title><link rel="stylesheet" href="/docs/style.css"></head><body>
<h1>Boomtown API</h1>
<p>The document for programs: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1). The official tRPC client speaks
the same procedures at <code>/trpc</code>; subscriptions are there only.</p>
<p>What reads has a form: it opens the answer, as whoever is logged in to the dashboard of this browser.</p>
<p>Programs send <code>Authorization: Bearer TOKEN</code>; the token is in the file <code>token</code> of the home.
Answers are
<code>{{"success": true, "data": …}}</code> or <code>{{"success": false, "error": "text", "code": "…"}}</code>.</p>
{"".join(sections)}
<h2>types</h2>{types}
</body></html>
"""


def _section(described: Described) -> str:
    procedure = described.procedure
    given = "nothing" if described.input is None else _linked(described.input)
    call = f"<pre>{escape(_curl(described))}</pre>" if procedure.kind != "subscription" else ""
    call += _form(described) if procedure.kind == "query" else ""
    return (
        f'<h3 id="{described.name}">{described.name}<span class="kind">{procedure.kind}</span></h3>'
        f"<p>{escape(procedure.doc)}</p>"
        f"<p>Takes <code>{given}</code>, gives <code>{_linked(described.output)}</code></p>{call}"
    )


def _linked(schema: Schema) -> str:
    """A type expression whose names lead to their definitions."""
    text = escape(typescript.type_of(schema))
    for name in sorted(describe()[1], key=len, reverse=True):
        if text == name or text == f"{name}[]":
            return text.replace(name, f'<a href="#{name}">{name}</a>')
    return text


def _form(described: Described) -> str:
    fields = (
        f'<label>{field["name"]}<input name="{field["name"]}"{" required" if field["required"] else ""}></label>'
        for field in openapi.parameters(described.input)
    )
    return f'<form action="/api/{described.procedure.path}">{"".join(fields)}<button>Try</button></form>'


def _example(schema: Schema) -> Any:
    """The least that the input needs."""
    schema = resolved(schema)
    if arms := schema.get("anyOf") or schema.get("oneOf"):
        return _example(arms[0])
    needed = schema.get("required", ())
    values: dict[str, Any] = {
        "object": {name: _example(value) for name, value in schema.get("properties", {}).items() if name in needed},
        "array": [],
        "integer": 1,
        "boolean": True,
    }
    return values.get(schema.get("type", ""), "…")


def _curl(described: Described) -> str:
    head = 'curl -H "Authorization: Bearer $(cat ~/.boomtown/token)"'
    path = f"http://127.0.0.1:8030/api/{described.procedure.path}"
    if described.procedure.kind == "query":
        return f"{head} '{path}'"
    body = json.dumps(_example(described.input), ensure_ascii=False) if described.input else "{}"
    return f"{head} -H 'content-type: application/json' -d '{body}' {path}"
