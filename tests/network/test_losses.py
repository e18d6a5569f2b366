"""Losses against the method authors' values and against their definition, written out object by object."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conftest import DATA
from napari_wnet.core.targets import distance_map, neighbours
from napari_wnet.network.losses import (
    Targets,
    distance_loss,
    embedding_loss,
    foreground_loss,
    mask_loss,
    ring_loss,
    steady_loss,
    total_loss,
)
from napari_wnet.network.wnet import WNetOutput
from napari_wnet.train_params import LossParams
from scenes import loss_scene

REFERENCE = json.loads((DATA / "loss_and_distmap_authors.json").read_text())


def with_image(pairs: np.ndarray, image: int = 0) -> torch.Tensor:
    pairs = torch.from_numpy(pairs)
    return torch.cat([torch.full((len(pairs), 1), image), pairs], dim=1)


def scene(radius: float = 4, name: str = "random") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    labels, embeddings = loss_scene()
    embedding = F.normalize(torch.from_numpy(embeddings[name]).permute(2, 0, 1)[None], dim=1)
    return embedding, torch.from_numpy(labels)[None].long(), with_image(neighbours(labels, radius))


def by_definition(
    embedding: torch.Tensor, labels: torch.Tensor, pairs: torch.Tensor, params: LossParams
) -> torch.Tensor:
    """Return equation 1 for a single image, in loops over objects."""
    objects = [int(label) for label in labels.unique() if label > 0 or params.background]
    pixels = {label: embedding[0][:, labels[0] == label].T for label in objects}
    means = {label: F.normalize(pixels[label].mean(dim=0), dim=0) for label in objects}
    near: dict[int, set[int]] = {label: set() for label in objects}
    for _, one, other in pairs.tolist():
        near[one].add(other)
    if params.background and 0 in near:
        for label in objects:
            if label > 0:
                near[label].add(0)
                near[0].add(label)
    penalty = {"abs": torch.abs, "square": torch.square, "raw": lambda cosine: cosine}[params.inter]
    pulls = {label: 1 - pixels[label] @ means[label] for label in objects}
    pushes = {label: [penalty(means[label] @ means[other]) for other in near[label]] for label in objects}
    if params.reduction == "object":
        intra = torch.stack([pull.mean() for pull in pulls.values()]).mean()
        zero = torch.zeros((), dtype=embedding.dtype)
        inter = torch.stack([torch.stack(push).mean() if push else zero for push in pushes.values()]).mean()
    else:
        intra = torch.cat(list(pulls.values())).mean()
        every = [cosine for push in pushes.values() for cosine in push]
        inter = torch.stack(every).mean() if every else torch.zeros((), dtype=embedding.dtype)
    return params.intra_weight * intra + params.inter_weight * inter


@pytest.mark.parametrize("key", sorted(REFERENCE["loss"]))
def test_the_embedding_loss_is_the_authors(key):
    name, radius, background = key.split("_")
    embedding, labels, pairs = scene(float(radius[1:]), name)
    params = LossParams(reduction="pixel", inter="abs", background=background == "bg1")
    loss = embedding_loss(embedding, labels, pairs, params)
    assert loss.item() == pytest.approx(REFERENCE["loss"][key], abs=1e-6)


def test_the_distance_loss_is_the_authors():
    labels, _ = loss_scene()
    target = torch.from_numpy(distance_map(labels, "ring"))[None, None]
    loss = distance_loss(8 * target + 0.5, target)
    assert loss.item() == pytest.approx(REFERENCE["dist_loss_plain(W-Net)"], abs=1e-6)


@pytest.mark.parametrize("reduction", ["object", "pixel"])
@pytest.mark.parametrize("inter", ["abs", "square", "raw"])
@pytest.mark.parametrize("background", [True, False])
def test_value_and_gradient_are_those_of_the_definition(reduction, inter, background):
    params = LossParams(reduction=reduction, inter=inter, background=background, inter_weight=2.5)
    embedding, labels, pairs = scene(8)
    ours, theirs = (embedding.clone().requires_grad_() for _ in range(2))
    loss, wanted = embedding_loss(ours, labels, pairs, params), by_definition(theirs, labels, pairs, params)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    loss.backward()
    wanted.backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-6)
    assert theirs.grad.abs().max() > 1e-4


@st.composite
def batches(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Any embedding, labels and neighbours: objects alone or side by side, numbers left out, no object or no ground."""
    images = draw(st.integers(1, 3))
    labels = draw(arrays(np.int64, (images, 3, 4), elements=st.integers(0, 4)))
    embedding = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=(images, 3, 3, 4))
    distance = draw(st.sampled_from([1.0, 2.0, 9.0]))
    pairs = torch.cat([with_image(neighbours(image, distance), number) for number, image in enumerate(labels)])
    return F.normalize(torch.from_numpy(embedding).float(), dim=1), torch.from_numpy(labels), pairs


