"""Prints a fingerprint of what pyproject.toml asks for; each lock names the one it was made for."""

import hashlib
import json
import tomllib
from pathlib import Path

settings = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
project = settings["project"]
wanted = [project["requires-python"], project["dependencies"], settings["dependency-groups"]]
print(hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16])
