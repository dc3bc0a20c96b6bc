"""A take to a collection with camera, rigs, skinned meshes and animation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import bpy
import numpy as np

from ...inference.contract import TAKE_SUFFIX, ErrorCode, HandsError, Take
from ...inference.hands.joints import SIDES, Side
from ...inference.hands.model import HandModel
from ...inference.hands.skinning import shaped_rest
from ...inference.motion.gaps import FilledMotion, fill_take
from .action import assign_slot, new_action, write_hand_keys
from .armature import build_armature, rest_axes, wrist_rest_m
from .background import add_background, find_background
from .bone_motion import HandMotion, bone_channels
from .camera import build_camera, set_render_size
from .collection import (
    TAKE_PATH,
    TAKE_SHA256,
    built_keys,
    ensure_collection,
    find_collection,
    local_collection,
    own_objects,
)
from .correctives import add_drivers, offsets_in_bone_axes
from .editing import scene_of
from .hand_mesh import LARGEST_SHAPE_VALUE, build_mesh
from .joint_constraints import add_joint_constraints
from .material import SKIN_GROUP_NAME, SkinTone, Tint, build_material, build_skin_group
from .names import CAMERA_NAME, SIDE_SUFFIX, armature_name, mesh_name
from .ownership import (
    Block,
    TakeKey,
    mark_of,
    originals,
    put_mark,
    remove_blocks,
    replace_objects,
    replaceable,
    restore_name,
)
from .take_motion import hand_motions
from .timeline import set_frame_range, set_frame_rate, timeline_of

CAMERA_ROLE: Final = "camera"
ACTION_ROLE: Final = "action"


def armature_role(side: Side) -> str:
    """The role under which a hand's armature object is marked."""
    return f"armature_{SIDE_SUFFIX[side]}"


def mesh_role(side: Side) -> str:
    """The role under which a hand's mesh object is marked."""
    return f"mesh_{SIDE_SUFFIX[side]}"


@dataclass(frozen=True)
class BuildOptions:
    """What to make, and which of the scene's settings to take over.

    Parameters
    ----------
    name : shown to the user and part of what identifies a result; by default the source's name
    take_path, take_sha256 : the take file and its fingerprint, remembered on the collection
    background : show the source behind the hands
    set_frame_range, set_frame_rate : take over the take's frames and its frames a second
    set_render_size : render in the picture's size
    set_active_camera : look through the take's camera
    tint : same skin for both hands or a cooler one for the left
    skin_tone : preset of the skin's colour
    limit_bones : constraints that hold the finger bones within what joints can do
    """

    name: str = ""
    take_path: Path | None = None
    take_sha256: str = ""
    background: bool = True
    set_frame_range: bool = True
    set_frame_rate: bool = True
    set_render_size: bool = True
    set_active_camera: bool = True
    tint: Tint = "same"
    skin_tone: SkinTone = "medium"
    limit_bones: bool = False


@dataclass(frozen=True)
class BuiltHands:
    """The names of what a take became; names, because references to Blender's data go stale (undo, loading).

    Parameters
    ----------
    key : identifies the take among the scene's results
    collection, camera, action : names; the action is empty where the user has removed it
    armatures, meshes : object names of the hands that were seen
    first_frame, last_frame : of the take, in the scene
    warnings : sentences for the user (frames without a hand are told by `FilledMotion.sentences`)
    """

    key: TakeKey
    collection: str
    camera: str
    action: str
    armatures: dict[Side, str]
    meshes: dict[Side, str]
    first_frame: int
    last_frame: int
    warnings: tuple[str, ...] = field(default=())


def build_take(
    context: bpy.types.Context,
    take: Take,
    models: Mapping[Side, HandModel],
    options: BuildOptions | None = None,
    motion: FilledMotion | None = None,
) -> BuiltHands:
    """Build a take in the context's scene; what an earlier run made of the same take is replaced.

    Nothing of the user's is renamed or removed: parents, constraints and the like that pointed to an object of the
    earlier run point to its successor afterwards. When anything fails, the scene is left as it was.

    Parameters
    ----------
    context : its scene is built into, its view layer used to make bones
    take : what to build
    models : the hand models that the take was made with
    options : by default everything
    motion : the take's motion, smoothed for example; by default as measured, with gaps filled

    Raises
    ------
    HandsError
        NO_HANDS where the take holds none, MODEL_MISSING where it was made with another hand model
    """
    options = options or BuildOptions()
    scene = scene_of(context)
    warnings = _check(take, models)
    key = TakeKey(options.name or default_name(take, options.take_path), take.source)
    previous = replaceable(scene.objects, key)
    had_collection = local_collection(scene, key) is not None
    motion = motion or fill_take(take)
    builder = _Builder(context, take, models, key, options)
    try:
        builder.build(motion)
    except BaseException:
        remove_blocks(builder.blocks)
        raise
    collection = ensure_collection(scene, key)
    if not had_collection or options.take_path is not None:
        collection[TAKE_PATH], collection[TAKE_SHA256] = str(options.take_path or ""), options.take_sha256
    replace_objects(previous, builder.objects)
    for made in builder.objects.values():
        if not made.users_collection:
            collection.objects.link(made)
    builder.restore_names()
    _take_over_settings(scene, take, builder, options)
    return _describe(scene, key, tuple(warnings + builder.warnings))


