"""Makes integrations/embedded/neo4j-jars.lock: ``python scripts/lock_jars.py 5.26.21`` resolves that version anew.

Maven's rules choose the jars (by jgo); what they are is taken from the files that come.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

LOCK = Path(__file__).parents[1] / "integrations" / "embedded" / "neo4j-jars.lock"


def main(version: str) -> None:
    """Resolves, fetches and describes every jar that Neo4j needs when it runs."""
    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository))
        chosen, others = context.resolver.resolve([context.create_dependency(f"org.neo4j:neo4j:{version}")])
        jars = [jar for jar in chosen + others if jar.scope in (None, "compile", "runtime")]
        lines = []
        for number, jar in enumerate(jars, start=1):
            content = jar.artifact.resolve().read_bytes()
            name = f"{jar.groupId}:{jar.artifactId}:{jar.version}"
            lines.append(f"{name} {jar.artifact.filename} {len(content)} {hashlib.sha256(content).hexdigest()}\n")
            print(f"{number} of {len(jars)}: {name}")
    header = f"# Neo4j Community {version} by scripts/lock_jars.py: group:artifact:version, file, bytes, sha256.\n"
    LOCK.write_text(header + "".join(sorted(lines)))


if __name__ == "__main__":
    main(sys.argv[1])
