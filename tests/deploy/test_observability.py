"""Alert rules and dashboard: tested by promtool, made of metrics that exist, and explained in the runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES = FOLDER / "alerts.yaml"
TESTS = Path(__file__).with_name("alert_tests.yaml")
RUNBOOK = ROOT / "docs" / "RUNBOOK.md"
COLLECTORS = ROOT / "gateway" / "http"
METRIC = re.compile(r"\bgateway_[a-z_]+")
PARTS = ["Meaning", "First look", "Mitigation", "Repair"]


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs promtool: the machine's own, or the one that scripts/bootstrap.sh unpacks."""
    program = shutil.which("promtool") or str(ROOT / ".tools" / "promtool" / "promtool")
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def alerts() -> dict[str, dict[str, Any]]:
    """The alert rules, by name."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def panels() -> list[tuple[str, str]]:
    """Title and expression of each query of the dashboard."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def known_metrics() -> set[str]:
    """The metrics of the product, as a scrape names them."""
    source = "".join((COLLECTORS / name).read_text() for name in ("collectors.py", "metrics.py"))
    counters = set(re.findall(r'(?:CounterMetricFamily|_counter)\(\s*"(gateway_\w+)"', source))
    gauges = set(re.findall(r'(?:GaugeMetricFamily|_gauge)\(\s*"(gateway_\w+)"', source))
    histograms = re.findall(r'HistogramMetricFamily\(\s*"(gateway_\w+)"', source)
    return gauges | {f"{name}_total" for name in counters} | {f"{name}_bucket" for name in histograms}


def test_each_alert_fires_and_stays_silent_as_its_tests_say() -> None:
    run = promtool("test", "rules", TESTS)
    assert run.returncode == 0, run.stdout + run.stderr
    names = [one["name"] for one in yaml.safe_load(TESTS.read_text())["tests"]]
    assert names == [f"{name} {what}" for name in alerts() for what in ("fires", "is silent")]


def test_promtool_finds_a_wrong_rule(tmp_path: Path) -> None:
    """A threshold that is never reached makes the tests of its alert fail."""
    changed = RULES.read_text().replace("gateway_graph_lag_seconds) > 60", "gateway_graph_lag_seconds) > 6000")
    (tmp_path / "alerts.yaml").write_text(changed)
    (tmp_path / "tests.yaml").write_text(TESTS.read_text().replace("../../deploy/observability/", ""))
    run = promtool("test", "rules", tmp_path / "tests.yaml")
    assert run.returncode == 1
    assert "GraphBehind" in run.stdout + run.stderr


def test_rules_and_panels_are_valid(tmp_path: Path) -> None:
    record = [{"record": f"panel:{number}", "expr": expr} for number, (_, expr) in enumerate(panels())]
    (tmp_path / "panels.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": record}]}))
    run = promtool("check", "rules", RULES, tmp_path / "panels.yaml")
    assert run.returncode == 0, run.stdout + run.stderr


def test_rules_and_panels_name_metrics_that_exist() -> None:
    known = known_metrics()
    assert len(known) > 30
    used = {name: rule["expr"] for name, rule in alerts().items()} | dict(panels())
    assert {name: unknown for name, expr in used.items() if (unknown := set(METRIC.findall(expr)) - known)} == {}


@pytest.mark.parametrize("name", alerts())
def test_each_alert_has_its_section_in_the_runbook(name: str) -> None:
    rule = alerts()[name]
    assert rule["annotations"]["runbook"] == f"docs/RUNBOOK.md#{name.lower()}"
    assert rule["labels"]["severity"] in ("critical", "warning")
    (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL)
    assert re.findall(r"^- \*\*([\w ]+)\.\*\* \S", section, re.MULTILINE) == PARTS


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE) == list(alerts())
