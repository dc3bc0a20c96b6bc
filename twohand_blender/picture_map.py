"""Between a picture's pixels and where it is shown in a region (no bpy in here)."""

from __future__ import annotations

from dataclasses import dataclass

from .scene.orientation import UPRIGHT, Orientation

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the upright picture."""


@dataclass(frozen=True)
class PictureMap:
    """A picture that is shown, with its sides along the region's, in a rectangle of the region.

    Parameters
    ----------
    size_px : width and height of the upright picture
    corner : bottom left of the rectangle in the region; regions count upwards
    extent : width and height of the rectangle in the region
    orientation : what makes upright what is shown; Blender's editors show pictures as they are stored
    """

    size_px: tuple[int, int]
    corner: Point
    extent: Point
    orientation: Orientation = UPRIGHT

    def to_picture(self, x: float, y: float) -> Point:
        """Pixels from the top left corner of the upright picture, for a point of the region."""
        u, v = (x - self.corner[0]) / self.extent[0], (y - self.corner[1]) / self.extent[1]
        if self.orientation.flip_x:
            u = 1.0 - u
        for _ in range(self.orientation.quarter_turns):  # clockwise
            u, v = v, 1.0 - u
        return u * self.size_px[0], (1.0 - v) * self.size_px[1]

    def to_region(self, x: float, y: float) -> Point:
        """A point of the region, for pixels of the upright picture."""
        u, v = x / self.size_px[0], 1.0 - y / self.size_px[1]
        for _ in range(self.orientation.quarter_turns):
            u, v = 1.0 - v, u
        if self.orientation.flip_x:
            u = 1.0 - u
        return self.corner[0] + u * self.extent[0], self.corner[1] + v * self.extent[1]

    def rectangle(self, first: Point, second: Point) -> Rectangle:
        """What lies between two opposite corners in the region, cut off at the picture's border."""
        ends = (self.to_picture(*first), self.to_picture(*second))
        (left, right), (top, bottom) = (
            sorted(min(max(end[axis], 0.0), float(self.size_px[axis])) for end in ends) for axis in range(2)
        )
        return left, top, right - left, bottom - top

    def corners(self, rectangle: Rectangle) -> list[Point]:
        """The four corners of a rectangle in the region, one after the other."""
        x, y, width, height = rectangle
        around = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
        return [self.to_region(*corner) for corner in around]


def fitted(frame_corner: Point, frame_extent: Point, size_px: tuple[int, int], method: str) -> tuple[Point, Point]:
    """Corner and extent of a picture in a camera's frame, as Blender's `frame_method` lays it there.

    Parameters
    ----------
    frame_corner, frame_extent : the frame in the region
    size_px : of the picture
    method : ``STRETCH``, ``FIT`` (all of the picture is seen) or ``CROP`` (all of the frame is filled)
    """
    if method == "STRETCH":
        return frame_corner, frame_extent
    scales = (frame_extent[0] / size_px[0], frame_extent[1] / size_px[1])
    scale = min(scales) if method == "FIT" else max(scales)
    extent = (size_px[0] * scale, size_px[1] * scale)
    return (
        frame_corner[0] + 0.5 * (frame_extent[0] - extent[0]),
        frame_corner[1] + 0.5 * (frame_extent[1] - extent[1]),
    ), extent
