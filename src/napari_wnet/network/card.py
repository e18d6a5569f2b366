"""What a model says of itself, for people to read."""

from __future__ import annotations

from collections.abc import Mapping

from napari_wnet.network.header import ModelHeader

PROVENANCE = ("data", "split", "n_images", "n_objects", "best_step", "seed", "date", "hardware", "code")


def card(header: ModelHeader) -> dict[str, str]:
    """Return a model's header as words with what they mean for it."""
    config = header.config
    facts = {
        "name": header.name,
        "description": header.description or "-",
        "licence": header.licence or "-",
        "channels": ", ".join(header.channels) or str(config.in_channels),
        "diameter": f"{header.diameter:.0f} px",
        "network": f"widths {'-'.join(map(str, config.widths))}, {config.embedding_dim} dimensions",
    }
    for part, scores in header.scores.items():
        facts[part] = _told(scores)
    return facts | {name: _told(header.provenance[name]) for name in PROVENANCE if name in header.provenance}


def _told(value: object) -> str:
    return ", ".join(f"{name} {part}" for name, part in value.items()) if isinstance(value, Mapping) else str(value)
