"""``models import|list|remove``: the user's own model files."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..contract import ErrorCode, HandsError
from .interrupt import cancel_on_signals, end_with_parent
from .models_option import add_models_option, model_folder
from .output import PersonOutput, open_output

if TYPE_CHECKING:
    from ..models.importing import Acceptance
    from ..models.licences import Licence
    from ..models.overview import Overview

_WEIGHTS_DIR: Final = Path(__file__).resolve().parents[2] / "weights"
_YES: Final = ("y", "yes")


def add_parser(subparsers: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Declare the command's arguments."""
    parser = subparsers.add_parser(
        "models",
        help="import, list and remove your own model files",
        description="Keeps model files that you brought yourself (MANO, the paper's network) in one folder.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action", parser_class=type(parser))
    bring = actions.add_parser(
        "import",
        help="check your downloads and keep what the program needs of them",
        description="Takes mano_v1_2.zip, MANO_RIGHT.pkl, MANO_LEFT.pkl and snapshot_99.pth.tar in any order, "
        "whatever they are called. The files themselves are left alone.",
    )
    bring.add_argument("files", type=Path, nargs="+", metavar="FILE", help="your downloads")
    bring.add_argument("--accept-licence", action="store_true", help="you have read and accept the files' licences")
    bring.add_argument(
        "--accepted-in",
        metavar="PLACE",
        help="for programs: the same, and where the user was shown the licences, as it is recorded",
    )
    bring.add_argument("--records", action="store_true", help="print one JSON record a line on stdout")
    ask = actions.add_parser(
        "licences",
        help="show what your downloads are and the licences that come with them; imports nothing",
        description="Recognises your downloads and shows the licences that an import would ask you to accept.",
    )
    ask.add_argument("files", type=Path, nargs="+", metavar="FILE", help="your downloads")
    ask.add_argument("--json", action="store_true", help="print it as one JSON object")
    tell = actions.add_parser(
        "list",
        help="show what is there, what is missing and what that allows",
        description="Shows your own model files, the program's, and which engine they allow under which licence.",
    )
    tell.add_argument("--json", action="store_true", help="print it as one JSON object")
    tell.add_argument("--check", action="store_true", help="read every file of yours and compare its checksum")
    tell.add_argument("--weights", type=Path, metavar="FOLDER", help="folder of the program's model files")
    drop = actions.add_parser("remove", help="remove one of your model files from the folder")
    drop.add_argument("name", metavar="NAME", help="its name in the list")
    for action in (bring, tell, drop):
        add_models_option(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do what the action says."""
    return {"import": _import, "licences": _licences, "list": _list, "remove": _remove}[arguments.action](arguments)


def _import(arguments: argparse.Namespace) -> int:
    from ..models.importing import import_files, licences_of, recognise_files
    from ..models.overview import entry_dict

    folder = model_folder(arguments)
    files = recognise_files(arguments.files)
    acceptances = [_accept(licence, arguments) for licence in licences_of(files)]
    with cancel_on_signals() as cancelled, open_output(arguments.records) as output:
        if arguments.records:
            end_with_parent(cancelled)
        entries = import_files(files, folder, acceptances, report=output, cancelled=cancelled)
        summary = {"folder": str(folder.path.absolute()), "imported": [entry_dict(entry) for entry in entries]}
        output({"record": "result", "take": None, "summary": summary})
        if isinstance(output, PersonOutput):
            for entry in entries:
                output.line(f"Imported {entry.name} ({entry.byte_count / 1e6:.1f} MB).")
            print(folder.path)  # noqa: T201 - the one thing that a script wants on stdout
    return 0


def _accept(licence: Licence, arguments: argparse.Namespace) -> Acceptance:
    """What the user says to a licence: by option, else on the terminal."""
    from ..models.importing import Acceptance, not_accepted

    if arguments.accepted_in:
        return Acceptance.now(licence, f"in {arguments.accepted_in}")
    if arguments.accept_licence:
        return Acceptance.now(licence, "--accept-licence")
    if arguments.records or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise not_accepted(licence)
    print(_licence_text(licence), file=sys.stderr)  # noqa: T201 - the command line's voice
    print("Have you read it, and do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201 - as above
    if sys.stdin.readline().strip().lower() not in _YES:
        raise HandsError(ErrorCode.CANCELLED, "The licence was not accepted; nothing was imported.")
    return Acceptance.now(licence, "on the terminal")


def _licence_text(licence: Licence) -> str:
    addresses = "\n".join(f"  {address}" for address in licence.addresses)
    return f"{licence.name}\n{licence.terms}\nThe text that counts is there:\n{addresses}"


def _licences(arguments: argparse.Namespace) -> int:
    from ..models.importing import licences_of, recognise_files
    from ..models.recognise import FileKind

    files = recognise_files(arguments.files)
    licences = licences_of(files)
    if arguments.json:
        has_torch = find_spec("torch") is not None
        described = [
            {
                "path": str(file.path),
                "what": file.kind.label,
                "lacks": ["torch"] if file.kind is FileKind.CHECKPOINT and not has_torch else [],
            }
            for file in files
        ]
        print(json.dumps({"files": described, "licences": [licence.as_dict() for licence in licences]}))  # noqa: T201 - result
    else:
        print("\n\n".join(_licence_text(licence) for licence in licences))  # noqa: T201 - result
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from ..models.overview import survey, verify

    folder = model_folder(arguments)
    overview = survey(folder, arguments.weights or _WEIGHTS_DIR)
    damaged = verify(folder) if arguments.check else {}
    if arguments.json:
        checked = {"damaged": damaged} if arguments.check else {}
        print(json.dumps({**overview.as_dict(), **checked}))  # noqa: T201 - result
    else:
        print("\n".join(_lines(overview, damaged)))  # noqa: T201 - result
    return ErrorCode.MODEL_DAMAGED.exit_code if damaged else 0


def _lines(overview: Overview, damaged: dict[str, str]) -> list[str]:
    lines = [f"Your model files, in {overview.folder}:"]
    for entry in overview.entries:
        recorded = entry.metadata
        lines.append(f"  {entry.name:<12} {entry.byte_count / 1e6:8.1f} MB")
        if problem := damaged.get(entry.name) or entry.problem:
            lines.append(f"    DAMAGED: {problem}")
        if recorded:
            lines.append(
                f"    from {recorded.get('origin_name')}, sha256 {recorded.get('origin_sha256')}, "
                f"imported {recorded.get('imported_at')}"
            )
            lines.append(f"    {recorded.get('licence')}, accepted {recorded.get('licence_accepted_at')}")
    there = {entry.name for entry in overview.entries}
    for missing in (file for file in overview.missing if file.name not in there):
        lines.append(f"  {missing.name:<12} not there: {missing.what}{'' if missing.needed else ' (optional)'}")
    lines.append("The program's own:")
    for file in overview.shipped:
        size = "missing" if file.byte_count is None else f"{file.byte_count / 1e6:.1f} MB"
        lines.append(f"  {file.name:<24} {size:>8}  {file.licence}, sha256 {file.sha256}")
    lines.append("Engines:")
    for state in overview.engines:
        lines.append(f"  {state.engine:<12} {'ready' if state.ready else 'lacks ' + ', '.join(state.lacks)}")
        lines.append(f"    {state.licence}")
        if state.remedy:
            lines.append(f"    -> {state.remedy}")
    return lines


def _remove(arguments: argparse.Namespace) -> int:
    path = model_folder(arguments).remove(arguments.name)
    print(path)  # noqa: T201 - what was removed
    return 0
