"""``napari-wnet models``: which models there are, what they say of themselves, fetching and exporting them."""

from __future__ import annotations

import argparse
import json

from napari_wnet.commands import models_export
from napari_wnet.commands.console import say, with_bar


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its actions."""
    parser = subparsers.add_parser("models", help="list, describe, fetch and export models")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list the models that can be named")
    listing.set_defaults(run=run_list)
    info = actions.add_parser("info", help="say what a model is and how good")
    info.add_argument("model", help="name or file of a model")
    info.add_argument("--json", action="store_true", help="the whole header, for programs")
    info.set_defaults(run=run_info)
    models_export.add(actions)
    fetch = actions.add_parser("fetch", help="bring models into the cache, for use without a network connection")
    fetch.add_argument("models", nargs="*", metavar="NAME", help="names; by default all")
    fetch.set_defaults(run=run_fetch)


def run_list(given: argparse.Namespace) -> int:
    """Print a line for each model."""
    from napari_wnet.network.registry import list_models

    for entry in list_models():
        say(f"{entry.name:<16} {entry.size / 1e6:6.1f} MB  {entry.source:<8} {entry.description}")
    return 0


def run_info(given: argparse.Namespace) -> int:
    """Print what a model's header says."""
    from napari_wnet.network.card import card
    from napari_wnet.network.registry import load_model

    model = load_model(given.model)
    if given.json:
        say(json.dumps(json.loads(model.header.to_json()), indent=2, sort_keys=True))
        return 0
    for name, meaning in card(model.header).items():
        say(f"{name:<12} {meaning}")
    say(f"file         {model.path}")
    say(f"SHA-256      {model.sha256}")
    return 0


def run_fetch(given: argparse.Namespace) -> int:
    """Fetch models and print where they are."""
    from napari_wnet.network.registry import Places, fetch_entry_steps, find_model, find_outline, list_models

    places = Places.from_environment()
    wanted = [find_model(name, places) for name in given.models] or [*list_models(places), find_outline(places)]
    for entry in wanted:
        say(f"{entry.name}: {with_bar(fetch_entry_steps(entry, places))}")
    return 0
