"""Losses of the W-Net, written as sums over segments: no loop over objects or pixels.

Source: Wu, Chen, Merhof 2020, section 2.2 and equation 1; reductions as in the method authors' published code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_wnet.network.wnet import DISTANCE_SCALE, WNetOutput
from napari_wnet.train_params import LossParams

EPS = 1e-12
MASK_COSINE = 0.5**0.5
"""Cosine of the 45 degrees within which a pixel belongs to an object."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What a batch should come out as.

    Attributes
    ----------
    labels : (B, Y, X) int64 tensor
        Objects numbered 1..K within each image, 0 background.
    distance : (B, 1, Y, X) float32 tensor
        0..1 per object.
    pairs : (N, 3) int64 tensor
        Ordered neighbours: image in the batch, object, neighbour.
    known : (B, Y, X) bool tensor or None
        Where labels and distance are true; None: everywhere.
    ring : (B, Y, X) int64 tensor or None
        Beside objects ticked as done, the number of the one that a pixel does not belong to; 0 elsewhere.
    """

    labels: Tensor
    distance: Tensor
    pairs: Tensor
    known: Tensor | None = None
    ring: Tensor | None = None

    @property
    def unknown(self) -> Tensor | None:
        """Where nothing at all is said; None where all is known."""
        if self.known is None:
            return None
        return ~self.known if self.ring is None else ~(self.known | (self.ring > 0))

    def to(self, device: torch.device) -> Targets:
        """Return the same targets on another device."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return Targets(
            labels=moved(self.labels),
            distance=moved(self.distance),
            pairs=moved(self.pairs),
            known=None if self.known is None else moved(self.known),
            ring=None if self.ring is None else moved(self.ring),
        )


