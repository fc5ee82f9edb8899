"""An engine to be killed: emits numbered lines for ever, and says on stdout which of them were acknowledged.

Its arguments: the database's URL, the spool's folder, its first number, the streams. A line of stdout has the first and
the last number of a group that is acknowledged, and how many of it only by the disk.
"""

from __future__ import annotations

import os
import sys

import runfold
from runfold.events import LogAppended

GROUP = 500


def main() -> None:
    """Emit until it is killed."""
    url, folder, first, streams = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with runfold.connect(url) as store, runfold.Emitter(store, spool=folder, spool_after=0.2, linger=0.001) as emit:
        number = first
        while True:
            acks = []
            for n in range(number, number + GROUP):
                event = LogAppended(level="INFO", event_type="workflow_progress", message=str(n))
                acks.append(emit(f"log-e1-{n % streams}", event))
            emit.wait(acks, level="spooled")
            by_disk = sum(not ack.done for ack in acks)
            os.write(1, b"%d %d %d\n" % (number, number + GROUP - 1, by_disk))
            number += GROUP


if __name__ == "__main__":
    main()
