"""``napari-wnet models``: which models there are, what they say of themselves, one's own, and exports."""

from __future__ import annotations

import argparse
import json

from napari_wnet.commands import models_export
from napari_wnet.commands.console import confirmed, say, warn, with_bar


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command and its actions."""
    parser = subparsers.add_parser("models", help="list, describe, fetch, add, rename, remove and export models")
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
    path = actions.add_parser("path", help="print where a model's file is, checked")
    path.add_argument("model", metavar="NAME", help="name of a model")
    path.set_defaults(run=run_path)
    _add_own(actions)


def _add_own(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare what can be done with one's own models."""
    new = actions.add_parser("add", help="put a model among your own, from a file or an address")
    new.add_argument("source", metavar="SOURCE", help="a .safetensors file, or the http or https address of one")
    new.add_argument("--name", default="", help="what to call it; by default as the file")
    new.add_argument("--sha256", default="", metavar="HASH", help="that of the file: another file is not kept")
    new.set_defaults(run=run_add)
    rename = actions.add_parser("rename", help="give a model of your own another name")
    rename.add_argument("model", metavar="NAME", help="name of a model of your own")
    rename.add_argument("new", metavar="NEW", help="what to call it from now on")
    rename.set_defaults(run=run_rename)
    remove = actions.add_parser("remove", help="delete a model of your own")
    remove.add_argument("model", metavar="NAME", help="name of a model of your own")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(run=run_remove)


def run_list(given: argparse.Namespace) -> int:
    """Print a line for each model."""
    from napari_wnet.network.registry import list_models

    for entry in list_models():
        say(f"{entry.name:<16} {entry.size / 1e6:6.1f} MB  {entry.source:<8} {entry.description}")
        if entry.hides:
            warn(
                f"You have a model '{entry.name}' too, which this one hides; give it another name: "
                f"napari-wnet models rename {entry.name} my-{entry.name}"
            )
    return 0


def run_info(given: argparse.Namespace) -> int:
    """Print what a model's header says."""
    from napari_wnet.network.card import card
    from napari_wnet.network.measured import bundled_card, told
    from napari_wnet.network.registry import load_model

    model = load_model(given.model)
    if given.json:
        say(json.dumps(json.loads(model.header.to_json()), indent=2, sort_keys=True))
        return 0
    for name, meaning in card(model.header).items():
        say(f"{name:<12} {meaning}")
    measured = bundled_card(model.sha256)
    for name, meaning in told(measured).items() if measured else ():
        say(f"{name}: {meaning}")
    say(f"file         {model.path}")
    say(f"size         {model.path.stat().st_size} bytes")
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


def run_path(given: argparse.Namespace) -> int:
    """Print where a model's file is, after it has been checked."""
    from napari_wnet.network.registry import load_steps

    say(str(with_bar(load_steps(given.model)).path))
    return 0


def run_add(given: argparse.Namespace) -> int:
    """Put a model among the user's own."""
    from napari_wnet.network.addition import Addition
    from napari_wnet.network.own import add_steps
    from napari_wnet.network.registry import find_model

    addition = Addition(source=given.source, name=given.name, sha256=given.sha256)
    path = with_bar(add_steps(addition))
    say(f"{path.stem}: {path}")
    say(f"SHA-256 {find_model(path.stem).sha256}")
    return 0


def run_rename(given: argparse.Namespace) -> int:
    """Rename one of the user's own models."""
    from napari_wnet.network.own import rename_model

    path = rename_model(given.model, given.new)
    say(f"{path.stem}: {path}")
    return 0


def run_remove(given: argparse.Namespace) -> int:
    """Delete one of the user's own models, on the user's yes."""
    from napari_wnet.network.own import own_path, remove_model

    path = own_path(given.model, "removed")
    if not given.yes and not confirmed(f"Delete {path}?"):
        warn("Nothing was removed.")
        return 1
    remove_model(given.model)
    say(f"removed {path}")
    return 0
