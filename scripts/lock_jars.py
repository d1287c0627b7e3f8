"""Makes the locks of jars in integrations/embedded: ``python scripts/lock_jars.py kafka 4.1.2`` resolves one anew.

Maven's rules choose the jars (by jgo); what they are is taken from the files that come.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

EMBEDDED = Path(__file__).parents[1] / "integrations" / "embedded"
PROGRAMS = {
    "neo4j": ("Neo4j Community", ["org.neo4j:neo4j:{version}"]),
    # Kafka leaves it to whoever starts it what writes its log; this one writes to its standard error.
    "kafka": ("Apache Kafka", ["org.apache.kafka:kafka_2.13:{version}", "org.slf4j:slf4j-simple:1.7.36"]),
}


def main(program: str, version: str) -> None:
    """Resolves, fetches and describes every jar that the program needs when it runs."""
    title, artifacts = PROGRAMS[program]
    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository))
        wanted = [context.create_dependency(artifact.format(version=version)) for artifact in artifacts]
        chosen, others = context.resolver.resolve(wanted)
        jars = [jar for jar in chosen + others if jar.scope in (None, "compile", "runtime")]
        lines = []
        for number, jar in enumerate(jars, start=1):
            content = jar.artifact.resolve().read_bytes()
            name = f"{jar.groupId}:{jar.artifactId}:{jar.version}"
            lines.append(f"{name} {jar.artifact.filename} {len(content)} {hashlib.sha256(content).hexdigest()}\n")
            print(f"{number} of {len(jars)}: {name}")
    header = f"# {title} {version} by scripts/lock_jars.py: group:artifact:version, file, bytes, sha256.\n"
    (EMBEDDED / f"{program}-jars.lock").write_text(header + "".join(sorted(lines)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes the lock of one program's jars.")
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("version")
    parsed = parser.parse_args()
    main(parsed.program, parsed.version)
