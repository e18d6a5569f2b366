"""A network for other channels: alike channels give what one gave."""

from __future__ import annotations

import pytest
import torch

from napari_wnet.network.adapt import with_channels
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig


@pytest.mark.parametrize(("old", "new"), [(1, 3), (3, 1), (2, 5)])
@pytest.mark.parametrize(
    ("stem", "concat"), [(1, "dfeat"), (2, "dfeat"), (2, "none"), (2, "coordinates"), (1, "efeat")]
)
def test_channels_that_are_all_alike_give_the_same_output(old, new, stem, concat):
    torch.manual_seed(3)
    config = WNetConfig(widths=(4, 8), stem=stem, embedding_dim=4, concat_channels=4, in_channels=old, concat=concat)
    network = WNet(config).eval()
    adapted = with_channels(network, new)
    assert adapted.config == config.replace(in_channels=new)
    assert not adapted.training
    image = torch.rand(2, 1, 16, 24)
    with torch.no_grad():
        before, after = network(image.repeat(1, old, 1, 1)), adapted(image.repeat(1, new, 1, 1))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_every_channel_is_read():
    torch.manual_seed(3)
    adapted = with_channels(WNet(WNetConfig(widths=(4, 8), embedding_dim=4, concat_channels=4)).eval(), 3)
    image = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before = adapted(image).distance
        for channel in range(3):
            changed = image.clone()
            changed[:, channel] += 1
            assert not torch.allclose(adapted(changed).distance, before)
