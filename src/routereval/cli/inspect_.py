"""``routereval inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.report import Document
    from routereval.routers.inspection import Inspection

_SHOWN = ("router", "embedder", "benchmark", "simulated", "split", "n_train")
_OURS = ("builtins.", "numpy.", "routereval.", "scipy.", "sklearn.")


@click.command("inspect")
@click.argument("directory", type=click.Path(path_type=Path), metavar="ROUTER_DIR")
@format_option
def inspect_command(directory: Path, format_name: str) -> None:
    """Tell what a saved router holds and would contact.

    The router in ROUTER_DIR is not used for that.
    """
    from routereval.routers.inspection import inspect_router

    show(_document(inspect_router(directory)), format_name)
    next_command("route", directory, "a prompt of yours")


def _document(found: Inspection) -> Document:
    from routereval.report import Column, Document, Row, Table

    texts = [Column(name, "text") for name in ("file", "holds", "classes from elsewhere")]
    rows = [
        Row(
            (
                file.name,
                file.holds,
                ", ".join(name for name in file.classes if not name.startswith(_OURS)) or "none",
            )
        )
        for file in found.files
    ]
    asked = [
        Row((file.name, contact.part, contact.url, contact.host, contact.key_env or "none"))
        for file in found.files
        for contact in file.contacts
    ]
    asks = [Column(name, "text") for name in ("file", "part", "url", "host", "key variable")]
    held = Table("Files", texts, rows, names=1)
    contacts = Table("Asks these services, with each prompt", asks, asked, names=1)
    data = [
        {
            "manifest": found.manifest,
            "refused": found.refused,
            "files": [
                {**file._asdict(), "contacts": [contact._asdict() for contact in file.contacts]}
                for file in found.files
            ],
        }
    ]
    parts = [held, contacts] if asked else [held]
    return Document(parts, held, data, _notes(found))


def _notes(found: Inspection) -> list[str]:
    about = found.manifest["about"]
    claims = "; ".join(f"{key} {str(about[key])[:80]}" for key in _SHOWN if key in about)
    notes = [
        f"The manifest says: {claims or 'nothing'}.",
        f"Pool ({len(found.manifest['models'])}): {', '.join(found.manifest['models'])}.",
    ]
    notes += [
        f"{file.name} loads the model {file.model}, from that folder or a model hub."
        for file in found.files
        if file.model
    ]
    if found.refused:
        return [*notes, f"It would not be loaded: {found.refused}"]
    hosts = sorted({contact.host for file in found.files for contact in file.contacts})
    if hosts:
        options = " ".join(f"--allow-network {host}=VARIABLE" for host in hosts)
        return [*notes, f"It is loaded only with {options}."]
    return [*notes, "It asks no service."]
