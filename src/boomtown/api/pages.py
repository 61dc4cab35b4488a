"""The dashboard's files, as its build put them into the package; a plain page where there are none."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from boomtown import __version__
from boomtown.api.compression import takes_gzip

BUILT = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_FIRST = "no-cache"

PLAIN = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Boomtown</title></head>
<body>
<h1>Boomtown {__version__}</h1>
<p>This server is up. Talk to it with the <code>boomtown</code> command; try <code>boomtown status</code>.</p>
<p>The dashboard is not part of this installation. In a checkout, <code>make web</code> builds it.
The API is described at <a href="/docs">/docs</a>.</p>
</body>
</html>
"""


class Pages:
    """Answers every path that is nobody else's: a file of the build, else the page that finds its own way."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._folder = folder.resolve()

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        wanted = self._folder / path.lstrip("/")
        if self._is_ours(wanted):
            return self._file(request, wanted, _FOR_EVER if path.startswith("/assets/") else _ASK_FIRST)
        if path.startswith("/assets/"):
            return Response(status_code=404)
        index = self._folder / "index.html"
        if index.is_file():
            return self._file(request, index, _ASK_FIRST)
        return HTMLResponse(PLAIN, status_code=200 if path == "/" else 404)

    def _file(self, request: Request, path: Path, caching: str) -> Response:
        """The file, or its gzipped twin, which the build put beside it where that is smaller."""
        headers, twin = {"cache-control": caching, "vary": "accept-encoding"}, path.with_name(f"{path.name}.gz")
        if takes_gzip(request.scope) and self._is_ours(twin):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            return FileResponse(twin, headers={**headers, "content-encoding": "gzip"}, media_type=kind)
        return FileResponse(path, headers=headers)

    def _is_ours(self, path: Path) -> bool:
        """A file below the folder, however the path is written."""
        try:
            return path.resolve().is_relative_to(self._folder) and path.is_file()
        except (OSError, ValueError):
            return False
