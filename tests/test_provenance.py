from __future__ import annotations

import json
import platform

from overpaint.provenance import Provenance, versions


def test_versions_of_everything_that_matters() -> None:
    found = versions()
    assert found["python"] == platform.python_version()
    assert {"torch", "diffusers", "transformers", "overpaint"} <= found.keys()


def test_provenance_is_json_and_holds_no_time() -> None:
    one, other = (Provenance("emoji", "f" * 64, "emcid", {"steps": 5}, 3).to_data() for _ in range(2))
    assert json.loads(json.dumps(one)) == one == other
    assert set(one) == {"model", "model_fingerprint", "method", "settings", "seed", "versions"}
