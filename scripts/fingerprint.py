"""Prints a fingerprint of the requirements in pyproject.toml. Each lock names the one that it was made for."""

import hashlib
import json
import tomllib
from pathlib import Path

settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
project = settings["project"]
requirements = [project["requires-python"], project["dependencies"], settings["dependency-groups"]]
print(hashlib.sha256(json.dumps(requirements, sort_keys=True).encode()).hexdigest()[:16])
