"""The demo's own secrets, kept in its folder."""

import json
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".demo"
# In the folder while the demo runs: the addresses of its stores, and its port.
ADDRESSES = "addresses.json"
NAMES = ("JWT_SECRET", "SECRET_KEY", "WORLDTRACER_API_KEY", "TWILIO_AUTH_TOKEN", "SENDGRID_API_KEY")


def demo_secrets() -> dict[str, str]:
    """Returns the demo's secrets, generated on first use; a variable of the environment takes precedence."""
    file = FOLDER / "secrets.json"
    kept: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if missing := [name for name in NAMES if name not in kept]:
        # Slow to import, and needed only once.
        from integrations.embedded.server import write_secret
        from integrations.private_files import make_private_folder

        kept |= {name: secrets.token_urlsafe(48) for name in missing}
        make_private_folder(FOLDER, passage=os.geteuid() == 0)
        write_secret(file, json.dumps(kept))
    return {name: os.environ.get(name) or value for name, value in kept.items()}
