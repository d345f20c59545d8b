"""MLflow: one MLflow run per run, on the server of ``MLFLOW_TRACKING_URI`` or in files under ``out/mlruns``."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from graph2nn.results.config import RunConfig

_STATUS = {"finished": "FINISHED", "diverged": "FAILED", "failed": "FAILED", "interrupted": "KILLED"}


class MLflow:
    """Logs metrics by epoch, the config as parameters. A run that goes on is found again by its folder."""

    def __init__(self, out: Path) -> None:
        where = os.environ.get("MLFLOW_TRACKING_URI")
        if not where:
            # Files need no server and no database; newer versions want to hear that they are meant.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            where = (out / "mlruns").resolve().as_uri()
        self._client = MlflowClient(tracking_uri=where)
        self._place = str(out.resolve())
        self._run = ""

    def begin(self, config: RunConfig, epochs: int) -> None:
        """Create the run, or take it up again."""
        client = self._client
        existing = client.get_experiment_by_name(config.preset)
        experiment = existing.experiment_id if existing else client.create_experiment(config.preset)
        tags = {"graph2nn.run": config.folder, "graph2nn.out": self._place}
        query = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
        earlier = client.search_runs([experiment], query, max_results=1) if epochs else []
        if earlier:
            self._run = earlier[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            return
        self._run = client.create_run(experiment, run_name=config.folder, tags=tags).info.run_id
        values = _flat(config.model_dump(mode="json", exclude={"graph"}) | {"graph": config.graph_name})
        client.log_batch(self._run, params=[Param(key, value[:500]) for key, value in values.items()])

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        """Log the numbers of an epoch as one batch."""
        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, epoch) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def end(self, status: str) -> None:
        """Say how the run ended."""
        self._client.set_terminated(self._run, _STATUS[status])


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in tree.items():
        values |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: str(value)}
    return values