def built_hands(scene: bpy.types.Scene) -> list[BuiltHands]:
    """Everything in a scene that was built from takes, found again by its marks."""
    return [_describe(scene, key, ()) for key in built_keys(scene)]


def rekey(scene: bpy.types.Scene, built: BuiltHands, motions: Mapping[Side, HandMotion]) -> tuple[Side, ...]:
    """Write another motion (smoothed otherwise, say) into the curves of a result, and touch nothing else.

    Parameters
    ----------
    motions : from `take_motion.hand_motions`

    Returns
    -------
    the hands that were written: not those whose armature the user has removed or given another action.
    """
    objects = own_objects(scene, built.key)
    # A copy of the action bears our mark as well, but it is the user's.
    action = originals(bpy.data.actions, built.key).get(ACTION_ROLE)
    written: list[Side] = []
    for side, motion in motions.items():
        armature = objects.get(armature_role(side))
        data = armature.animation_data if armature is not None else None
        if armature is None or data is None or action is None or data.action != action or data.action_slot is None:
            continue
        _write_motion(action, data.action_slot, armature, side, motion)
        written.append(side)
    return tuple(written)


def default_name(take: Take, take_path: Path | None = None) -> str:
    """The take file's name without its ending; of an unsaved take the source's, without frame pattern.

    Two takes of one source (two focal lengths, two ranges of frames) are two results.
    """
    if take_path is not None and take_path.name.removesuffix(TAKE_SUFFIX):
        return take_path.name.removesuffix(TAKE_SUFFIX)
    name = re.sub(r"(#+|%0?\d*d)", "", Path(take.source).stem).rstrip("._- ")
    return name or "take"


def _check(take: Take, models: Mapping[Side, HandModel]) -> list[str]:
    """Refuse what cannot be built; warnings for what can be, but may look slightly different."""
    if not take.present.any():
        raise HandsError(ErrorCode.NO_HANDS, "No hand was found in this take.", "Try another picture, or give a box.")
    for hand, side in enumerate(SIDES):
        model = models[side]
        if take.present[hand].any() and (model.name, model.shape_count) != (take.model_name, take.betas.shape[1]):
            raise HandsError(
                ErrorCode.MODEL_MISSING,
                f"This take was made with the hand model '{take.model_name}', not with '{model.name}'.",
                "Choose that hand model, or reconstruct again.",
            )
        if np.abs(take.betas[hand]).max(initial=0.0) > LARGEST_SHAPE_VALUE:
            raise HandsError(
                ErrorCode.TAKE_DAMAGED,
                f"The shape of the {side} hand is out of all proportion (a component beyond {LARGEST_SHAPE_VALUE:g}).",
                "Reconstruct again, or give the focal length.",
            )
    if any(take.present[hand].any() and models[s].sha256 != take.model_sha256[hand] for hand, s in enumerate(SIDES)):
        return ["The hand model has changed since this take was made: reconstruct again for an exact fit."]
    return []