@settings(derandomize=True, max_examples=60)
@given(
    batch=batches(),
    params=st.builds(
        LossParams,
        reduction=st.sampled_from(["object", "pixel"]),
        inter=st.sampled_from(["abs", "square", "raw"]),
        background=st.booleans(),
        inter_weight=st.sampled_from([0.0, 1.0, 3.0]),
        intra_weight=st.sampled_from([0.0, 1.0, 2.0]),
    ),
)
def test_any_batch_costs_the_mean_of_what_its_images_cost_by_definition(batch, params):
    embedding, labels, pairs = batch
    ours, theirs = (embedding.clone().requires_grad_() for _ in range(2))
    loss = embedding_loss(ours, labels, pairs, params)
    costs = [
        by_definition(theirs[i : i + 1], labels[i : i + 1], pairs[pairs[:, 0] == i], params)
        for i in range(len(labels))
        if params.background or labels[i].any()  # an image without objects costs nothing
    ]
    wanted = sum(costs, 0 * theirs.sum()) / len(labels)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    loss.backward()
    wanted.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("reduction", ["object", "pixel"])
def test_one_object_alone_is_only_pulled_together(reduction):
    embedding, labels, _ = scene()
    alone, nobody = (labels == 2).long(), torch.zeros(0, 3, dtype=torch.long)
    vectors = embedding[0][:, labels[0] == 2]
    spread = 1 - vectors.mean(dim=1).norm()
    params = LossParams(background=False, reduction=reduction, inter_weight=50.0)
    assert embedding_loss(embedding, alone, nobody, params).item() == pytest.approx(spread.item(), abs=1e-6)


def test_an_object_without_neighbours_counts_in_the_mean():
    """Equation 1 divides by all objects, not only by those that have neighbours."""
    labels = torch.tensor([[[1, 1, 2, 2, 0, 3, 3]]])
    embedding = torch.zeros(1, 3, 1, 7)
    embedding[:, 0] = 1  # all alike: cosine 1 between the pair, nothing for the third
    params = LossParams(background=False)
    pairs = torch.tensor([[0, 1, 2], [0, 2, 1]])
    assert embedding_loss(embedding, labels, pairs, params).item() == pytest.approx(2 / 3, abs=1e-6)
    by_pixel = embedding_loss(embedding, labels, pairs, params.replace(reduction="pixel"))
    assert by_pixel.item() == pytest.approx(1, abs=1e-6)


def test_a_batch_is_the_mean_of_its_images():
    first, labels, pairs = scene(8)
    second, other = torch.flip(scene(8, "structured")[0], [3]), torch.flip(labels, [2])
    joined = torch.cat([pairs, with_image(neighbours(other[0].numpy(), 8), 1)])
    for reduction in ("object", "pixel"):
        params = LossParams(reduction=reduction)
        together = embedding_loss(torch.cat([first, second]), torch.cat([labels, other]), joined, params)
        apart = [
            embedding_loss(image, label, with_image(neighbours(label[0].numpy(), 8)), params)
            for image, label in ((first, labels), (second, other))
        ]
        assert together.item() == pytest.approx(sum(apart).item() / 2, abs=1e-6)


def test_numbers_of_objects_do_not_matter():
    embedding, labels, _ = scene()
    renumbered = torch.tensor([0, 9, 4, 2, 7, 30])[labels]
    losses = [
        embedding_loss(embedding, one, with_image(neighbours(one[0].numpy(), 4)), LossParams()).item()
        for one in (labels, renumbered)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_perfect_embeddings_cost_nothing():
    _, labels, pairs = scene(8)
    embedding = F.one_hot(labels, 8).permute(0, 3, 1, 2).float()
    assert embedding_loss(embedding, labels, pairs, LossParams()).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("background", [True, False])
def test_no_objects_is_finite(background):
    embedding = scene()[0].requires_grad_()
    nothing = torch.zeros(1, 32, 40, dtype=torch.long)
    loss = embedding_loss(embedding, nothing, torch.zeros(0, 3, dtype=torch.long), LossParams(background=background))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embedding.grad).all()
    assert background == bool(embedding.grad.any())


