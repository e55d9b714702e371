"""Everything started together: weights found, engine connected, tokenizer built.

`start` returns at once with a completer that answers empty until the rest is there. What takes time
happens in tasks: checking the weights' digest and reading the vocabulary in a thread, the
engine in its own process, all three side by side.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable
from pathlib import Path

from slmcode.config import Config, cache_folder, runtime_folder, state_folder
from slmcode.engine.client import EngineClient, Launch
from slmcode.engine.job import Engine, EngineState, EngineStatus, Job
from slmcode.features import audit, energy, gate
from slmcode.features.edits.weights import EditModels
from slmcode.features.launching import Early, engine_options
from slmcode.features.project import OnProgress, Project
from slmcode.features.resources import Model, Resources
from slmcode.features.session import Completer
from slmcode.features.translation.late import OfWorkspace
from slmcode.index.index import Progress
from slmcode.models import store, vocabulary
from slmcode.models.catalog import ModelError, NotPulled
from slmcode.prompt.tokenizer import Tokenizer, UnsupportedVocabulary

OnStatus = Callable[[EngineStatus], None]
OnWarning = Callable[[str], None]  # one sentence for the user, of something that is done without

_SAVE_S = 60.0
_LOOK_S = 2.0  # between two looks whether weights that could not be used are others now
_AGAIN_S = 300.0  # then they are tried though they are the same: there was no memory, or no disk


def start(
    config: Config, on_status: OnStatus, on_warning: OnWarning, early: Early | None = None
) -> Workspace:
    """Start everything in the background. Event loop only; both callbacks are called on it.

    `early` is used if the settings, which the editor may have changed, still ask for it.
    """
    workspace = Workspace(config, on_status, on_warning, early)
    workspace.begin()
    return workspace


class Workspace(Completer):
    """A completer with its engine and model, and their life."""

    def __init__(
        self, config: Config, on_status: OnStatus, on_warning: OnWarning, early: Early | None = None
    ) -> None:
        self._gate, warning = gate.load(state_folder())
        super().__init__(config, gate=self._gate)
        self._project = Project(config, self._index_progress)
        self._resources.project = self._project
        self._resources.edit_models = EditModels()
        self.translator = OfWorkspace(self._resources)
        self.on_index: OnProgress | None = None  # for a client that shows progress
        self._early = early
        self._on_status = on_status
        self._on_warning = on_warning
        if warning:
            on_warning(warning)
        self._client: EngineClient | None = None
        self._weights: Path | None = None  # of the engine's own model
        self._meter = energy.Meter()
        self._last = EngineStatus(EngineState.STARTING)
        self._begun: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None  # for other weights
        self._loop = asyncio.get_running_loop()
        self._index_changed = asyncio.Event()
        self._keep_audit_log(config)

    def begin(self) -> None:
        """Start what takes time."""
        self._begun = self._loop.create_task(self._begin())
        self._resources.spawn(self._save_often())

    def configure(self, config: Config) -> None:
        """New settings; another model or other engine options start another engine."""
        before = self._resources.config
        super().configure(config)
        self._keep_audit_log(config)
        self._project.configure(config)
        if (before.model, before.tuned, before.models_folder, engine_options(before)) != (
            config.model,
            config.tuned,
            config.models_folder,
            engine_options(config),
        ):
            self._resources.spawn(self._restart())

    async def close(self) -> None:
        """Hang up and save the counters. The engine goes on for other servers."""
        self._project.close()
        engine_pid = self.engine_pid
        for task in (self._begun, *self._resources.tasks):
            if task is not None:
                task.cancel()
        if self._client is not None:
            await self._client.close()
        with contextlib.suppress(OSError):
            self._save(engine_pid)
        if self._resources.audit is not None:
            self._resources.audit.close()

    def set_engine(self, engine: Engine) -> None:
        """The engine to ask from now on, behind the audit log where there is one."""
        log = self._resources.audit
        super().set_engine(engine if log is None else log.listening(engine))

    def _keep_audit_log(self, config: Config) -> None:
        """As the settings want it."""
        resources = self._resources
        if config.audit_log:
            if resources.audit is None:
                resources.audit = audit.AuditLog(
                    state_folder(), config.audit_mb, self._weights_of, self._on_warning
                )
            resources.audit.limit_mb = config.audit_mb
        elif resources.audit is not None:
            resources.audit.close()
            resources.audit = None
        if self._client is not None:
            self.set_engine(self._client)

    def _weights_of(self, job: Job) -> audit.Weights:
        """What reads a job's tokens."""
        resources = self._resources
        if job.weights is None:
            tokenizer = resources.model.tokenizer if resources.model is not None else None
            return audit.Weights(tokenizer, self._weights)
        path = Path(job.weights.path)
        models = resources.edit_models
        return audit.Weights(models.tokenizer(path) if models is not None else None, path)

    async def ready(self) -> EngineStatus:
        """Wait until model and engine can answer, or cannot be had; return the last status."""
        assert self._begun is not None
        await self._begun
        if self._client is None:
            return self._last
        while self._client.status.state in (EngineState.STARTING, EngineState.LOADING):
            await self._client.changed()
        return self._client.status

    async def indexed(self) -> None:
        """Wait until the workspace's index is complete."""
        while not self._project.is_indexed:
            await self._index_changed.wait()
            self._index_changed.clear()

    @property
    def resources(self) -> Resources:
        """What features work with that are not asked through this object."""
        return self._resources

    @property
    def project(self) -> Project:
        """The workspace folders and their indexes."""
        return self._project

    def _index_progress(self, folder: Path, progress: Progress) -> None:
        """Any thread: an index was begun, went on or is complete."""
        self._loop.call_soon_threadsafe(self._index_progressed, folder, progress)

    def _index_progressed(self, folder: Path, progress: Progress) -> None:
        if self.on_index is not None:
            self.on_index(folder, progress)
        if progress.message:
            self._on_warning(progress.message)
        if not progress.running:
            self._index_changed.set()
            self._look_again()

    @property
    def engine_pid(self) -> int | None:
        """Process id of the engine, None while there is none."""
        return self._client.engine_pid if self._client is not None else None

    async def _restart(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        if self._client is not None:
            await self._client.close()
            self._client = None
        await self._begin()

    async def _begin(self) -> None:
        self._report(EngineState.STARTING, "")
        before = store.identity(self._resources.config)
        if not await self._begins():
            self._waiting = self._resources.spawn(self._begin_later(before))

    async def _begin_later(self, before: tuple[tuple[int, ...], ...]) -> None:
        """Try again when the weights are others: the user was told, and need not restart."""
        while True:
            until = time.monotonic() + _AGAIN_S
            while before == (now := store.identity(self._resources.config)):
                await asyncio.sleep(_LOOK_S)
                if time.monotonic() >= until:
                    break
            before = now
            if await self._begins():
                return

    async def _begins(self) -> bool:
        """Find the weights, start engine and model; False where they cannot be used."""
        try:
            path, notice = await asyncio.to_thread(store.choose, self._resources.config)
        except NotPulled as e:
            self._report(EngineState.NO_MODEL, str(e))
            return False
        except ModelError as e:
            self._report(EngineState.REFUSED, str(e))
            return False
        if notice:
            self._on_warning(notice)
        options = engine_options(self._resources.config)
        early, self._early = self._early, None
        if early is not None and (early.model, early.options) == (path, options):
            launch = early.launch
        else:
            launch = Launch(runtime_folder(), path, options)
        self._client = EngineClient(launch, self._engine_status)
        self._weights = path
        self.set_engine(self._client)
        self._client.start()
        try:
            self.set_model(await asyncio.to_thread(load_model, path))
        except (ModelError, UnsupportedVocabulary) as e:
            await self._client.close()
            self._client = None
            self._report(EngineState.REFUSED, str(e))
            return False
        # What is there now stays: the collector need not walk 300,000 objects again and again,
        # 5 ms each time and in the middle of a request.
        gc.collect()
        gc.freeze()
        self._report(self._client.status.state, self._client.status.message)
        return True

    def _engine_status(self, status: EngineStatus) -> None:
        if self._resources.model is not None:  # "ready" is said when both are
            self._report(status.state, status.message)

    def _report(self, state: EngineState, message: str) -> None:
        self._last = EngineStatus(state, message)
        if state is EngineState.READY:
            self._started()
        else:
            self._wake()
        self._on_status(self._last)

    def _starting(self) -> bool:
        return self._last.state in (EngineState.STARTING, EngineState.LOADING)

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_S)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._save, self.engine_pid)

    def _save(self, engine_pid: int | None) -> None:
        """Counters and the gate's calibration. Raises OSError."""
        self.statistics.save(state_folder(), lambda: self._meter.read(engine_pid))
        self._gate.save(state_folder())


def load_model(path: Path) -> Model:
    """Tokenizer and FIM tokens of the weights. Raises ModelError or UnsupportedVocabulary."""
    loaded = vocabulary.load(path, cache_folder())
    if loaded.fim is None:
        raise UnsupportedVocabulary(
            f"{path.name} has no fill-in-the-middle tokens, so it cannot complete code inside a "
            'file. Set "model" to one that has, such as "fast".'
        )
    return Model(Tokenizer(loaded), loaded.fim, loaded.chat)
