# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# scene.twohand is there while the add-on is
import bpy

settings = bpy.context.scene.twohand

settings.engine = "TWOHAND"
settings.shape_source = "SHARED"
settings.smoothing = 0.5
