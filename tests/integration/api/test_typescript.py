"""The generated TypeScript types, as the official client's compiler sees them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from serving import CLIENT, node

from boomtown.api.describe import typescript
from boomtown.api.procedures import gastown


def test_the_official_client_compiles_against_them_and_refuses_mistakes(tmp_path: Path) -> None:
    (tmp_path / "router.ts").write_text(typescript.router())
    shutil.copy(CLIENT / "types.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENT / "node_modules")
    compiler = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"]
    done = subprocess.run(
        [node(), compiler, *options, "--skipLibCheck", "--noUncheckedIndexedAccess", "types.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_every_procedure_is_there() -> None:
    text = typescript.router()
    for procedure in gastown:
        assert f"\n  {procedure.path.removeprefix('gastown.')}: {procedure.kind.capitalize()}<" in text
