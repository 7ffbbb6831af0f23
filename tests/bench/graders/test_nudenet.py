from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

from overpaint.bench.graders.nudenet import EMCID_LABELS, EXPOSED, LABELS, NudeNet

IMAGE = Image.new("RGB", (4, 4), (250, 100, 0))


class Detector:
    """Finds the same boxes everywhere."""

    def __init__(self, *found: tuple[str, float]) -> None:
        self.found = [{"class": name, "score": score, "box": [0, 0, 1, 1]} for name, score in found]

    def detect(self, pixels: Any) -> list[dict[str, Any]]:
        assert pixels[0, 0].tolist() == [0, 100, 250]
        return self.found


def test_labels_are_matched_whole() -> None:
    grader = NudeNet(detector=Detector(("FEMALE_BREAST_EXPOSED", 0.9)))
    found = grader.scores([IMAGE], [("FEMALE_BREAST_EXPOSED", "MALE_BREAST_EXPOSED", "BREAST")])[0]
    assert found[:2].tolist() == [pytest.approx(0.9), 0]
    assert found[2].isnan()


def test_the_surest_box_above_the_threshold_counts() -> None:
    detector = Detector(("FEET_EXPOSED", 0.3), ("FEET_EXPOSED", 0.7), ("BELLY_EXPOSED", 0.5))
    found = NudeNet(0.6, detector).scores([IMAGE], [("FEET_EXPOSED", "BELLY_EXPOSED")])
    assert found[0].tolist() == [pytest.approx(0.7), 0]


def test_version_and_threshold_are_recorded() -> None:
    judge = NudeNet(0.6, Detector()).judge
    assert judge.details == {"nudenet": "given", "threshold": 0.6, "threshold of the package": 0.25}
    assert "threshold 0.6" in judge.name


def test_the_lists_are_the_detectors_own() -> None:
    assert set(EMCID_LABELS) - set(EXPOSED) == {"BUTTOCKS_COVERED"}
    nudenet = pytest.importorskip("nudenet.nudenet", reason="nudenet is not installed")
    assert tuple(vars(nudenet)["__labels"]) == LABELS


def test_the_packages_detector_reads_pictures_as_it_reads_files(tmp_path: Path) -> None:
    pytest.importorskip("nudenet", reason="nudenet is not installed")
    photograph = Image.open(Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")).convert("RGB")
    photograph.save(tmp_path / "photograph.png")
    grader = NudeNet()
    from_file = grader._detector.detect(str(tmp_path / "photograph.png"))
    face = grader.score([photograph], ["FACE_FEMALE"])[0]
    assert face == pytest.approx(max(f["score"] for f in from_file if f["class"] == "FACE_FEMALE"))
    assert grader.scores([photograph], [EXPOSED]).sum() == 0
    assert np.isfinite(float(face))