def test_a_zero_mean_is_finite():
    embedding = torch.zeros(1, 8, 4, 4)
    embedding[:, 0, :, :2], embedding[:, 0, :, 2:] = 1, -1
    embedding.requires_grad_()
    loss = embedding_loss(
        embedding, torch.ones(1, 4, 4, dtype=torch.long), torch.zeros(0, 3, dtype=torch.long), LossParams()
    )
    loss.backward()
    assert torch.isfinite(embedding.grad).all()


def test_the_foreground_loss_falls_as_the_foreground_becomes_right():
    labels = scene()[1]
    right = torch.where(labels > 0, 8.0, -8.0)[:, None]
    losses = [foreground_loss(scale * right, labels).item() for scale in (-1, 0, 0.2, 1)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.01


def test_the_foreground_loss_is_cross_entropy_and_dice():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 1, 5, 6), torch.randint(0, 3, (2, 5, 6))
    probability, truth = 1 / (1 + torch.exp(-logits[:, 0].double())), (labels > 0).double()
    entropy = -(truth * probability.log() + (1 - truth) * (1 - probability).log()).mean()
    dice = (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)
    assert foreground_loss(logits, labels).item() == pytest.approx((entropy + 1 - dice).item(), abs=1e-5)


def test_the_distance_loss_counts_ten_times_the_map():
    target = torch.rand(2, 1, 4, 5)
    assert distance_loss(10 * target, target).item() == 0
    assert distance_loss(10 * target + 3, target).item() == pytest.approx(9, rel=1e-5)
    halves = (10 * target + 1).half()
    assert distance_loss(halves, target).dtype == torch.float32


def test_the_total_weighs_its_parts():
    embedding, labels, pairs = scene()
    output = WNetOutput(torch.rand(1, 1, 32, 40) * 10, embedding, torch.randn(1, 1, 32, 40))
    targets = Targets(labels=labels, distance=torch.rand(1, 1, 32, 40), pairs=pairs)
    params = LossParams(distance_weight=2, embedding_weight=3, foreground_weight=0.5)
    losses = total_loss(output, targets, params)
    wanted = 2 * losses["distance"] + 3 * losses["embedding"] + 0.5 * losses["foreground"]
    assert losses["total"].item() == pytest.approx(wanted.item(), rel=1e-6)
    assert "foreground" not in total_loss(output._replace(foreground=None), targets, params)


def test_an_embedding_of_the_first_network_costs_what_the_last_one_costs():
    embedding, labels, pairs = scene()
    output = WNetOutput(torch.rand(1, 1, 32, 40) * 10, embedding, None)
    targets = Targets(labels=labels, distance=torch.rand(1, 1, 32, 40), pairs=pairs)
    params = LossParams(embedding_weight=3)
    without = total_loss(output, targets, params)
    both = total_loss(output._replace(first_embedding=embedding), targets, params)
    assert both["first_embedding"].item() == without["embedding"].item()
    assert both["total"].item() == pytest.approx(without["total"].item() + 3 * without["embedding"].item(), rel=1e-6)


def mask_loss_by_definition(
    embedding: torch.Tensor, labels: torch.Tensor, pairs: torch.Tensor, params: LossParams
) -> torch.Tensor:
    """Return one minus soft Dice, object by object."""
    lost = []
    for image, plane in enumerate(labels):
        for label in plane.unique()[plane.unique() > 0].tolist():
            pixels = embedding[image][:, plane == label].T
            mean = F.normalize(pixels.sum(dim=0), dim=0, eps=1e-12)
            near = [other for where, one, other in pairs.tolist() if (where, one) == (image, label)]
            rivals = embedding[image][:, torch.isin(plane, torch.tensor(near, dtype=torch.int64))].T
            inside, outside = (
                ((group @ mean - np.cos(np.pi / 4)) / params.mask_temperature).sigmoid().sum()
                for group in (pixels, rivals)
            )
            lost.append(1 - 2 * inside / (inside + outside + len(pixels)))
    return torch.stack(lost).mean() if lost else torch.zeros(())


@settings(derandomize=True, max_examples=60)
@given(batch=batches(), temperature=st.sampled_from([0.1, 1.0]))
def test_the_mask_loss_and_its_gradient_are_those_of_the_definition(batch, temperature):
    embedding, labels, pairs = batch
    ours, theirs = (embedding.clone().requires_grad_() for _ in range(2))
    params = LossParams(mask_temperature=temperature)
    loss, wanted = mask_loss(ours, labels, pairs, params), mask_loss_by_definition(theirs, labels, pairs, params)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)
    loss.backward()
    if wanted.requires_grad:
        wanted.backward()
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-4)


