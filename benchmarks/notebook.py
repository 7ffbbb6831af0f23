"""Run a notebook and keep what it shows, as a reader would in Jupyter.

    python benchmarks/notebook.py examples/tour.ipynb

Needs the extra ``docs`` (nbclient, ipykernel).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from overpaint.files import write_text_atomic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    options = parser.parse_args()

    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(options.notebook, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(book, timeout=None, resources={"metadata": {"path": folder}}).execute()
    for cell in book.cells:
        cell.metadata.pop("execution", None)  # when it ran is no news
    write_text_atomic(options.notebook, nbformat.writes(book) + "\n")


if __name__ == "__main__":
    main()
