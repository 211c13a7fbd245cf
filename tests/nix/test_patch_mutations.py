"""A seeded sample of the mutation campaign (docs/campaigns.md has the full run)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import filcross

pytestmark = pytest.mark.nix
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(filcross.__file__).resolve().parent.parent)}


@pytest.mark.parametrize("seed", [7, 8])
def test_every_edit_is_right_or_refused(repo_root: Path, seed: int) -> None:
    options = ["--mutations", "80", "--seed", str(seed), "--json"]
    campaign = subprocess.run(
        [sys.executable, repo_root / "scripts" / "mutation-campaign", *options],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
    result = json.loads(campaign.stdout)
    assert result["problems"] == []
    assert sum(result["seen"].values()) == 80
    right = sum(count for what, count in result["seen"].items() if what.startswith("edited right"))
    refused = sum(count for what, count in result["seen"].items() if what.startswith("refused"))
    assert right >= 20
    assert refused >= 10