def test_the_mask_loss_vanishes_where_neighbours_are_orthogonal_and_counts_where_they_are_alike():
    labels = torch.tensor([[[1, 1, 0, 2, 2, 0]]])
    pairs = torch.tensor([[0, 1, 2], [0, 2, 1]])
    apart, alike = torch.zeros(1, 2, 1, 6), torch.zeros(1, 2, 1, 6)
    apart[0, 0, 0, :3] = 1
    apart[0, 1, 0, 3:] = 1
    alike[0, 0] = 1
    assert mask_loss(apart, labels, pairs, LossParams()).item() == pytest.approx(0, abs=0.06)
    assert mask_loss(alike, labels, pairs, LossParams()).item() > 0.3


def test_the_mask_loss_counts_only_where_it_has_a_weight():
    embedding, labels, pairs = scene()
    output = WNetOutput(torch.zeros(1, 1, *labels.shape[1:]), embedding, None)
    targets = Targets(labels=labels, distance=torch.zeros(1, 1, *labels.shape[1:]), pairs=pairs)
    without = total_loss(output, targets, LossParams())
    within = total_loss(output, targets, LossParams(mask_weight=2.0))
    assert "mask" not in without
    assert within["total"].item() == pytest.approx(without["total"].item() + 2 * within["mask"].item(), abs=1e-5)


# Labels that are true in a part


