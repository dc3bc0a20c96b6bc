"""The worker's own Python environment: planned, downloaded, unpacked, checked, mended, removed.

Nothing in here imports bpy, nothing but the standard library is needed, and nothing is installed into Blender. What is
installed stands in ``lock.json`` with the SHA-256 of every file; ``docs/setup.md`` tells how it works.
"""
