"""Ray launcher: one task per run, on a running cluster or on one that it starts on this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from graph2nn.errors import Graph2nnWarning, UserError
from graph2nn.experiments.launchers.launcher import AttemptResult, OnEnd, OnEpoch, Work, attempt
from graph2nn.preemption import REQUEUE_EXIT_CODE
from graph2nn.results import failures
from graph2nn.results.config import RunConfig
from graph2nn.results.leases import holder

#: Tasks that wait at the cluster beyond those it can begin at once: enough to keep it busy.
AHEAD = 32


@dataclass(frozen=True)
class Ray:
    """Runs as tasks of a Ray cluster. The folder of results must be the same on all its nodes.

    Args:
        address: of a running cluster, such as ``127.0.0.1:6379`` or ``ray://host:10001``; left out, one that
            runs on this machine (or that ``RAY_ADDRESS`` names), else a new one for this sweep.
        cpus: for each run; as many threads of torch, at least one.
        gpus: for each run; may be a fraction.
        memory_gb: for each run; nothing is promised if left out.
        retries: how often a run is restarted whose process or node died.
        at_once: number of runs at a time at most; as many as there is room for if left out.
    """

    address: str | None = None
    cpus: float = 1
    gpus: float = 0
    memory_gb: float | None = None
    retries: int = 3
    at_once: int | None = None

    @classmethod
    def from_options(
        cls,
        *,
        threads: int | None = None,
        workers: int | None = None,
        cpus: int = 1,
        gpus: float = 0,
        address: str | None = None,
        retries: int = 3,
    ) -> Ray:
        """Make the launcher from options of the command; torch has as many threads as ``cpus``.

        Args:
            threads: of torch in each run.
            workers: runs at a time.
            cpus: for each run.
            gpus: for each run.
            address: of a running cluster.
            retries: restarts of a run whose process died.

        Returns:
            The launcher.
        """
        return cls(address, cpus=cpus, gpus=gpus, retries=retries, at_once=workers)

    def run(self, configs: Sequence[RunConfig], work: Work, *, on_end: OnEnd, on_epoch: OnEpoch) -> None:
        """Attempt all runs; see :class:`~graph2nn.experiments.launchers.launcher.Launcher`.

        Args:
            configs: the runs, in order.
            work: what to train, where and how.
            on_end: called when a run has ended.
            on_epoch: not called; the runs are elsewhere.

        Raises:
            UserError: Ray is not installed, no cluster answers, or the data cannot be loaded there.
        """
        ray = _library()
        work = replace(work, out=work.out.resolve(), threads=max(1, int(self.cpus)))
        with self._cluster(ray):
            shared = ray.put(work)
            resources: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
            if self.memory_gb is not None:
                resources["memory"] = int(self.memory_gb * 2**30)
            task = ray.remote(max_retries=self.retries, **resources)(_attempt)
            room = self.at_once or AHEAD + int(ray.cluster_resources().get("CPU", 1) / max(self.cpus, 0.01))
            waiting, pending = deque(configs), dict[Any, RunConfig]()
            while waiting or pending:
                while waiting and len(pending) < room:
                    config = waiting.popleft()
                    pending[task.remote(config, shared)] = config
                for reference in ray.wait(list(pending), num_returns=1)[0]:
                    on_end(_ending(ray, reference, pending.pop(reference), work))

    @contextmanager
    def _cluster(self, ray: Any) -> Iterator[None]:
        """Use the cluster that is named or running, or one for the time being."""
        if ray.is_initialized():
            self._warn_of_want(ray)
            yield
            return
        # A sweep reports to nobody but its user.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet = {"log_to_driver": False, "logging_level": "error"}
        try:
            ray.init(address=self.address or "auto", **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            if self.address:
                line = next(iter(str(error).splitlines()), type(error).__name__)
                raise UserError(
                    f"sweep: no Ray cluster answers at {self.address} ({line}) Start one with "
                    "ray start --head, or leave --address out."
                ) from None
            ray.init(address="local", include_dashboard=False, **quiet)
        try:
            self._warn_of_want(ray)
            yield
        finally:
            ray.shutdown()

    def _warn_of_want(self, ray: Any) -> None:
        """Say so if no node has what a run asks for: the cluster may grow, or the sweep may wait for ever."""
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": (self.memory_gb or 0) * 2**30}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0) >= amount for name, amount in asked.items()) for node in nodes):
            import warnings

            largest = max((node.get("CPU", 0), node.get("GPU", 0)) for node in nodes) if nodes else (0, 0)
            warnings.warn(
                f"sweep: no node of the Ray cluster has {self.cpus:g} CPUs and {self.gpus:g} GPUs for a run "
                f"(the largest has {largest[0]:g} and {largest[1]:g}); runs wait until one joins.",
                Graph2nnWarning,
                stacklevel=2,
            )


def _attempt(config: RunConfig, work: Work) -> AttemptResult:
    """What a task does; executed on a node."""
    try:
        return attempt(config, work)
    except SystemExit as stop:
        if stop.code == REQUEUE_EXIT_CODE:
            return AttemptResult(config.folder, again=True)
        raise


def _ending(ray: Any, reference: Any, config: RunConfig, work: Work) -> AttemptResult:
    """What a task returned; a run whose process or node died once too often has failed."""
    try:
        ending: AttemptResult = ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        raise (cause if isinstance(cause, UserError) else error) from None
    except ray.exceptions.RayError as error:
        seen = holder(work.out, config.folder)
        line = next((line for line in str(error).splitlines() if line.strip()), "")
        said = f"its process died on the cluster, retries included: {type(error).__name__}: {line}"
        failure = failures.record_failure(work.out, config, said, seen.tries if seen else 1)
        return AttemptResult(config.folder, error=failure.error)
    return ending


def _library() -> Any:
    try:
        import ray
    except ImportError:
        raise UserError("sweep: --launcher ray needs Ray, which is not installed; pip install ray.") from None
    return ray