def partial_scene(seed: int = 0) -> tuple[WNetOutput, Targets]:
    """Two images with outputs at random; in the second all is known."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.from_numpy(loss_scene()[0])[None].long().repeat(2, 1, 1)
    pairs = torch.cat([with_image(neighbours(labels[0].numpy(), 8), image) for image in range(2)])
    output = WNetOutput(
        torch.rand(2, 1, 32, 40, generator=generator) * 10,
        F.normalize(torch.randn(2, 8, 32, 40, generator=generator), dim=1),
        torch.randn(2, 1, 32, 40, generator=generator),
    )
    distance = torch.from_numpy(distance_map(labels[0].numpy()))[None, None].repeat(2, 1, 1, 1)
    return output, Targets(labels=labels, distance=distance, pairs=pairs)


def everything_known(targets: Targets) -> Targets:
    return replace(targets, known=torch.ones_like(targets.labels, dtype=torch.bool))


def test_knowing_everything_explicitly_costs_the_same():
    output, targets = partial_scene()
    params = LossParams(mask_weight=1.0)
    without, within = (total_loss(output, one, params) for one in (targets, everything_known(targets)))
    assert without.keys() == within.keys()
    for name, value in without.items():
        assert within[name].item() == pytest.approx(value.item(), abs=1e-5)


def test_without_partial_labels_each_loss_is_what_it_was_to_the_bit():
    """The plain formulas, written out as they stood before anything could be unknown."""
    output, targets = partial_scene()
    target = (targets.labels > 0).float()
    logits = output.foreground.squeeze(1)
    probability = logits.sigmoid()
    dice = (2 * (probability * target).sum() + 1) / (probability.sum() + target.sum() + 1)
    losses = total_loss(output, targets, LossParams(steady_weight=5.0, ring_background=5.0), output)
    assert set(losses) == {"distance", "embedding", "foreground", "total"}
    assert torch.equal(losses["distance"], F.mse_loss(output.distance, 10 * targets.distance))
    assert torch.equal(losses["foreground"], F.binary_cross_entropy_with_logits(logits, target) + 1 - dice)
    assert torch.equal(losses["total"], losses["distance"] + losses["embedding"] + losses["foreground"])


@pytest.mark.parametrize("params", [LossParams(mask_weight=1.0), LossParams(reduction="pixel", background=False)])
def test_what_is_unknown_has_no_say_and_feels_no_pull(params):
    output, targets = partial_scene()
    known = torch.zeros_like(targets.labels, dtype=torch.bool)
    known[:, :18] = True
    leaves = [value.clone().requires_grad_() for value in output[:3]]
    total_loss(WNetOutput(*leaves), replace(targets, known=known), params)["total"].backward()
    for leaf in leaves:
        reached = leaf.grad.abs().sum(1) > 0
        assert not (reached & ~known).any()
        assert (reached & known).any()
    changed = [torch.where(known.unsqueeze(1), value, value.flip(0)) for value in output[:3]]
    costs = [total_loss(WNetOutput(*values), replace(targets, known=known), params) for values in (output, changed)]
    assert costs[0]["total"].item() == pytest.approx(costs[1]["total"].item(), rel=1e-6)
    elsewhere = replace(targets, known=known, labels=torch.where(known, targets.labels, 0))
    assert total_loss(output, elsewhere, params)["total"].item() == pytest.approx(costs[0]["total"].item(), rel=1e-6)


def test_a_part_costs_what_it_would_by_itself():
    output, targets = partial_scene()
    known = torch.zeros_like(targets.labels, dtype=torch.bool)
    known[0] = True
    alone = Targets(
        labels=targets.labels[:1], distance=targets.distance[:1], pairs=targets.pairs[targets.pairs[:, 0] == 0]
    )
    of_two = total_loss(output, replace(targets, known=known), LossParams(mask_weight=1.0))
    of_one = total_loss(WNetOutput(*(value[:1] for value in output[:3])), alone, LossParams(mask_weight=1.0))
    for name in ("distance", "foreground", "mask"):
        assert of_two[name].item() == pytest.approx(of_one[name].item(), abs=1e-5)
    assert 2 * of_two["embedding"].item() == pytest.approx(of_one["embedding"].item(), abs=1e-5)  # a mean of two images


def test_nothing_known_is_finite_and_teaches_nothing():
    output, targets = partial_scene()
    leaves = [value.clone().requires_grad_() for value in output[:3]]
    nothing = replace(targets, known=torch.zeros_like(targets.labels, dtype=torch.bool), ring=targets.labels * 0)
    loss = total_loss(WNetOutput(*leaves), nothing, LossParams(mask_weight=1.0, ring_background=1.0))["total"]
    loss.backward()
    assert torch.isfinite(loss)
    for leaf in leaves:
        assert not leaf.grad.any()


def test_the_ring_turns_from_its_object_and_to_nothing_else():
    labels = torch.tensor([[[1, 1, 0, 0, 2, 2]]])
    ring = torch.tensor([[[0, 0, 1, 2, 0, 0]]])
    embedding = torch.zeros(1, 3, 1, 6)
    embedding[0, 0, 0, :2] = embedding[0, 1, 0, 4:] = 1
    for first, cost in ((0, 0.5), (1, 0.0), (2, 0.0)):  # like its own object; like the other one; like neither
        embedding[0, :, 0, 2:4] = 0
        embedding[0, first, 0, 2] = embedding[0, 2, 0, 3] = 1
        assert ring_loss(embedding, labels, ring, LossParams()).item() == pytest.approx(cost, abs=1e-6)
    opposite = embedding.clone()
    opposite[0, :, 0, 2] = torch.tensor([-1.0, 0, 0])
    costs = [ring_loss(opposite, labels, ring, LossParams(inter=how)).item() for how in ("abs", "square", "raw")]
    assert costs == pytest.approx([0.5, 0.5, -0.5])


def test_ring_pixels_are_no_background_to_the_embedding():
    """What the pixels beside ticked objects are, is open: the losses for known pixels do not see them."""
    output, targets = partial_scene()
    known = targets.labels > 0
    ring = torch.where(known, 0, 1)
    losses = total_loss(output, replace(targets, known=known, ring=ring), LossParams())
    assert set(losses) == {"distance", "embedding", "foreground", "ring", "total"}
    plain = total_loss(output, replace(targets, known=known), LossParams())
    assert losses["embedding"] == plain["embedding"]
    assert losses["foreground"] == plain["foreground"]
    assert losses["total"].item() == pytest.approx((plain["total"] + losses["ring"]).item(), rel=1e-6)
    weighed = LossParams(ring_background=0.5, foreground_weight=2.0)
    counted = total_loss(output, replace(targets, known=known, ring=ring), weighed)
    wanted = 2 * F.softplus(output.foreground.squeeze(1))[ring > 0].mean()
    wanted = wanted + output.distance.squeeze(1)[ring > 0].square().mean()
    assert counted["ring_background"].item() == pytest.approx(wanted.item(), rel=1e-5)


def test_another_network_steadies_what_is_unknown_only():
    output, targets = partial_scene()
    teacher = partial_scene(seed=1)[0]
    known = torch.zeros_like(targets.labels, dtype=torch.bool)
    known[:, :, :20] = True
    leaves = [value.clone().requires_grad_() for value in output[:3]]
    partial = replace(targets, known=known)
    losses = total_loss(WNetOutput(*leaves), partial, LossParams(steady_weight=3.0), teacher)
    plain = total_loss(output, partial, LossParams())
    assert losses["total"].item() == pytest.approx((plain["total"] + 3 * losses["steady"]).item(), rel=1e-5)
    steady_loss(WNetOutput(*leaves), teacher, ~known).backward()
    for leaf in (leaves[0], leaves[2]):
        assert torch.equal(leaf.grad.squeeze(1) != 0, ~known)
    assert leaves[1].grad is None  # the embedding is free there
    assert steady_loss(teacher, teacher, ~known).item() == pytest.approx(0, abs=1e-6)
    assert losses["steady"] > 0.1
