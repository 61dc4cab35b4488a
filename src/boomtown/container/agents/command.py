"""`kind = "command"`: any program. Each line that it prints is one event."""

from __future__ import annotations

from pathlib import Path

from boomtown.container.agents.adapter import Launch
from boomtown.container.protocol import RunSpec
from boomtown.domain.errors import BadInputError

_LONGEST_ARGUMENT = 128 * 1024 - 1
"""What Linux takes as one argument, in bytes (MAX_ARG_STRLEN)."""


class CommandAdapter:
    """Hands the prompt over on standard input, as the last argument, or in a file named by the last argument.

    An argument that holds `{prompt}` gets it in that place instead.
    """

    def launch(self, spec: RunSpec, prompt: str, cwd: Path, home: Path) -> Launch:  # noqa: ARG002
        match spec.prompt_mode:
            case "stdin":
                return Launch(spec.command, prompt.encode("utf-8", "replace"))
            case "argument":
                if "\0" in prompt or len(prompt.encode("utf-8", "replace")) > _LONGEST_ARGUMENT:
                    raise BadInputError(
                        f"A prompt of {len(prompt)} characters can't be an argument of {spec.command[0]}. "
                        'Set prompt = "stdin" or "file" for this agent.'
                    )
                return Launch(_with(spec.command, prompt))
            case "file":
                path = home / "prompt.md"
                path.write_text(prompt, encoding="utf-8", errors="replace")
                return Launch(_with(spec.command, str(path)))
        raise BadInputError(f'prompt = "{spec.prompt_mode}" is not known: use "stdin", "argument" or "file".')

    def kind_of(self, pipe: str) -> str:
        return pipe


def _with(command: tuple[str, ...], value: str) -> tuple[str, ...]:
    if any("{prompt}" in word for word in command):
        return tuple(word.replace("{prompt}", value) for word in command)
    return (*command, value)
