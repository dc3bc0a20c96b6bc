"""Settings of a scene: what is reconstructed, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..inference.motion.smoothing import DEFAULT_STRENGTH
from .boxes import TWOHAND_PG_box

SCENE_PROPERTY = "twohand"
"""``scene.twohand``"""
ENGINE_ITEMS: Final = (
    ("AUTOMATIC", "Automatic", "What the program takes to be the best for most pictures; now that is Two Hands"),
    (
        "LANDMARKS",
        "Landmarks",
        "Finds points on each hand and poses a hand model on them: faster and calmer, free for any use",
    ),
    ("TWOHAND", "Two Hands", "Our own network, which reads both hands together: finds more hands, free for any use"),
    (
        "INTERSHAPE",
        "InterShape",
        "The network of Zhang et al. (ICCV 2021) with its authors' files, which you import: research only",
    ),
)
"""Identifier, name and description; the worker's name of an engine is the identifier in small letters."""


def _hide_other_boxes(settings: TWOHAND_PG_settings, _context: bpy.types.Context) -> None:
    """Another input has other boxes: none of them is the active one."""
    settings.box_index = -1


def _is_camera(_settings: TWOHAND_PG_settings, item: bpy.types.Object) -> bool:
    return item.type == "CAMERA"


class TWOHAND_PG_settings(bpy.types.PropertyGroup):
    """Settings in the sidebar's "Hands" tab, kept in the file."""

    if TYPE_CHECKING:
        input_path: str
        as_sequence: bool
        sequence_fps: float
        take_path: str
        use_frame_range: bool
        frame_start: int
        frame_end: int
        frame_step: int
        focal_source: str
        focal_camera: bpy.types.Object | None
        focal_mm: float
        limit_joints: bool
        skin_tone: str
        smoothing: float
        engine: str
        hand_model: str
        device: str
        shape_source: str
        shape_take_path: str
        boxes: bpy.types.bpy_prop_collection_idprop[TWOHAND_PG_box]
        box_index: int
    else:
        input_path: StringProperty(
            name="Input",
            description="Picture, movie, numbered picture sequence or folder of pictures that shows the hands. "
            "A file may also be dropped on the 3D view",
            subtype="FILE_PATH",
            options={"PATH_SUPPORTS_BLEND_RELATIVE"},
            update=_hide_other_boxes,
        )
        as_sequence: BoolProperty(
            name="Image Sequence",
            description="The input is one picture of a numbered sequence: reconstruct all of it",
        )
        sequence_fps: FloatProperty(
            name="Frame Rate",
            description="Frames a second of the picture sequence; 0 keeps the scene's frame rate",
            default=0.0,
            min=0.0,
            soft_max=120.0,
        )
        take_path: StringProperty(
            name="Take",
            description="File that the reconstruction is kept in. Empty: a file beside the saved .blend file, "
            "else in the add-on's own folder, which goes when the add-on is removed",
            subtype="FILE_PATH",
            options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        )
        use_frame_range: BoolProperty(
            name="Frame Range", description="Reconstruct only some frames of the movie or sequence"
        )
        frame_start: IntProperty(name="Start", description="Number of the first frame in the source", default=1)
        frame_end: IntProperty(name="End", description="Number of the last frame in the source", default=250)
        frame_step: IntProperty(name="Step", description="Reconstruct every n-th frame", default=1, min=1)
        focal_source: EnumProperty(
            name="Focal Length",
            description="Where the focal length of the camera comes from",
            items=[
                ("AUTOMATIC", "Automatic", "From the picture's EXIF data, else a usual value"),
                ("CAMERA", "Scene Camera", "From the lens and the sensor of the scene's camera, in the current frame"),
                ("GIVEN", "Manual", "As given here"),
            ],
            default="AUTOMATIC",
        )
        focal_camera: PointerProperty(
            name="Camera",
            description="Whose focal length it is. Empty: the scene's camera, which is kept here when the hands' own "
            "takes its place",
            type=bpy.types.Object,
            poll=_is_camera,
        )
        focal_mm: FloatProperty(
            name="35 mm Equivalent",
            description="Focal length of the camera as for a 36 mm wide film",
            default=35.0,
            min=1.0,
            soft_min=10.0,
            soft_max=200.0,
            unit="CAMERA",
        )
        limit_joints: BoolProperty(
            name="Limit Joints",
            description="Hold the finger bones within what joints can do, by a constraint on each that can be removed",
        )
        skin_tone: EnumProperty(
            name="Skin",
            description="Colour of the skin to begin with; the material's node group has it and more",
            items=[
                ("LIGHT", "Light", "Light skin"),
                ("MEDIUM", "Medium", "Medium skin"),
                ("DARK", "Dark", "Dark skin"),
            ],
            default="MEDIUM",
        )
        smoothing: FloatProperty(
            name="Smoothing",
            description="How much jitter is taken out of the motion when it is keyed: 0 keeps it as measured, beyond "
            "0.6 fast motion is flattened, too. The take file stays as measured",
            default=DEFAULT_STRENGTH,
            min=0.0,
            max=1.0,
            subtype="FACTOR",
        )
        engine: EnumProperty(
            name="Engine", description="How hands are read from the picture", items=ENGINE_ITEMS, default="AUTOMATIC"
        )
        hand_model: EnumProperty(
            name="Hand Model",
            description="The hand that the engine Landmarks poses; the other engines bring their own",
            items=[
                ("OPEN", "Open Hand", "The hand that comes with the add-on, free for any use"),
                ("MANO", "MANO", "The hand of the MANO files that you imported: non-commercial research only"),
            ],
            default="OPEN",
        )
        device: EnumProperty(
            name="Device",
            description="What the networks run on",
            items=[
                ("AUTOMATIC", "Automatic", "The graphics card where the worker's Python can use it, else the CPU"),
                ("CPU", "CPU", "The processor, also where there is a graphics card"),
                ("CUDA", "CUDA", "An NVIDIA graphics card; where it cannot be used, the CPU, with a warning"),
            ],
            default="AUTOMATIC",
        )
        shape_source: EnumProperty(
            name="Hand Shape",
            description="Where size and proportions of the hands come from; they are the same in all frames",
            items=[
                ("SHARED", "One for Both Hands", "Found in the whole clip, the same for both hands of one person"),
                ("EACH", "One for Each Hand", "Found in the whole clip for each hand alone, for hands of two people"),
                ("TAKE", "From Another Take", "As another take of the same person found it"),
            ],
            default="SHARED",
        )
        shape_take_path: StringProperty(
            name="Shape Take",
            description="A take of the same person, made with the same hand model",
            subtype="FILE_PATH",
            options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        )
        boxes: CollectionProperty(type=TWOHAND_PG_box, name="Boxes", description="Where hands are, as you drew them")
        box_index: IntProperty(name="Active Box", description="The box that the buttons work on", default=-1, min=-1)


def settings_of(scene: bpy.types.Scene) -> TWOHAND_PG_settings:
    """The settings of a scene."""
    return cast(TWOHAND_PG_settings, getattr(scene, SCENE_PROPERTY))


def register() -> None:
    """Make the settings and hang them on scenes."""
    bpy.utils.register_class(TWOHAND_PG_box)
    bpy.utils.register_class(TWOHAND_PG_settings)
    setattr(bpy.types.Scene, SCENE_PROPERTY, PointerProperty(type=TWOHAND_PG_settings))


def unregister() -> None:
    """Undo `register`."""
    delattr(bpy.types.Scene, SCENE_PROPERTY)
    bpy.utils.unregister_class(TWOHAND_PG_settings)
    bpy.utils.unregister_class(TWOHAND_PG_box)
