# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# scene.twohand is there while the add-on is
import bpy

settings = bpy.context.scene.twohand

settings.engine = "AUTOMATIC"
settings.hand_model = "OPEN"
settings.device = "AUTOMATIC"
settings.shape_source = "SHARED"
settings.focal_source = "AUTOMATIC"
settings.use_frame_range = False
settings.smoothing = 0.5