def distance_loss(predicted: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the mean squared error on ten times the distance map.

    Parameters
    ----------
    predicted : (B, 1, Y, X) tensor
        The network's distance output, ten times the map.
    target : (B, 1, Y, X) tensor
        Distance map, 0..1.
    known : (B, Y, X) bool tensor, optional
        The mean is over these pixels; 0 without any.
    """
    if known is None:
        return F.mse_loss(predicted.float(), DISTANCE_SCALE * target)
    return _mean_where((predicted.float() - DISTANCE_SCALE * target).square().squeeze(1), known)


def foreground_loss(logits: Tensor, labels: Tensor, known: Tensor | None = None) -> Tensor:
    """Return binary cross-entropy plus the complement of soft Dice.

    Parameters
    ----------
    logits : (B, 1, Y, X) tensor
    labels : (B, Y, X) integer tensor
    known : (B, Y, X) bool tensor, optional
        Both parts are over these pixels only.
    """
    target = (labels > 0).float()
    logits = logits.float().squeeze(1)
    if known is not None:
        logits, target = logits[known], target[known]
        if not target.numel():
            return logits.sum()
    probability = logits.sigmoid()
    overlap = 2 * (probability * target).sum() + 1
    dice = overlap / (probability.sum() + target.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, target) + 1 - dice


def steady_loss(output: WNetOutput, teacher: WNetOutput, where: Tensor) -> Tensor:
    """Return how far distance and foreground are from another network's, where nothing is known.

    Parameters
    ----------
    output, teacher : WNetOutput
        The gradient goes into the first only.
    where : (B, Y, X) bool tensor

    Returns
    -------
    scalar tensor
        Mean squared error of the distance (ten times the map), plus cross-entropy above the least that the teacher's
        own probabilities allow, so that it is 0 when both agree.
    """
    gap = (output.distance.float() - teacher.distance.float().detach()).square().squeeze(1)
    loss = _mean_where(gap, where)
    if output.foreground is None or teacher.foreground is None:
        return loss
    logits, wanted = output.foreground.float().squeeze(1), teacher.foreground.float().squeeze(1).detach()
    probability = wanted.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, probability, reduction="none")
    least = F.binary_cross_entropy_with_logits(wanted, probability, reduction="none")
    return loss + _mean_where(entropy - least, where)


def _mean_where(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum() / where.sum().clamp(min=1)


def embedding_loss(
    embedding: Tensor, labels: Tensor, pairs: Tensor, params: LossParams, known: Tensor | None = None
) -> Tensor:
    """Pull pixels to their object's mean direction and make the means of neighbours orthogonal.

    Parameters
    ----------
    embedding : (B, E, Y, X) tensor
        Unit vectors.
    labels : (B, Y, X) int64 tensor
        Objects 1..K per image; 0 is background, an object adjacent to all where ``params.background``.
    pairs : (N, 3) int64 tensor
        Ordered neighbours (image, object, neighbour); every pair in both directions.
    params : LossParams
    known : (B, Y, X) bool tensor, optional
        Pixels to look at; an object, background included, without any is left out. By default all.

    Returns
    -------
    scalar tensor
        ``inter_weight * inter + intra_weight * intra``, equation 1 of the paper; each term is the mean over the batch's
        images. An object without neighbours counts with 0 in the object-wise inter term.

    Notes
    -----
    An object's mean cosine to its own mean direction is the length of its mean vector, so one sum per object is all
    that the pixels are read for: ``mean_i e_i . m/|m| = m . m/|m| = |m|``.
    """
    images = labels.shape[0]
    segments, count = _segments(labels)
    flat = _flat(embedding)
    if known is not None:
        seen = known.reshape(-1)
        flat, segments = flat[seen], segments[seen]
    area = torch.bincount(segments, minlength=images * count).float()
    total = segment_sum(flat, segments, images * count)
    mean = total / area.clamp(min=1).unsqueeze(1)
    length = (mean.square().sum(1) + EPS).sqrt()
    direction = mean / length.unsqueeze(1)
    present = area > 0
    if not params.background:
        present = present & (torch.arange(images * count, device=labels.device) % count > 0)
    if known is not None:
        pairs = _with_both(pairs, count, area)
    intra = _intra(length, area, present, (images, params.reduction))
    inter = _inter(direction, present, _segment_pairs(pairs, count, present, images), (images, params))
    return params.inter_weight * inter + params.intra_weight * intra


def ring_loss(embedding: Tensor, labels: Tensor, ring: Tensor, params: LossParams) -> Tensor:
    """Push pixels beside an object that is done from its mean direction, to wherever else they belong.

    Parameters
    ----------
    embedding, labels, params
        As for :func:`embedding_loss`.
    ring : (B, Y, X) int64 tensor
        Number of the object that a pixel lies beside, 0 elsewhere.

    Returns
    -------
    scalar tensor
        Mean over these pixels of the cosine, penalised as ``params.inter`` says; 0 without any.
    """
    images = labels.shape[0]
    segments, count = _segments(labels)
    first = count * torch.arange(images, device=labels.device).view(-1, 1, 1)
    beside = (ring + first).reshape(-1)
    pixels = torch.nonzero(ring.reshape(-1)).squeeze(1)
    if not len(pixels):
        return embedding.sum() * 0
    flat = _flat(embedding)
    direction = F.normalize(segment_sum(flat, segments, images * count), dim=1, eps=EPS)
    cosine = (flat[pixels] * direction[beside[pixels]]).sum(1)
    if params.inter != "raw":
        cosine = cosine.abs() if params.inter == "abs" else cosine.square()
    return cosine.mean()


def ring_background_loss(output: WNetOutput, ring: Tensor, params: LossParams) -> Tensor:
    """Return the cost of distance and foreground above 0 beside objects that are done, both weighed as elsewhere.

    Most of what lies beside an object is background, and of a neighbour it is the edge, where its distance is next to
    0. Where it is foreground all the same, the neighbour looks like the objects that are done, and they outvote it.
    Without this, nothing would tell a network that saw ticked objects only what background is.
    """
    loss = params.distance_weight * _mean_where(output.distance.float().square().squeeze(1), ring)
    if output.foreground is None:
        return loss
    return loss + params.foreground_weight * _mean_where(F.softplus(output.foreground.float().squeeze(1)), ring)


def mask_loss(
    embedding: Tensor, labels: Tensor, pairs: Tensor, params: LossParams, known: Tensor | None = None
) -> Tensor:
    """Return one minus the soft Dice of what each object's mean direction claims: the rule that clusters, trained.

    A pixel is claimed by ``sigmoid((cos - cos 45 degrees) / T)`` of its cosine to the mean. Only foreground counts, as
    the foreground is cut out before clustering, and only the object's own pixels and its neighbours', as a claim is
    connected to its seed.

    Parameters
    ----------
    embedding, labels, pairs, params, known
        As for :func:`embedding_loss`.

    Returns
    -------
    scalar tensor
        Mean over the batch's objects; 0 without any.
    """
    images = labels.shape[0]
    segments, count = _segments(labels)
    pixels = torch.nonzero((labels if known is None else labels * known).reshape(-1)).squeeze(1)
    if not len(pixels):
        return embedding.sum() * 0
    pixels = pixels[segments[pixels].argsort(stable=True)]
    flat = _flat(embedding)[pixels]
    own = segments[pixels]
    area = torch.bincount(own, minlength=images * count)
    direction = F.normalize(segment_sum(flat, own, images * count), dim=1, eps=EPS)
    rivals = pairs[:, :1] * count + pairs[:, 1:]
    # One row for each pixel and each object that could claim it: its own, and its own's neighbours.
    lengths = area[rivals[:, 0]]
    begins = (area.cumsum(0) - area)[rivals[:, 0]]
    row = torch.arange(int(lengths.sum()), device=labels.device)
    row = row - (lengths.cumsum(0) - lengths - begins).repeat_interleave(lengths)
    claimant = rivals[:, 1].repeat_interleave(lengths)
    cosine = torch.cat([(flat * direction[own]).sum(1), (flat[row] * direction[claimant]).sum(1)])
    claim = ((cosine - MASK_COSINE) / params.mask_temperature).sigmoid().unsqueeze(1)
    inside = segment_sum(claim[: len(own)], own, images * count).squeeze(1)
    outside = segment_sum(claim[len(own) :], claimant, images * count).squeeze(1)
    present = area > 0
    return (1 - 2 * inside / (inside + outside + area).clamp(min=1))[present].mean()


def _flat(embedding: Tensor) -> Tensor:
    """Return (B, E, Y, X) as one row a pixel."""
    return embedding.float().permute(0, 2, 3, 1).reshape(-1, embedding.shape[1])


def _with_both(pairs: Tensor, count: int, area: Tensor) -> Tensor:
    """Return the pairs of neighbours both of which are there."""
    own, other = (pairs[:, 0] * count + pairs[:, place] for place in (1, 2))
    return pairs[(area[own] > 0) & (area[other] > 0)]


def _segments(labels: Tensor) -> tuple[Tensor, int]:
    """Return a number of its own for each label of each image, flat, and how many numbers an image has."""
    count = int(labels.max()) + 1
    first = count * torch.arange(labels.shape[0], device=labels.device).view(-1, 1, 1)
    return (labels + first).reshape(-1), count


def segment_sum(values: Tensor, segments: Tensor, count: int) -> Tensor:
    """Sum the rows of `values` (N, E) that share a segment number: (count, E)."""
    return torch.zeros(count, values.shape[1], dtype=values.dtype, device=values.device).index_add(0, segments, values)


def _intra(length: Tensor, area: Tensor, present: Tensor, how: tuple[int, str]) -> Tensor:
    images, reduction = how
    weight = present.float() if reduction == "object" else area * present
    weight = weight.view(images, -1)
    error = (1 - length).view(images, -1)
    return ((weight * error).sum(1) / weight.sum(1).clamp(min=1)).mean()


def _segment_pairs(pairs: Tensor, count: int, present: Tensor, images: int) -> Tensor:
    """Return neighbours as (N, 2) segment numbers, with background next to every object where it is one."""
    own = pairs[:, :1] * count + pairs[:, 1:]
    grounds = torch.arange(images, device=pairs.device) * count
    objects = torch.nonzero(present & (torch.arange(len(present), device=pairs.device) % count > 0)).squeeze(1)
    ground = grounds[objects // count]
    with_ground = present[ground]
    objects, ground = objects[with_ground], ground[with_ground]
    return torch.cat([own, torch.stack([objects, ground], 1), torch.stack([ground, objects], 1)])


def _inter(direction: Tensor, present: Tensor, pairs: Tensor, how: tuple[int, LossParams]) -> Tensor:
    images, params = how
    count = len(present) // images
    cosine = (direction[pairs[:, 0]] * direction[pairs[:, 1]]).sum(1)
    if params.inter != "raw":
        cosine = cosine.abs() if params.inter == "abs" else cosine.square()
    zeros = torch.zeros(len(present), device=direction.device)
    per_object = zeros.index_add(0, pairs[:, 0], cosine)
    degree = zeros.index_add(0, pairs[:, 0], torch.ones_like(cosine))
    if params.reduction == "pixel":
        image_total, image_pairs = per_object.view(images, count).sum(1), degree.view(images, count).sum(1)
        return (image_total / image_pairs.clamp(min=1)).mean()
    per_object = (per_object / degree.clamp(min=1)).view(images, count)
    return (per_object.sum(1) / present.view(images, count).sum(1).clamp(min=1)).mean()


def total_loss(
    output: WNetOutput, targets: Targets, params: LossParams, teacher: WNetOutput | None = None
) -> dict[str, Tensor]:
    """Return each loss and their weighted sum as ``total``.

    Parameters
    ----------
    output : WNetOutput
    targets : Targets
    params : LossParams
        Weights and variants.
    teacher : WNetOutput, optional
        What another network makes of the same batch: it steadies this one where nothing is known.
    """
    labels, pairs, known = targets.labels, targets.pairs, targets.known
    losses = {
        "distance": distance_loss(output.distance, targets.distance, known),
        "embedding": embedding_loss(output.embedding, labels, pairs, params, known),
    }
    total = params.distance_weight * losses["distance"] + params.embedding_weight * losses["embedding"]
    if output.first_embedding is not None:  # what shapes the first U-Net's features has the same weight there
        losses["first_embedding"] = embedding_loss(output.first_embedding, labels, pairs, params, known)
        total = total + params.embedding_weight * losses["first_embedding"]
    if params.mask_weight > 0:
        losses["mask"] = mask_loss(output.embedding, labels, pairs, params, known)
        total = total + params.mask_weight * losses["mask"]
    if output.foreground is not None:
        losses["foreground"] = foreground_loss(output.foreground, labels, known)
        total = total + params.foreground_weight * losses["foreground"]
    if known is not None:
        partial = partial_losses(output, targets, params, teacher)
        losses |= partial
        total = total + sum(partial_weight(name, params) * value for name, value in partial.items())
    return {**losses, "total": total}


def partial_losses(
    output: WNetOutput, targets: Targets, params: LossParams, teacher: WNetOutput | None
) -> dict[str, Tensor]:
    """Return the losses outside of what is known: beside objects that are done, and where nothing is said."""
    losses = {}
    if targets.ring is not None:
        losses["ring"] = ring_loss(output.embedding, targets.labels, targets.ring, params)
        if params.ring_background > 0:
            losses["ring_background"] = ring_background_loss(output, targets.ring > 0, params)
    if teacher is not None and targets.unknown is not None:
        losses["steady"] = steady_loss(output, teacher, targets.unknown)
    return losses


def partial_weight(name: str, params: LossParams) -> float:
    """Return the weight of one of the partial losses in the total."""
    weights = {
        "ring": params.embedding_weight * params.inter_weight,
        "ring_background": params.ring_background,
        "steady": params.steady_weight,
    }
    return weights[name]
