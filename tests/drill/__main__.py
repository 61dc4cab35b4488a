"""`make drill`: breaks real towns, many times, and reports what was broken and what should not have been."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context

from tests.drill.drill import Outcome
from tests.drill.plan import CASES, case_of
from tests.drill.series import TOGETHER, Series, series


def main() -> int:
    parser = argparse.ArgumentParser("make drill", description=__doc__)
    parser.add_argument("--drills", type=int, default=40)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="towns at a time")
    args = parser.parse_args()
    began, end = time.monotonic(), args.first + args.drills
    outcomes: list[Outcome] = []
    for told in _all(range(args.first, end), args.jobs):
        outcomes += told.outcomes
        bad = sum(bool(outcome.errors) for outcome in outcomes)
        print(f"{len(outcomes)} of {args.drills} drills, {bad} failed", file=sys.stderr, flush=True)
        if told.folder:
            last = told.outcomes[-1]
            print(f"drill {last.seed}, {last.case}:", *(f"  {error}" for error in last.errors), sep="\n")
            print(f"  its town is kept in {told.folder}; it had taken the drills from {told.outcomes[0].seed} on")
            print(f"  again: make drill DRILLS=1 FIRST={last.seed}, or with those before it: ", end="")
            print(f"make drill DRILLS={len(told.outcomes)} FIRST={told.outcomes[0].seed} JOBS=1", flush=True)
    return _sum_up(outcomes, time.monotonic() - began, args.jobs)


def _all(seeds: range, jobs: int) -> Iterator[Series]:
    """Series after series; what a broken one left undone is done by another town."""
    with get_context("spawn").Pool(jobs) as pool:
        waiting = [seeds[start : start + TOGETHER] for start in range(0, len(seeds), TOGETHER)]
        while waiting:
            again: list[range] = []
            for told in pool.imap_unordered(series, waiting):
                yield told
                if told.rest:
                    again.append(told.rest)
            waiting = again


def _sum_up(outcomes: list[Outcome], seconds: float, jobs: int) -> int:
    drilled = [outcome for outcome in outcomes if outcome.skipped is None]
    skipped = {(str(outcome.case), outcome.skipped) for outcome in outcomes if outcome.skipped is not None}
    fired = Counter(str(outcome.case) for outcome in drilled if outcome.fired)
    spent = Counter[str]()
    for outcome in drilled:
        spent[str(outcome.case)] += round(outcome.seconds, 1)  # type: ignore[assignment]
    planned = dict.fromkeys(str(outcome.case) for outcome in drilled)
    print("\nfaults: how often, seconds each")
    for case in dict.fromkeys(str(case) for case in CASES):
        if case in planned:
            print(f"  {fired[case]:5}  {spent[case] / max(1, sum(str(o.case) == case for o in drilled)):6.1f}  {case}")
    for case, why in sorted(skipped):
        print(f"  skipped: {case}: {why}")
    holes = [case for case in planned if not fired[case]]
    bad = [outcome for outcome in drilled if outcome.errors]
    for case in holes:
        print(f"never happened, which is a hole: {case}")
    if bad:
        print("failed:", *(f"  {outcome.seed} ({outcome.case})" for outcome in bad), sep="\n")
    print(
        f"{len(drilled)} drills, {sum(fired.values())} faults of {len(fired)} kinds, {len(bad)} failed, {len(holes)} "
        f"holes; {seconds:.0f} s with {jobs} towns at a time"
    )
    return 1 if bad or holes else 0


if __name__ == "__main__":
    assert case_of(1) == CASES[0]
    sys.exit(main())
