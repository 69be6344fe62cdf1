"""The files of one run: each is landed and moved away on its own, and one that cannot be read stops no other.

``myi import`` and the uploads folder share this, so a file has the same fate on both ways.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from logging import Logger
from pathlib import Path

from myi_pipelines.ingest.uploads import waiting_files
from myi_pipelines.ingest.uploads.folder_files import files_below
from myi_pipelines.ingest.uploads.landing_files import OnBatch, WaitingFile, land_file
from myi_pipelines.ingest.uploads.waiting_files import FAILED, IMPORTED, FileSignature
from myi_pipelines.sources.exports import (
    ChangedWhileRead,
    ExportError,
    Limits,
    no_history_among,
    passed_over,
    printable_name,
)
from myi_pipelines.warehouse.import_jobs import JobInProgress, add_notes
from myi_pipelines.warehouse.landing import Landed
from myi_pipelines.warehouse.session import Session

Progress = Callable[[str], OnBatch]
"""Gives what is called with the batches of the file of a name."""


class _Fate(Enum):
    """What came of a file."""

    LANDED = "it is in the warehouse, since now or before"
    PASSED_OVER = "it holds no history, and lies in a folder"
    FAILED = "it cannot be imported"
    WAITS = "it has another chance"
    GONE = "it was moved or deleted"


class FileRun:
    """Lands files and folders of one user, and remembers what came of them."""

    def __init__(
        self,
        session: Session,
        user_id: int,
        *,
        uploads: Path,
        limits: Limits,
        log: Logger,
        first_note: str | None = None,
    ) -> None:
        """``first_note`` is added to the notes of the first file that is landed."""
        self.landed: list[Landed] = []
        self.problems: list[str] = []
        """A line for each file that was not landed."""
        self.passed_over = 0
        """Files without history that lie beside others in a folder."""
        self.notes: list[str] = []
        """A line for each thing that was left out or looks odd."""
        self._session = session
        self._user_id = user_id
        self._uploads = uploads
        self._limits = limits
        self._log = log
        self._first_note = first_note
        self._accounts: set[bytes] = set()

    def land(self, path: Path, progress: Progress) -> None:
        """Land a file, or the files of a folder, and move them out of the uploads folder, whatever came of them."""
        if path.is_dir():
            self._land_folder(path, progress)
        else:
            self._land_file(path, progress, in_folder=False)

    def _land_folder(self, folder: Path, progress: Progress) -> None:
        """Land the files of a folder. Those without history are passed over, if they lie beside one that has some."""
        is_user_s = folder.parent.resolve() == self._uploads.resolve()
        found = files_below(folder, skip=(IMPORTED, FAILED) if is_user_s else ())
        before = len(self.landed)
        signatures = {path: FileSignature.of(path) for path in found.files}
        fates = {path: self._land_file(path, progress, in_folder=True) for path in found.files}
        here = self.landed[before:]
        if found.downloads:
            downloads = _listed(found.downloads, folder)
            self._note(f"{printable_name(folder.name)}: still being downloaded, so not read: {downloads}", here)
        others = [path for path, fate in fates.items() if fate is _Fate.PASSED_OVER]
        waits = waiting_files.owner(self._uploads, folder) is not None
        has_history = bool(here) or (waits and waiting_files.was_imported_in_part(self._uploads, folder))
        if not others or (_Fate.WAITS in fates.values() and not has_history):
            return  # what is tried again may be the history that the others lie beside
        lines = []
        if has_history:
            self.passed_over += len(others)
            lines = [f"{printable_name(folder.name)}: {passed_over(_names(others, folder))}"]
            self._note(lines[0], here)
        elif _Fate.FAILED not in fates.values():
            lines = [str(no_history_among(printable_name(folder.name), _names(others, folder)))]
            self.problems += lines
        where = IMPORTED if has_history else FAILED
        for path in others:
            self._move_away(path, signatures[path], where)
        if waits and lines:
            waiting_files.write_beside(self._uploads, folder, where, lines)

    def _land_file(self, path: Path, progress: Progress, *, in_folder: bool) -> _Fate:
        signature = FileSignature.of(path)
        if signature is None:
            self._log.warning(
                f"{printable_name(path.name)}: is no longer there; an earlier attempt of this run may have landed it"
            )
            return _Fate.GONE
        file = WaitingFile(path, self._user_id, self._limits, may_be_other=in_folder)
        try:
            landed = land_file(self._session, file, progress(printable_name(path.name)), accounts=self._accounts)
        except (ChangedWhileRead, JobInProgress) as error:
            self.problems.append(str(error))
            return _Fate.WAITS
        except ExportError as error:
            if in_folder and error.is_no_history:
                self._log.info(f"passed over: {error}")
                return _Fate.PASSED_OVER
            self.problems.append(str(error))
            self._move_away(path, signature, FAILED, [str(error)])
            return _Fate.FAILED
        self.landed.append(landed)
        self.notes += landed.notes
        self._log.info(_outcome(printable_name(path.name), landed))
        lines = list(landed.notes)
        if self._first_note and not landed.known:
            lines.append(self._first_note)
            self._note(self._first_note, [landed])
            self._first_note = None
        self._move_away(path, signature, IMPORTED, lines)
        return _Fate.LANDED

    def _note(self, line: str, landed: Iterable[Landed]) -> None:
        """Remember a line, also with the first import job of some files."""
        self.notes.append(line)
        self._log.warning(line)
        for job_id in [one.job_id for one in landed if not one.known][:1]:
            add_notes(self._session.conn, job_id, [line])

    def _move_away(self, path: Path, signature: FileSignature | None, where: str, lines: Iterable[str] = ()) -> None:
        """Move a file that waited in the uploads folder. One that was replaced since it was read waits there again."""
        if waiting_files.owner(self._uploads, path) is None or FileSignature.of(path) != signature:
            return
        try:
            waiting_files.move_away(self._uploads, path, where, list(lines))
        except OSError as error:
            self.problems.append(
                f"{printable_name(path.name)}: was read, but cannot be moved out of the way: "
                f"{error.strerror or error}; move it by hand"
            )


def _names(paths: Iterable[Path], folder: Path) -> list[str]:
    return [printable_name(str(path.relative_to(folder))) for path in paths]


def _listed(paths: Iterable[Path], folder: Path) -> str:
    return ", ".join(_names(paths, folder))


def _outcome(name: str, landed: Landed) -> str:
    if landed.known:
        return f"{name}: landed before, nothing to do"
    return (
        f"{name}: {landed.total_rows:,} rows read, {landed.added_rows:,} new, {landed.duplicate_rows:,} known, "
        f"{sum(landed.rejected.values()):,} that make no event, {landed.seconds:.1f} s"
    )
