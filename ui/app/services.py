"""What all sessions of the app share: the workspace, inspections in memory, the decision log, running scans."""

from __future__ import annotations

import functools
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.proofs import ProofFolder, proofs_of
from core.reviews import Reviews, ReviewState, review_state
from core.scans import ScanOptions, folder_of, inspection_of, is_finished, lineage, newest_scan, source_of
from core.sensitivity import SensitivityFolder
from core.sources import source_identity
from core.types import Inspection
from core.workspace import Jobs, State, Workspace, cancel, default_workspace, read_progress
from ui.app.arguments import chosen

MOST_INSPECTIONS = 4


class AppServices:
    """One per process. Thread-safe."""

    def __init__(self, workspace: Workspace, first_source: str) -> None:
        self.workspace = workspace
        self.first_source = first_source
        # proves that a decision was sent by a page of this app; new with every start
        self.write_token = secrets.token_urlsafe(24)
        self._lock = threading.RLock()
        self._reviews: Reviews | None = None
        self._loaded: OrderedDict[str, tuple[tuple[int, ...], Inspection]] = OrderedDict()
        self._decided: dict[str, tuple[object, ReviewState]] = {}
        self._scans = Jobs(workspace.root / "jobs" / "scans", "read")
        self._proofs = Jobs(workspace.root / "jobs" / "proofs", "prove")
        self._sensitivities = Jobs(workspace.root / "jobs" / "sensitivity", "pixels")

    # ---- what the routes ask for ---------------------------------------------------------------

    def inspection(self, key: str) -> Inspection | None:
        """The shared inspection of a scan, as far as the scan has come; None where there is none."""
        try:
            folder = folder_of(self.workspace, key)
        except UserError:
            return None
        stages = folder.signature()
        with self._lock:
            known = self._loaded.get(key)
            if known is not None and known[0] == stages:
                self._loaded.move_to_end(key)
                return known[1]
            found = inspection_of(self.workspace, key)
            if found is not None:
                self._loaded[key] = (stages, found)
                while len(self._loaded) > MOST_INSPECTIONS:
                    self._loaded.popitem(last=False)
            return found

    def reviews(self) -> Reviews:
        """The decision log, opened once."""
        with self._lock:
            if self._reviews is None:
                self._reviews = Reviews(self.workspace.reviews_path)
            return self._reviews

    def review_state(self, inspection: Inspection) -> ReviewState:
        """What is decided on a scan's set; read again only when the log has grown."""
        key, digests = inspection.key, tuple(self.lineage(inspection.key))
        head = self.reviews().head(digests)
        with self._lock:
            known = self._decided.get(key)
        if known is None or known[0] != (digests, head):
            known = ((digests, head), review_state(inspection.dataset, self.reviews().log(digests, upto=head)))
            with self._lock:
                self._decided[key] = known
                while len(self._decided) > MOST_INSPECTIONS:
                    self._decided.pop(next(iter(self._decided)))
        return known[1]

    def lineage(self, key: str) -> Sequence[str]:
        """Digests of the data sets whose decisions count for this scan."""
        return lineage(self.workspace, key)

    # ---- scans -----------------------------------------------------------------------------------

    def open_first(self) -> None:
        """Scan the source that the app was started with, unless the workspace has it already."""
        key = self.newest_key(self.first_source)
        if key is None or (self.key_in_view(self.first_source) == key and not is_finished(self.workspace, key)):
            self.start_scan(self.first_source, self.scan_options(self.first_source))

    def scan_options(self, spec: str) -> ScanOptions:
        """The options of the newest scan of a source, so that a stopped one goes on as it was begun."""
        key = self.newest_key(spec)
        return (ScanOptions.of(folder_of(self.workspace, key).json("options")) if key else None) or ScanOptions()

    def first_source_identity(self) -> str:
        """Identity of the source that the app was started with."""
        return source_identity(self.first_source)

    def scan_running(self) -> bool:
        """True while a scan started by this app runs."""
        return self._scans.running

    def newest_key(self, spec: str) -> str | None:
        """Key of the newest scan of a source, finished or not."""
        scans = self.workspace.scans_of(source_identity(spec))
        return str(scans[-1]["key"]) if scans else None

    def key_in_view(self, spec: str) -> str | None:
        """Key of the scan of a source to look at: the newest, but while that one stands still unfinished, the newest finished."""
        key = self.newest_key(spec)
        return None if key is None else self.looked_at(key)

    def looked_at(self, key: str) -> str:
        """`key`, or where that scan has stopped before its end, the newest finished scan of its source, if it has one."""
        if is_finished(self.workspace, key) or self.at_work(key):
            return key
        source = folder_of(self.workspace, key).json("source")
        return (newest_scan(self.workspace, str(source["identity"])) if source else None) or key

    def at_work(self, key: str) -> bool:
        """True while some process works on this scan."""
        state = folder_of(self.workspace, key).progress()
        return state is not None and state.state == "running"

    def start_scan(self, spec: str, options: ScanOptions) -> None:
        """Start the command line on `spec` as a process of its own; it outlives a closed tab.

        Raises UserError for a source or option that cannot be, before anything is started.
        """
        identity = source_identity(spec)
        if identity != "demo" and not os.path.exists(identity):
            raise UserError(f"'{identity[:200]}' does not exist", "a folder or file on the machine that runs Taster", "check the path")
        options.recipe()
        # behind the dashes nothing is an option, however the folder is called
        self._scans.start(identity, ["scan", "--workspace", str(self.workspace.root), *options.arguments(), "--", identity])

    def scan_state(self, identity: str) -> State | None:
        """How the newest scan of a source stands; None where it has never been scanned or is simply done."""
        scans = self.workspace.scans_of(identity)
        return self._scans.state(identity, folder_of(self.workspace, scans[-1]["key"]).progress() if scans else None)

    def learning(self, key: str) -> dict[str, Any]:
        """How the learning of a scan's embedder goes, as core/scans/learning.py writes it; empty where nothing is known."""
        found = folder_of(self.workspace, key).json("learning")
        return found if isinstance(found, dict) else {}

    def cancel_scan(self, identity: str) -> None:
        """Ask the running scan of a source to stop; what it has finished stays."""
        cancel(self.scan_state(identity))

    # ---- proofs ----------------------------------------------------------------------------------

    def proof(self, key: str) -> ProofFolder | None:
        """The newest proof of a scan, finished or not; None where it has had none."""
        known = proofs_of(self.workspace, key)
        return ProofFolder(self.workspace.proof_dir(known[-1])) if known else None

    def proof_result(self, key: str) -> tuple[ProofFolder, dict[str, Any]] | None:
        """The newest proof of a scan that came to its end, and its result."""
        for name in reversed(proofs_of(self.workspace, key)):
            folder = ProofFolder(self.workspace.proof_dir(name))
            result = folder.result()
            if result is not None:
                return folder, result
        return None

    def start_proof(self, key: str, *, seeds: int) -> None:
        """Train victims for a scan, in a process of its own that outlives a closed tab; one at a time for a scan."""
        source, state = source_of(self.workspace, key), self.proof_state(key)
        if state is not None and state.state == "running":
            return
        outside = ["--allow-outside"] if source.allow_outside else []
        asked = ["prove", "--workspace", str(self.workspace.root), "--scan", key, "--seeds", str(seeds), "--json", *outside]
        self._proofs.start(key, [*asked, "--", source.identity])

    def proof_state(self, key: str) -> State | None:
        """How the newest proof of a scan stands; None where there is none."""
        folder = self.proof(key)
        return self._proofs.state(key, read_progress(folder.root / "progress.json") if folder is not None else None)

    def cancel_proof(self, key: str) -> None:
        """Ask the running proof of a scan to stop; victims that are finished stay."""
        cancel(self.proof_state(key))

    # ---- how blind the search was ----------------------------------------------------------------

    def sensitivity(self, key: str) -> dict[str, Any] | None:
        """What the search finds of patterns planted in a scan's set; None while nobody has measured it."""
        return SensitivityFolder(self.workspace, key).result()

    def start_sensitivity(self, key: str) -> None:
        """Measure it, in a process of its own that outlives a closed tab; one at a time for a scan."""
        source, state = source_of(self.workspace, key), self.sensitivity_state(key)
        if state is not None and state.state == "running":
            return
        outside = ["--allow-outside"] if source.allow_outside else []
        asked = ["sensitivity", "--workspace", str(self.workspace.root), "--scan", key, "--json", *outside]
        self._sensitivities.start(key, [*asked, "--", source.identity])

    def sensitivity_state(self, key: str) -> State | None:
        """How the newest measurement of a scan stands; None where there is none."""
        return self._sensitivities.state(key, SensitivityFolder(self.workspace, key).progress())

    def cancel_sensitivity(self, key: str) -> None:
        """Ask the running measurement of a scan to stop."""
        cancel(self.sensitivity_state(key))

    def close(self) -> None:
        """Close the log; scans go on."""
        with self._lock:
            if self._reviews is not None:
                self._reviews.close()
                self._reviews = None


@functools.cache
def services() -> AppServices:
    """The one instance; workspace and first source come from the program's arguments."""
    given = chosen()
    return AppServices(Workspace(Path(given.workspace) if given.workspace else default_workspace()), given.source)
