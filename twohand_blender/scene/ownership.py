"""What the add-on made, and how it is replaced without touching what the user made.

Every data-block made from a take bears a mark: which take, which role, and the name it was given. Copies that the user
makes bear it too; the original is told by its name. Only originals are replaced, and everything of the user's that
pointed to one (a parent, a constraint, the scene's camera) then points to its successor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Final, TypeVar

import bpy

MARK: Final = "twohand"
"""Name of the custom property."""

Block = TypeVar("Block", bound=bpy.types.ID)


@dataclass(frozen=True)
class TakeKey:
    """Which take something was made from: the name shown to the user, and the path of its source."""

    name: str
    source: str


@dataclass(frozen=True)
class Mark:
    """`given_name` and `session_uid` are the block's when it was made; a copy has others."""

    name: str
    source: str
    role: str
    given_name: str
    session_uid: str

    @property
    def key(self) -> TakeKey:
        """The take that the block was made from."""
        return TakeKey(self.name, self.source)


def put_mark(block: bpy.types.ID, key: TakeKey, role: str) -> None:
    """Mark a block as made by the add-on."""
    block[MARK] = asdict(Mark(key.name, key.source, role, block.name, str(block.session_uid)))


def mark_of(block: bpy.types.ID) -> Mark | None:
    """The mark of a block, or None where the add-on did not make it."""
    group = block.get(MARK)
    if not isinstance(group, bpy.types.bpy_prop_collection) and hasattr(group, "to_dict"):
        values = group.to_dict()
        if all(isinstance(values.get(name), str) for name in Mark.__dataclass_fields__):
            return Mark(**{name: values[name] for name in Mark.__dataclass_fields__})
    return None


def originals(blocks: Iterable[Block], key: TakeKey) -> dict[str, Block]:
    """The blocks made from a take by role, without the user's copies.

    A single bearer of a mark is the original even if it was renamed; among several it is the one that still has the
    name it was given, and where none has, none is taken to be ours.
    """
    bearers: defaultdict[str, list[tuple[Block, Mark]]] = defaultdict(list)
    for block in blocks:
        mark = mark_of(block)
        if mark is not None and mark.key == key:
            bearers[mark.role].append((block, mark))
    found: dict[str, Block] = {}
    for role, bearing in bearers.items():
        # What was linked from another file steps back behind what is in this one.
        candidates = [(block, mark) for block, mark in bearing if is_local(block)] or bearing
        named = [block for block, mark in candidates if block.name == mark.given_name]
        if len(candidates) == 1:
            found[role] = candidates[0][0]
        elif len(named) == 1:
            found[role] = named[0]
    return found


def replaceable(blocks: Iterable[Block], key: TakeKey) -> dict[str, Block]:
    """The originals that a new run may remove: those in this file that are certainly no copy of the user's.

    A lone bearer that was renamed counts only in the session that made it: later it cannot be told from a copy whose
    original the user has deleted. Linked and overridden blocks belong to another file.
    """
    found = originals(filter(is_local, blocks), key)
    return {role: block for role, block in found.items() if _is_certainly_original(block)}


def is_local(block: bpy.types.ID) -> bool:
    """Whether a block belongs to this file alone: neither linked nor overriding something linked."""
    return block.library is None and block.override_library is None


def _is_certainly_original(block: bpy.types.ID) -> bool:
    mark = mark_of(block)
    return mark is not None and (block.name == mark.given_name or str(block.session_uid) == mark.session_uid)


def replace_objects(previous: dict[str, bpy.types.Object], successors: dict[str, bpy.types.Object]) -> None:
    """Let the successors take over from objects of an earlier run, and remove those with their data.

    Successors must not lie in any collection yet: they take their predecessors' places in collections, also in those
    that the user chose (linking one twice would leave it there twice).
    """
    ours = set(previous.values())
    for role, old in previous.items():
        if role in successors:
            _take_place(old, successors[role], ours)
    for role, old in previous.items():
        if role in successors:
            old.user_remap(successors[role])
    remove_blocks(ours)


def _take_place(old: bpy.types.Object, new: bpy.types.Object, ours: set[bpy.types.Object]) -> None:
    """Stand where the user has put the old one: moved, or attached to something of the user's."""
    new.rotation_mode = old.rotation_mode
    new.matrix_basis = old.matrix_basis
    if old.parent is not None and old.parent not in ours:
        new.parent, new.parent_type, new.parent_bone = old.parent, old.parent_type, old.parent_bone
        new.matrix_parent_inverse = old.matrix_parent_inverse


def remove_blocks(blocks: Iterable[bpy.types.ID]) -> None:
    """Remove blocks of ours and the marked data that nothing else uses; the user's data on them is kept."""
    doomed = set(blocks)
    if not doomed:
        return
    users_of = bpy.data.user_map()
    changed = True
    while changed:
        orphans = {
            block
            for block, users in users_of.items()
            if block not in doomed and users and users <= doomed and not block.use_fake_user and _is_ours(block)
        }
        doomed |= orphans
        changed = bool(orphans)
    for block, users in users_of.items():
        # Something of the user's (an action, a material) that only our objects used would be lost on saving.
        if users and users <= doomed and block not in doomed:
            block.use_fake_user = True
    bpy.data.batch_remove(list(doomed))


def _is_ours(block: bpy.types.ID) -> bool:
    return isinstance(block, bpy.types.Key) or mark_of(block) is not None


def restore_name(block: bpy.types.ID, name: str) -> None:
    """Give a block its proper name once its predecessor is gone; a name that the user has taken is left to the user."""
    if block.name != name:
        block.rename(name, mode="NEVER")
    mark = mark_of(block)
    if mark is not None:
        put_mark(block, mark.key, mark.role)
