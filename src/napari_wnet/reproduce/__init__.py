"""The tables of the W-Net paper, made again by one command: what is trained, on what, and how it compares."""

from napari_wnet.reproduce.job import Budget, Recipe, ReproduceJob, RunDone
from napari_wnet.reproduce.studies import STUDIES, Study, Variant

__all__ = ["STUDIES", "Budget", "Recipe", "ReproduceJob", "RunDone", "Study", "Variant"]
