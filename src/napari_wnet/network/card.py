"""What a model says of itself, for people to read."""

from __future__ import annotations

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
        told = ", ".join(f"{name} {value}" for name, value in scores.items()) if isinstance(scores, dict) else scores
        facts[part] = str(told)
    return facts | {name: str(header.provenance[name]) for name in PROVENANCE if name in header.provenance}
