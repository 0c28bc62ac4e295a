"""Run a folder of golden traces: `python -m tests.goldens DIR [--lib NAME]`."""

import argparse
import collections
import sys
from pathlib import Path

import jax

from ._case import read
from ._check import Unsupported, check


def main() -> int:
    """Print what failed and a table per library. The exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.goldens", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of .npz files")
    parser.add_argument("--lib", help="only the files of this library")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    paths = sorted(arguments.folder.glob("*.npz"))
    if not paths:
        parser.error(f"there is no .npz file in {arguments.folder}")

    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for path in paths:
        case = read(path)
        if arguments.lib not in (None, case.library):
            continue
        try:
            lines = check(case)
            verdict = "failed" if lines else "passed"
        except Unsupported as error:
            lines, verdict = [str(error)], "unsupported"
        except Exception as error:  # one broken case must not hide the others
            lines, verdict = [f"{type(error).__name__}: {error}"], "failed"
        counts[case.library][verdict] += 1
        if lines:
            print(f"{verdict.upper()} {case.name}: " + "; ".join(lines), flush=True)

    print(f"\n{'library':<14}{'passed':>8}{'failed':>8}{'unsupported':>13}")
    total: collections.Counter = collections.Counter()
    for library, count in sorted(counts.items()):
        total.update(count)
        print(f"{library:<14}{count['passed']:>8}{count['failed']:>8}{count['unsupported']:>13}")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['unsupported']} unsupported")
    return int(total["failed"] > 0)


if __name__ == "__main__":
    sys.exit(main())
