"""The reason why the test cannot run on this machine."""


class CannotRunHere(Exception):  # noqa: N818 - a reason to skip, not an error
    """Something that the test needs is not on this machine; the text says what."""
