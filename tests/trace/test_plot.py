from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

from overpaint.trace import Trace
from overpaint.trace.plot import draw, plot

NAN = float("nan")


def test_a_picture_is_written_without_touching_pyplot(tmp_path: Path) -> None:
    loaded = "matplotlib.pyplot" in sys.modules
    plot(Trace((0.9, 0.5, 0.0), (0.8, 0.4, 0.0), (1.0, 0.6, 0.0), (1.0, 0.5, 0.0), 3, 9, 9), tmp_path / "trace.png")
    with Image.open(tmp_path / "trace.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 300
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def test_a_file_object_will_do() -> None:
    to = BytesIO()
    plot(Trace((0.9, 0.0), (0.8, 0.0), (NAN, NAN), (NAN, NAN), 1, 1, 0), to)
    assert to.getvalue().startswith(b"\x89PNG")


def test_lines_without_data_are_left_out() -> None:
    lines = draw(Trace((0.9, 0.0), (0.8, 0.0), (NAN, NAN), (NAN, NAN), 1, 1, 0)).axes[0].get_lines()
    assert len(lines) == 3  # two of the trace and the mark at half depth
