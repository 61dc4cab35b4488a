"""`make simulate`: tells the stories of many seeds, and reports what went wrong on purpose and what should not have.

Interrupted, it reports what was told so far.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress

from tests.simulation.faults import AT_A_TIME, AT_AN_OCCASION, BY_THE_WORLD
from tests.simulation.telling import Result, retell, simulate

TELL_EVERY_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser("make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--trace", action="store_true", help="print the whole story of each seed")
    args = parser.parse_args()
    began = told = time.monotonic()
    count, steps, faults, actions, bad = 0, 0, Counter[str](), Counter[str](), list[Result]()
    seeds = range(args.first, args.first + args.seeds)
    pool = ProcessPoolExecutor(args.jobs, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    with suppress(KeyboardInterrupt):  # one that dies raises; a `multiprocessing.Pool` would wait for it for ever
        for result in pool.map(simulate, seeds, chunksize=10):
            count, steps = count + 1, steps + result.steps
            faults, actions = faults + result.faults, actions + result.actions
            if result.errors:
                bad.append(result)
                print(f"seed {result.seed}: {result.errors[0]}", flush=True)
            if time.monotonic() - told > TELL_EVERY_S:
                told = time.monotonic()
                print(f"{count} seeds, {steps} steps, {len(bad)} with a breach", file=sys.stderr, flush=True)
    pool.shutdown(cancel_futures=True)
    if args.trace:
        for seed in seeds:
            print("\n".join(simulate(seed, tracing=True).trace))
    elapsed = time.monotonic() - began
    print("\nfaults injected")
    for kind in (*AT_AN_OCCASION, *AT_A_TIME, *BY_THE_WORLD):
        print(f"  {faults[kind]:8}  {kind}")
    print("actions taken")
    for what, times in sorted(actions.items()):
        print(f"  {times:8}  {what}")
    for result in bad[:3]:
        print(retell(result.seed))
    print(
        f"{count} seeds from {args.first}: {steps} steps, {sum(faults.values())} faults, {len(bad)} with a breach"
        f"; {count / elapsed:.1f} seeds/s with {args.jobs} process{'es' if args.jobs > 1 else ''}"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
