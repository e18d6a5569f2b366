"""What the makers of a package say of it, and what may be said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_wnet.errors import OutputError, ParamsError
from napari_wnet.network.catalog import Places, package_entries
from napari_wnet.network.checkpoint import Model

DEVELOPERS = "napari-wnet developers"


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What a package for bioimage.io says beside what its model says of itself.

    Attributes
    ----------
    authors : tuple of str
        Who made the model; empty: the makers of napari-wnet, for models that come with it.
    licence : str
        Of the weights, as an SPDX name; empty: the model's own.
    image : Path or None
        A picture that shows what the model is for, and may be published; None: a bundled one.
    """

    authors: tuple[str, ...] = ()
    licence: str = ""
    image: Path | None = None

    def of(self, model: Model) -> Publication:
        """Return it complete, with what the model says where nothing is said here.

        Raises
        ------
        ParamsError
            If there is neither an author nor a licence, or one cannot be used.
        """
        return Publication(
            authors=_authors(self.authors, model),
            licence=_licence(self.licence or model.header.licence),
            image=self.image,
        )


def _authors(given: Sequence[str], model: Model) -> tuple[str, ...]:
    authors = tuple(name.strip() for name in given)
    if not authors and model.sha256 in {entry.sha256 for entry in package_entries(Places.from_environment().package)}:
        return (DEVELOPERS,)
    if not authors:
        raise ParamsError(f"A package names its authors: say who made {model.name} (--author 'Ada Lovelace').")
    wrong = [name for name in authors if not name or "/" in name or "\\" in name or not name.isprintable()]
    if wrong:
        raise ParamsError(f"{wrong[0]!r} cannot be an author's name; give it without slashes (--author).")
    return authors


def _licence(licence: str) -> str:
    if not licence:
        raise ParamsError("The model does not say its licence; a package needs one: --licence CC-BY-4.0, for example.")
    try:
        from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
    except ImportError as error:
        raise OutputError(
            "Licence names are checked by packaging, not installed here: run 'pip install \"napari-wnet[export]\"'."
        ) from error
    try:
        known = str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        known = ""
    if not known or " " in known or known.startswith("LicenseRef"):
        raise ParamsError(
            f"'{licence}' is no licence of the SPDX list (https://spdx.org/licenses); give one of it with --licence, "
            "such as CC-BY-4.0 or MIT."
        )
    return known
