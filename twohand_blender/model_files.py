"""The user's own model files as the worker knows them, and questions to the worker that it answers at once (no bpy).

Blender's side reads none of these files: whatever must be known of them is asked of ``python -m inference models``.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..inference.contract import ErrorCode, HandsError
from .worker_process import start_process, worker_command

_LONGEST_ANSWER_S: Final = 120.0
_ERROR_WORD: Final = "Error: "
ACCEPTED_IN: Final = "Blender's preferences"
"""How an acceptance is recorded with the file."""


@dataclass(frozen=True)
class ModelFile:
    """A file of the model folder.

    Parameters
    ----------
    name, what : its name in the folder, and what it is
    byte_count : its size
    sha256 : of the download that it was made from, empty where that is not recorded
    licence : as accepted
    problem : what is wrong with it, empty where nothing is
    """

    name: str
    what: str
    byte_count: int
    sha256: str
    licence: str
    problem: str


def ask_worker(python: Path, folder: Path, arguments: Sequence[str]) -> str:
    """Run a short command of the worker and return what it prints.

    Parameters
    ----------
    python, folder : the worker's interpreter, and the folder that holds ``inference``
    arguments : of ``python -m inference``

    Raises
    ------
    HandsError
        what the command itself says, RUNTIME_MISSING where it cannot be run
    """
    process = start_process(worker_command(python, arguments), folder)
    try:
        output, log = process.communicate(timeout=_LONGEST_ANSWER_S)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise HandsError(ErrorCode.RUNTIME_MISSING, f"'{python}' did not answer.", "Choose another Python.") from error
    if process.returncode != 0:
        words = [line for line in log.decode("utf-8", errors="replace").splitlines() if line.strip()]
        said = words[-1] if words else f"exit code {process.returncode}"
        if said.startswith(_ERROR_WORD):
            code = next((code for code in ErrorCode if code.exit_code == process.returncode), ErrorCode.INTERNAL)
            raise HandsError(code, said.removeprefix(_ERROR_WORD))
        raise HandsError(ErrorCode.RUNTIME_MISSING, f"'{python}' cannot run the worker ({said}).", "Press Check.")
    return output.decode("utf-8", errors="replace").strip()


def ask_worker_for_json(python: Path, folder: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """As `ask_worker`, for a command that prints one JSON object."""
    output = ask_worker(python, folder, arguments)
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise HandsError(ErrorCode.RUNTIME_MISSING, f"'{python}' answers without sense.", "Press Check.") from error
    return answer if isinstance(answer, dict) else {}


class ModelFiles:
    """What the worker last said of the model folder; asked in a thread, so that drawing never waits.

    Attributes
    ----------
    folder : where the files are, empty before the first answer
    files : those that are there
    error : why there is no answer
    """

    def __init__(self) -> None:
        self.folder = ""
        self.files: tuple[ModelFile, ...] = ()
        self.error: HandsError | None = None
        self._asked: tuple[Path, Path] | None = None
        self._thread: threading.Thread | None = None

    @property
    def asking(self) -> bool:
        """True while the worker is being asked."""
        return self._thread is not None and self._thread.is_alive()

    def needs_asking(self, python: Path, folder: Path) -> bool:
        """Whether these were not asked last."""
        return not self.asking and self._asked != (python, folder)

    def ask(self, python: Path, folder: Path) -> None:
        """Ask anew; `asking` tells when the answer is there."""
        self._asked = (python, folder)
        self._thread = threading.Thread(target=self._take, args=(python, folder), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the answer is there."""
        if self._thread is not None:
            self._thread.join()

    def forget(self) -> None:
        """As before the first question."""
        self.wait()
        self.folder, self.files, self.error, self._asked, self._thread = "", (), None, None, None

    def _take(self, python: Path, folder: Path) -> None:
        try:
            answer = ask_worker_for_json(python, folder, ["models", "list", "--json"])
            files = tuple(_model_file(entry) for entry in answer["files"])
            self.folder, self.files, self.error = str(answer["folder"]), files, None
        except HandsError as error:
            self.files, self.error = (), error
        except (KeyError, TypeError) as error:
            self.files = ()
            self.error = HandsError(ErrorCode.RUNTIME_MISSING, f"The worker's answer lacks {error}.", "Press Check.")


def _model_file(entry: dict[str, Any]) -> ModelFile:
    recorded = entry["metadata"]
    return ModelFile(
        str(entry["name"]),
        str(entry["what"]),
        int(entry["bytes"]),
        str(recorded.get("origin_sha256", "")),
        str(recorded.get("licence", "")),
        str(entry["problem"]),
    )