class _Builder:
    """Makes the objects of one take; `objects` holds what exists so far, by role."""

    def __init__(
        self,
        context: bpy.types.Context,
        take: Take,
        models: Mapping[Side, HandModel],
        key: TakeKey,
        options: BuildOptions,
    ) -> None:
        self._context, self._take, self._models = context, take, models
        self._key, self._options = key, options
        self.timeline = timeline_of(take)
        self.objects: dict[str, bpy.types.Object] = {}
        self.warnings: list[str] = []
        self._skin_group: bpy.types.NodeTree | None = None
        self._names: list[tuple[bpy.types.ID, str]] = []

    def build(self, motion: FilledMotion) -> None:
        self._build_camera()
        action = self._own(new_action(name := f"Hands {self._key.name}"), ACTION_ROLE, name)
        for side, hand_motion in hand_motions(motion, self.timeline).items():
            self._build_hand(side, hand_motion, action)

    def restore_names(self) -> None:
        for block, name in self._names:
            restore_name(block, name)

    @property
    def blocks(self) -> list[bpy.types.ID]:
        """What exists so far."""
        return [block for block, _name in self._names]

    def _build_camera(self) -> None:
        camera = self._add(CAMERA_ROLE, build_camera(self._take), CAMERA_NAME)
        if not self._options.background:
            return
        path = find_background(self._take)
        try:
            if path is None:
                raise FileNotFoundError(self._take.source)
            add_background(camera, path, self._take, self.timeline, self._key)
        except (OSError, RuntimeError):
            self.warnings.append(f"'{Path(self._take.source).name}' cannot be shown behind the hands.")

    def _build_hand(self, side: Side, motion: HandMotion, action: bpy.types.Action) -> None:
        model = self._models[side]
        betas = self._take.betas[SIDES.index(side)]
        vertices, joints = shaped_rest(model, betas)
        points = np.concatenate([joints, vertices[model.tip_vertices]])
        armature = build_armature(self._context, side, points)
        self._add(armature_role(side), armature, armature_name(side))
        if self._options.limit_bones:
            add_joint_constraints(armature, model)
        offsets = offsets_in_bone_axes(model, rest_axes(armature, side))
        mesh_object = self._add(mesh_role(side), build_mesh(model, betas, offsets, armature), mesh_name(side))
        add_drivers(mesh_object, armature, side)
        mesh = mesh_object.data
        assert isinstance(mesh, bpy.types.Mesh)  # noqa: S101 - narrows the type
        mesh.materials.append(self._build_material(side))
        slot = assign_slot(action, armature, armature_name(side))
        _write_motion(action, slot, armature, side, motion)

    def _build_material(self, side: Side) -> bpy.types.Material:
        if self._skin_group is None:
            self._skin_group = self._own(build_skin_group(), "skin_group", SKIN_GROUP_NAME)
        name = f"HandSkin_{SIDE_SUFFIX[side]}"
        options = self._options
        material = build_material(name, side, options.tint, options.skin_tone, self._skin_group)
        return self._own(material, "material", name)

    def _add(self, role: str, item: bpy.types.Object, name: str) -> bpy.types.Object:
        self.objects[role] = item
        self._own(item, role, name)
        if item.data is not None:
            self._own(item.data, f"{role}_data", name)
        return item

    def _own(self, block: Block, role: str, name: str) -> Block:
        self._names.append((block, name))
        put_mark(block, self._key, role)
        return block


def _write_motion(
    action: bpy.types.Action,
    slot: bpy.types.ActionSlot,
    armature: bpy.types.Object,
    side: Side,
    motion: HandMotion,
) -> None:
    channels = bone_channels(motion, rest_axes(armature, side), wrist_rest_m(armature, side))
    write_hand_keys(action, slot, side, motion, channels)


def _take_over_settings(scene: bpy.types.Scene, take: Take, builder: _Builder, options: BuildOptions) -> None:
    if options.set_render_size:
        set_render_size(scene, take)
    if options.set_active_camera:
        scene.camera = builder.objects[CAMERA_ROLE]
    if options.set_frame_rate:
        set_frame_rate(scene, take.fps)
    if options.set_frame_range:
        set_frame_range(scene, builder.timeline)


def _describe(scene: bpy.types.Scene, key: TakeKey, warnings: tuple[str, ...]) -> BuiltHands:
    objects = own_objects(scene, key)
    collection = find_collection(scene, key)
    sides: list[Side] = [side for side in SIDES if armature_role(side) in objects]
    actions = [data.action for side in sides if (data := objects[armature_role(side)].animation_data) and data.action]
    action = next((item for item in actions if mark_of(item) is not None), None)
    first, last = action.curve_frame_range if action else (scene.frame_start, scene.frame_end)
    camera = objects.get(CAMERA_ROLE)
    return BuiltHands(
        key=key,
        collection=collection.name if collection else "",
        camera=camera.name if camera else "",
        action=action.name if action else "",
        armatures={side: objects[armature_role(side)].name for side in sides},
        meshes={side: objects[mesh_role(side)].name for side in SIDES if mesh_role(side) in objects},
        first_frame=int(first),
        last_frame=int(last),
        warnings=warnings,
    )
