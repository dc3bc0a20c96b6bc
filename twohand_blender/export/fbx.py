"""FBX: both hands or one, with mesh, skin and animation (`docs/fbx.md` says what the file holds and why)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import bpy

from ...inference.contract import ErrorCode, HandsError, output_error
from ..scene.editing import scene_of
from ..scene.names import armature_name, mesh_name
from .bone_names import BoneNaming
from .fbx_check import WrittenHands, check_fbx
from .file_rig import FileHand, build_file_hand
from .report import FbxReport
from .scratch import lent_names, new_scene, scene_context, temporary_data
from .shapes import file_shapes
from .source import Hand, HandSource, read_motion

TAKE_NAME: Final = "Hands"
"""Name of the one animation (take, stack) of the file: Blender names it after the scene."""
CM_SCALE_LENGTH: Final = 0.01
_ERRNO: Final = re.compile(r"\[Errno (\d+)\] ([^:\n]*)")


@dataclass(frozen=True)
class FbxOptions:
    """What to write.

    Parameters
    ----------
    naming : whose bone names
    bake_correctives : write the pose correctives as animated shape keys
    frames : first and last frame of the scene; None takes the clip's own
    """

    naming: BoneNaming = BoneNaming.OWN
    bake_correctives: bool = False
    frames: tuple[int, int] | None = None


def export_fbx(
    context: bpy.types.Context, hands: Sequence[Hand], path: Path, options: FbxOptions | None = None
) -> FbxReport:
    """Write hands to an FBX file, read it back and compare; the user's scene stays as it is.

    A reader sees the old file or the whole new one, never a part. The report is kept beside the file.

    Parameters
    ----------
    context : its scene is the one in which the hands move
    hands : one or both
    path : the file; its folder must exist

    Returns
    -------
    what was found when the file was read back

    Raises
    ------
    HandsError
        USAGE (nothing to export), RUNTIME_MISSING (Blender's FBX add-on is off), OUTPUT_NOT_WRITABLE, DISK_FULL
    """
    options = options or FbxOptions()
    if not hands:
        raise HandsError(ErrorCode.USAGE, "There are no hands to export.", "Reconstruct or import hands first.")
    if not hasattr(bpy.types, "EXPORT_SCENE_OT_fbx"):
        raise HandsError(
            ErrorCode.RUNTIME_MISSING,
            "Blender's own FBX add-on is off.",
            "Enable 'FBX format' in Preferences > Add-ons.",
        )
    user_scene = scene_of(context)
    path = path.absolute()
    first, last = options.frames or clip_range(hands, user_scene)
    temporary = path.with_name(f".hands-{secrets.token_hex(6)}.fbx")
    try:
        _check_writable(path, temporary)
        with temporary_data():
            source_scene, file_scene = new_scene("Source", user_scene), new_scene("File", user_scene)
            sources = [HandSource(hand, source_scene) for hand in hands]
            motions = read_motion(context, source_scene, sources, range(first, last + 1))
            written = [
                build_file_hand(
                    source,
                    motion,
                    file_shapes(source.mesh, motion, options.bake_correctives),
                    options.naming,
                    file_scene,
                )
                for source, motion in zip(sources, motions, strict=True)
            ]
            file_scene.frame_start, file_scene.frame_end = 0, last - first
            file_scene.unit_settings.system, file_scene.unit_settings.scale_length = "METRIC", CM_SCALE_LENGTH
            _write(context, file_scene, written, temporary)
            report = FbxReport(
                file=str(path),
                first_frame=first,
                last_frame=last,
                fps=user_scene.render.fps / user_scene.render.fps_base,
                naming=options.naming.value,
                correctives=options.bake_correctives,
            )
            written_hands = WrittenHands(source_scene, file_scene, tuple(zip(sources, written, strict=True)))
            report = check_fbx(context, temporary, report, written_hands)
        try:
            temporary.replace(path)
        except OSError as error:
            raise output_error(path, error) from error
    finally:
        with suppress(OSError):  # after a success there is none; after a failure the first error is the one to tell
            temporary.unlink(missing_ok=True)
    report.save(path)
    return report


def clip_range(hands: Sequence[Hand], scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last frame of the hands' actions; the scene's range where they have none (NLA, say)."""
    ranges = []
    for hand in hands:
        data = hand.armature.animation_data
        if data is not None and data.action is not None:
            ranges.append(data.action.frame_range)
    if not ranges:
        return scene.frame_start, scene.frame_end
    return round(min(item[0] for item in ranges)), round(max(item[1] for item in ranges))


def _check_writable(path: Path, temporary: Path) -> None:
    """Learn before the work, and with a proper error, that the file cannot be written."""
    try:
        temporary.touch(exist_ok=False)
        if path.exists():
            with path.open("r+b"):
                pass
    except OSError as error:
        raise output_error(path, error) from error


def _write(context: bpy.types.Context, scene: bpy.types.Scene, hands: Sequence[FileHand], path: Path) -> None:
    wanted: list[tuple[bpy.types.ID, str]] = [(scene, TAKE_NAME)]
    for hand in hands:
        named = {armature_name(hand.side): hand.armature, mesh_name(hand.side): hand.mesh}
        for name, item in named.items():
            assert item.data is not None  # noqa: S101 - armatures and meshes have data; narrows the stubs' type
            wanted += [(item, name), (item.data, name)]
    with lent_names(wanted), scene_context(context, scene):
        try:
            bpy.ops.export_scene.fbx(
                filepath=str(path),
                check_existing=False,
                object_types={"ARMATURE", "MESH"},
                # The copies are in centimetres and the scene says so: every scale in the file is 1.
                global_scale=1.0,
                apply_unit_scale=True,
                apply_scale_options="FBX_SCALE_NONE",
                axis_forward="-Z",
                axis_up="Y",
                use_mesh_modifiers=False,
                use_armature_deform_only=True,
                add_leaf_bones=False,
                bake_anim=True,
                bake_anim_use_all_bones=True,
                bake_anim_use_nla_strips=False,
                bake_anim_use_all_actions=False,
                bake_anim_force_startend_keying=True,
                bake_anim_step=1.0,
                bake_anim_simplify_factor=0.0,
                path_mode="AUTO",
                batch_mode="OFF",
            )
        except RuntimeError as error:  # how Blender passes on what its Python operators raise
            found = _ERRNO.search(str(error))
            if found:
                raise output_error(path, OSError(int(found[1]), found[2])) from error
            raise
