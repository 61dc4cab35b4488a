"""The scripted agent that ships with Boomtown. It stands in for a model: no thinking, but everything else is real.

It reads its bead, writes a small function and a test for it, runs the test, commits, and calls `boomtown done`, all as
a real agent would: with the commands `boomtown` and `git`, in its own worktree.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path("toolbox")
THINKING_S = 0.5


@dataclass(frozen=True)
class Work:
    """A function, and what it must answer."""

    name: str
    code: str
    expected: tuple[tuple[str, str], ...]
    """Expressions and the literals that they must equal."""


CATALOGUE = (
    Work(
        "slugify",
        'import re\n\n\ndef slugify(text):\n    """Text as it may stand in a URL."""\n'
        '    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")\n',
        (("slugify('Hello, Boomtown!')", "'hello-boomtown'"), ("slugify('  ')", "''")),
    ),
    Work(
        "roman",
        "PAIRS = [(1000, 'M'), (900, 'CM'), (500, 'D'), (400, 'CD'), (100, 'C'), (90, 'XC'),\n"
        "         (50, 'L'), (40, 'XL'), (10, 'X'), (9, 'IX'), (5, 'V'), (4, 'IV'), (1, 'I')]\n\n\n"
        'def roman(number):\n    """A number from 1 to 3999 in Roman numerals."""\n    text = ""\n'
        "    for value, sign in PAIRS:\n        text += sign * (number // value)\n        number %= value\n"
        "    return text\n",
        (("roman(1994)", "'MCMXCIV'"), ("roman(8)", "'VIII'")),
    ),
    Work(
        "palindrome",
        'def palindrome(text):\n    """Whether text reads the same from both ends, letters only."""\n'
        "    letters = [c for c in text.lower() if c.isalnum()]\n    return letters == letters[::-1]\n",
        (("palindrome('A man, a plan, a canal: Panama')", "True"), ("palindrome('town')", "False")),
    ),
    Work(
        "caesar",
        'def caesar(text, shift):\n    """Letters moved along the alphabet."""\n    moved = ""\n    for c in text:\n'
        "        base = ord('a') if c.islower() else ord('A')\n"
        "        moved += chr((ord(c) - base + shift) % 26 + base) if c.isascii() and c.isalpha() else c\n"
        "    return moved\n",
        (("caesar('Toast', 13)", "'Gbnfg'"), ("caesar(caesar('Maple!', 5), -5)", "'Maple!'")),
    ),
    Work(
        "primes",
        'def primes(limit):\n    """All primes below limit."""\n    found = []\n    for n in range(2, limit):\n'
        "        if all(n % p for p in found if p * p <= n):\n            found.append(n)\n    return found\n",
        (("primes(20)", "[2, 3, 5, 7, 11, 13, 17, 19]"), ("primes(2)", "[]")),
    ),
    Work(
        "words",
        'def words(text):\n    """How often each word occurs, the most frequent first."""\n    counts = {}\n'
        "    for word in text.lower().split():\n        counts[word] = counts.get(word, 0) + 1\n"
        "    return dict(sorted(counts.items(), key=lambda item: -item[1]))\n",
        (("words('so so good')", "{'so': 2, 'good': 1}"), ("words('')", "{}")),
    ),
    Work(
        "celsius",
        'def celsius(fahrenheit):\n    """Degrees Celsius, to a tenth."""\n'
        "    return round((fahrenheit - 32) * 5 / 9, 1)\n",
        (("celsius(212)", "100.0"), ("celsius(-40)", "-40.0")),
    ),
    Work(
        "leap",
        'def leap(year):\n    """Whether a year has a 29th of February."""\n'
        "    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)\n",
        (("leap(2000)", "True"), ("leap(1900)", "False"), ("leap(2024)", "True")),
    ),
)


def choose(title: str) -> Work:
    """The work that a title asks for; a title that is in no catalogue gets a function that knows its own task."""
    words = set(re.findall(r"[a-z]+", title.lower()))
    for work in CATALOGUE:
        if work.name in words:
            return work
    name = "task_" + (re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40].strip("_") or "without_letters")
    code = f'def {name}():\n    """What was asked for."""\n    return {title!r}\n'
    return Work(name, code, ((f"{name}()", repr(title)),))


def test_of(work: Work) -> str:
    """A unittest for the module of some work."""
    checks = "\n".join(f"        self.assertEqual({call}, {value})" for call, value in work.expected)
    return (
        f"import unittest\n\nfrom {work.name} import {work.name}\n\n\n"
        f"class Test{work.name.title().replace('_', '')}(unittest.TestCase):\n"
        f"    def test_it_answers_as_asked(self):\n{checks}\n\n\n"
        'if __name__ == "__main__":\n    unittest.main()\n'
    )


def say(text: str) -> None:
    """A line of the stream, and the pause in which a model would think."""
    print(text, flush=True)
    time.sleep(THINKING_S)


def command(*words: str) -> str:
    """Run a command; its output, or the end of this agent with what it said."""
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(words[:3])} failed: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def main() -> None:
    """Do one bead."""
    sys.stdin.read()  # the prompt; `prime` says the same, and more
    primed: dict[str, Any] = json.loads(command("boomtown", "prime", "--json"))
    title = primed["hooked_bead"]["title"]
    say(f"I am {primed['agent']['name']}, a scripted stand-in for a model. My bead: {title}")
    if primed["rework_context"]:
        _rework(title, primed["rework_context"])
    else:
        _build(title)
    command("boomtown", "done", "--summary", "Written and tested by the demo agent.")
    print("Handed on.", flush=True)


def _build(title: str) -> None:
    work = choose(title)
    module, test = FOLDER / f"{work.name}.py", FOLDER / f"test_{work.name}.py"
    FOLDER.mkdir(exist_ok=True)
    say(f"Writing {module}")
    module.write_text(work.code)
    say(f"Writing {test}")
    test.write_text(test_of(work))
    _run_test(test)
    if not command("git", "status", "--porcelain", "--", str(module), str(test)):
        say("That is there already; I write down that I looked.")
        (FOLDER / "LOOKED.md").open("a").write(f"* {title}\n")
    command("git", "add", "--", str(FOLDER))
    command("git", "commit", "--quiet", "--message", f"{title}\n\nWith a test.")
    say("Committed.")


def _run_test(test: Path) -> None:
    say(f"Running {test.name}")
    result = subprocess.run(
        [sys.executable, "-B", "-m", "unittest", test.stem], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    print(result.stderr.strip().splitlines()[-1], flush=True)
    if result.returncode:
        sys.exit(f"{test.name} is red.")


def _rework(title: str, context: Any) -> None:
    """Keep our side of a conflict, and write down why the bead came back."""
    comment = context.get("comment", context.get("kind", "")) if isinstance(context, dict) else str(context)
    say(f"It came back: {comment}")
    unmerged = command("git", "diff", "--name-only", "--diff-filter=U").split("\n")
    for path in filter(None, unmerged):
        command("git", "checkout", "--ours", "--", path)
    FOLDER.mkdir(exist_ok=True)
    notes = FOLDER / f"{choose(title).name}.notes.md"
    with notes.open("a") as file:
        file.write(f"* {comment}\n")
    command("git", "add", "--all")
    command("git", "commit", "--quiet", "--message", f"Rework: {title}")
    say("Committed.")


if __name__ == "__main__":
    main()
