"""The dashboard and the alert rules in deploy/ fit the metrics that a server has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.support.documents import ROOT
from tests.support.programs import until
from tests.support.scraping import Scraped, samples, scraped, scraped_embedded

PROMTOOL = shutil.which("promtool")
RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "duly.json"

_GIVEN_BY_PROMETHEUS = {"instance", "job", "le"}
_SELECTOR = re.compile(r"\b(duly_\w+)(?:\{([^}]*)\})?")
_GROUPING = re.compile(r"\b(?:by|on|group_left) \(([^)]*)\)")

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def promtool(*arguments: str | Path, given: str | None = None) -> str:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"])


def expressions() -> dict[str, str]:
    """All expressions of the rules and of the dashboard, its variables filled in."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            filled = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
            found[f"{panel['title']} {target['refId']}"] = filled
    return found


@pytest.fixture(scope="module")
def exposed(running: Scraped, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The metrics of a server with an external database, and of one with an embedded database."""
    with scraped_embedded(tmp_path_factory.mktemp("embedded") / "data") as url:
        return [running.text, httpx.get(url, timeout=30).text]


@pytest.fixture(scope="module")
def running(dsn: str) -> Iterator[Scraped]:
    with scraped(dsn, workers=2) as found:
        found.comes_to(20, "duly_pool_capacity")
        until(lambda: found.value("duly_requests_total"))  # those that waited for its start
        yield found


def test_each_metric_and_label_that_is_asked_for_exists(exposed: list[str]) -> None:
    labels: dict[str, set[str]] = {}
    for name, own, _ in chain.from_iterable(map(samples, exposed)):
        labels.setdefault(name, set()).update(own)
    asked = {}
    for title, expression in expressions().items():
        known = set(_GIVEN_BY_PROMETHEUS)
        for name, conditions in _SELECTOR.findall(expression):
            asked[name] = title
            assert name in labels, f"{title}: no metric {name}"
            known |= labels[name]
            for label in re.findall(r"(\w+)(?:=~|!~|!=|=)", conditions):
                assert label in labels[name] | _GIVEN_BY_PROMETHEUS, f"{title}: {name}, {label}"
        for label in ", ".join(_GROUPING.findall(expression)).split(", "):
            assert label in known | {""}, f"{title}: {label}"

    # What is counted is shown: no metric is forgotten.
    shown = {name.removesuffix("_bucket") for name in asked}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in labels} == shown


def test_each_metric_and_alert_is_documented(exposed: list[str]) -> None:
    document = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    families = re.findall(r"^# TYPE (\w+)", "".join(exposed), re.MULTILINE)

    assert len(families) > 12
    for name in families + [rule["alert"] for rule in rules()]:
        assert f"`{name}`" in document, name


@needs_promtool
def test_rules_are_valid_and_raise_their_alerts() -> None:
    assert "SUCCESS: 12 rules found" in promtool("check", "rules", RULES)
    assert "SUCCESS" in promtool("test", "rules", RULES.with_name("alerts_test.yaml"))


@needs_promtool
def test_test_of_the_rules_has_each_alert() -> None:
    tested = RULES.with_name("alerts_test.yaml").read_text(encoding="utf-8")

    for rule in rules():
        assert tested.count(rule["alert"]) >= 2, rule["alert"]


@needs_promtool
def test_expressions_of_the_dashboard_are_valid(tmp_path: Path) -> None:
    recorded = [
        {"record": f"panel_{number}", "expr": expression}
        for number, expression in enumerate(expressions().values())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))

    promtool("check", "rules", file)


@needs_promtool
def test_metrics_follow_the_conventions(exposed: list[str]) -> None:
    for text in exposed:
        assert promtool("check", "metrics", given=text) == ""


def test_dashboard_has_one_panel_for_each_place() -> None:
    numbers = [panel["id"] for panel in panels()]
    places: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        places |= cells

    assert len(set(numbers)) == len(numbers)
    assert all(panel["description"] for panel in panels())
