"""What a user would lose if the viewer were killed, in a folder that is readable at any moment."""

from __future__ import annotations

from napari_wnet.project.folder import ProjectFolder, load_project, save_project
from napari_wnet.project.state import ImageState, LabelsState, ProjectState, pixels_sha256

__all__ = [
    "ImageState",
    "LabelsState",
    "ProjectFolder",
    "ProjectState",
    "load_project",
    "pixels_sha256",
    "save_project",
]
