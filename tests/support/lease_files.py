"""Claims of other launchers, put into a folder of results by hand."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict

from graph2nn.results import leases
from graph2nn.results.leases import Owner

ELSEWHERE = Owner(host="far", machine="far/boot/pid", pid=1, born=1, beat=1.0)


def lease_of(owner, out, run="run", attempt=1, *, silence=0.0):
    """Write the lease of ``owner`` on a run, last confirmed ``silence`` seconds ago."""
    file = out / leases.FOLDER / f"{run}.{attempt}"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(owner)))
    beaten = time.time() - silence
    os.utime(file, (beaten, beaten))
    return file
