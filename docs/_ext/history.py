"""The pages of releases under history/ stand on the site as `convformance versions` wrote them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FOLDER = "history"


def copy(app: Any, error: Exception | None) -> None:
    """Copy the folders of history/, each a page with its reports, to where their links lead."""
    if error is not None or app.builder.format != "html":
        return
    for folder in sorted(Path(app.srcdir, FOLDER).iterdir()):
        if folder.is_dir():
            shutil.copytree(folder, Path(app.outdir, FOLDER, folder.name), dirs_exist_ok=True)


def setup(app: Any) -> dict[str, bool]:
    """Register the copy."""
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
