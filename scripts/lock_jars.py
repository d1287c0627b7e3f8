"""Creates a lock of jars in integrations/embedded: ``python scripts/lock_jars.py kafka 4.1.2``.

jgo selects the jars by Maven's rules. Size and checksum come from the fetched files.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

EMBEDDED = Path(__file__).parents[1] / "integrations" / "embedded"
PROGRAMS = {
    "neo4j": ("Neo4j Community", ["org.neo4j:neo4j:{version}"]),
    # Kafka ships without a log writer; this one writes to standard error.
    "kafka": ("Apache Kafka", ["org.apache.kafka:kafka_2.13:{version}", "org.slf4j:slf4j-simple:1.7.36"]),
}


def main(program: str, version: str) -> None:
    """Resolves, fetches and describes every runtime jar of the program."""
    title, artifacts = PROGRAMS[program]
    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository))
        requested = [context.create_dependency(artifact.format(version=version)) for artifact in artifacts]
        selected, others = context.resolver.resolve(requested)
        jars = [jar for jar in selected + others if jar.scope in (None, "compile", "runtime")]
        lines = []
        for number, jar in enumerate(jars, start=1):
            content = jar.artifact.resolve().read_bytes()
            name = f"{jar.groupId}:{jar.artifactId}:{jar.version}"
            lines.append(f"{name} {jar.artifact.filename} {len(content)} {hashlib.sha256(content).hexdigest()}\n")
            print(f"{number} of {len(jars)}: {name}")
    header = f"# {title} {version} by scripts/lock_jars.py: group:artifact:version, file, bytes, sha256.\n"
    (EMBEDDED / f"{program}-jars.lock").write_text(header + "".join(sorted(lines)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Create the lock of one program's jars.")
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("version")
    parsed = parser.parse_args()
    main(parsed.program, parsed.version)
