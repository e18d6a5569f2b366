"""Every setting of the project, declared once: default, range, wording, JSON, command-line flag and widget follow.

A field is ``name: Annotated[type, {"min": ..., "max": ..., "label": ..., "tooltip": ...}] = default``.
``*Params`` can be set by the user; ``*Config`` is fixed with a network's weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from napari_wnet.clustering_params import BY_SEEDS as BY_SEEDS
from napari_wnet.clustering_params import ClusteringParams as ClusteringParams
from napari_wnet.errors import ParamsError
from napari_wnet.fields import Params

AUTO = -1.0
"""The diameter ``"auto"``: to be estimated from the image before anything else is done with it."""
DEFAULT_MODEL = "nuclei"
"""Name of the model that is used where none is asked for."""


@dataclass(frozen=True, kw_only=True)
class NormalizeParams(Params):
    """How intensities and pixel scale are prepared before the network sees the image."""

    method: Annotated[
        Literal["percentile", "standardize", "none"],
        {
            "flag": "normalize",
            "label": "intensities",
            "tooltip": "How intensities are normalised; a model works best as it was trained.",
        },
    ] = "percentile"
    low: Annotated[
        float,
        {
            "min": 0.0,
            "max": 50.0,
            "step": 0.1,
            "flag": "low-percentile",
            "label": "low percentile",
            "tooltip": "This percentile becomes 0.",
        },
    ] = 1.0
    high: Annotated[
        float,
        {
            "min": 50.0,
            "max": 100.0,
            "step": 0.1,
            "flag": "high-percentile",
            "label": "high percentile",
            "tooltip": "This percentile becomes 1.",
        },
    ] = 99.8
    together: Annotated[
        bool,
        {
            "flag": "channels-together",
            "label": "channels together",
            "tooltip": "All channels share one range, which keeps colours; off: each channel has its own.",
        },
    ] = False
    invert: Annotated[
        bool, {"label": "invert", "tooltip": "Swap bright and dark, for a model trained on the opposite contrast."}
    ] = False
    diameter: Annotated[
        float,
        {
            "min": 0.0,
            "max": 5000.0,
            "step": 1.0,
            "flag": "diameter",
            "words": {"auto": AUTO},
            "label": "object diameter (px)",
            "tooltip": "Typical diameter of your objects; the image is rescaled to the size the model knows. "
            "0: as trained; auto: estimated for each image.",
        },
    ] = 0.0
    square: Annotated[
        int,
        {
            "min": 0,
            "max": 4096,
            "step": 16,
            "label": "stretch to (px)",
            "only_for": ("standardize",),
            "tooltip": "The network looks at the whole image, stretched to a square of this side, as in the W-Net "
            "paper; a diameter then says nothing. 0: it looks at the image as it is.",
        },
    ] = 0


@dataclass(frozen=True, kw_only=True)
class TileParams(Params):
    """How a large image is cut up for the network."""

    size: Annotated[
        int,
        {
            "min": 64,
            "max": 16384,
            "step": 64,
            "flag": "tile-size",
            "label": "tile size (px)",
            "tooltip": "Side of the square the network computes at once; smaller needs less memory. "
            "Results do not depend on it.",
        },
    ] = 1024
    overlap: Annotated[
        int,
        {
            "min": -1,
            "max": 1024,
            "flag": "tile-overlap",
            "label": "overlap (px)",
            "tooltip": "Margin read around each tile. -1: as much as the network can see, so that seams cannot show.",
        },
    ] = -1


@dataclass(frozen=True, kw_only=True)
class EditParams(Params):
    """How an object grows from a click."""

    angle: Annotated[
        float,
        {
            "min": 1.0,
            "max": 90.0,
            "step": 1.0,
            "label": "angle of a new object (degrees)",
            "tooltip": "A pixel belongs to a new object when its embedding lies within this angle of what was clicked.",
        },
    ] = 60.0
    foreground_threshold: Annotated[
        float,
        {
            "min": 0.0,
            "max": 1.0,
            "step": 0.01,
            "label": "foreground threshold",
            "tooltip": "Probability above which a pixel can belong to a new object. Where the click itself has less, "
            "half of that counts.",
        },
    ] = 0.5


@dataclass(frozen=True, kw_only=True)
class SegmentParams(Params):
    """Everything that decides what :func:`napari_wnet.segment` returns for a given image and model."""

    normalize: NormalizeParams = field(default_factory=NormalizeParams)
    tiles: TileParams = field(default_factory=TileParams)
    clustering: ClusteringParams = field(default_factory=ClusteringParams)

    def with_diameter(self, diameter: float, known: float) -> Self:
        """Return the parameters for objects of another size: the smallest area that counts as one goes with it.

        Parameters
        ----------
        diameter : float
            In pixels of the image; 0: as trained.
        known : float
            That the model knows, see :class:`napari_wnet.network.header.ModelHeader`; 0: nothing is known of it.

        Raises
        ------
        ParamsError
            If the diameter is out of its range.
        """
        resized = self.replace(normalize__diameter=diameter)
        before, after = self.normalize.diameter or known, resized.normalize.diameter or known
        if min(before, after) <= 0:
            return resized
        limit = next(info for info in ClusteringParams.fields() if info.name == "min_area").options["max"]
        area = round(self.clustering.min_area * (after / before) ** 2)
        return resized.replace(clustering__min_area=min(area, limit))


@dataclass(frozen=True, kw_only=True)
class WNetConfig(Params):
    """The shape of a network, fixed with its weights.

    ``paper()`` is the published network (method authors' code, 15,541,193 parameters for RGB and 8 dimensions);
    the defaults are this project's choice, measured in ``docs/training-notes.md``.
    """

    in_channels: Annotated[int, {"min": 1, "max": 64, "tooltip": "Channels of the image."}] = 1
    embedding_dim: Annotated[int, {"min": 2, "max": 64, "tooltip": "Dimensions of the embedding."}] = 8
    widths: Annotated[tuple[int, ...], {"min": 4, "max": 2048, "tooltip": "Channels of each level."}] = (24, 48, 96)
    stem: Annotated[int, {"min": 1, "max": 4, "tooltip": "Side in pixels of what the first level sees as one."}] = 2
    norm: Annotated[Literal["none", "batch", "channel"], {"tooltip": "How activations are normalised."}] = "batch"
    upsample: Annotated[Literal["conv2x2", "conv1x1"], {"tooltip": "Convolution after enlarging."}] = "conv1x1"
    decoder_convs: Annotated[int, {"min": 1, "max": 4, "tooltip": "Convolutions of each level on the way up."}] = 1
    concat: Annotated[
        Literal["dfeat", "efeat", "dfeat+efeat", "distmap", "coordinates", "none"],
        {
            "tooltip": "What the second U-Net reads beside the image. dfeat: features of the distance regression. "
            "efeat: features of an embedding of its own. dfeat+efeat: half of each. distmap: the distance map. none: "
            "there is no second one, the first has all heads; coordinates: the same, each pixel's place as input.",
        },
    ] = "dfeat"
    concat_channels: Annotated[int, {"min": 1, "max": 256, "tooltip": "How many features the second reads."}] = 32
    normalize_features: Annotated[bool, {"tooltip": "Those features have unit length at each pixel."}] = True
    detach_features: Annotated[bool, {"tooltip": "The second does not teach the first."}] = False
    foreground_head: Annotated[bool, {"tooltip": "The network says what is foreground."}] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= len(self.widths) <= 6:
            raise ParamsError(f"WNetConfig.widths needs 2 to 6 levels, not {len(self.widths)}.")

    @classmethod
    def paper(cls, in_channels: int = 3, embedding_dim: int = 8) -> Self:
        """Return the network of Wu, Chen, Merhof 2020 as its authors' code builds it."""
        return cls(
            in_channels=in_channels,
            embedding_dim=embedding_dim,
            widths=(32, 64, 128, 256, 512),
            stem=1,
            norm="none",
            upsample="conv2x2",
            decoder_convs=2,
            concat_channels=32,
            foreground_head=False,
        )

    @property
    def cascaded(self) -> bool:
        """Whether there are two U-Nets, and not one with all heads."""
        return self.concat not in ("none", "coordinates")

    @property
    def pooling_factor(self) -> int:
        """Pixels per cell of the coarsest grid; crops and tiles align with multiples of it."""
        return int(self.stem * 2 ** (len(self.widths) - 1))
