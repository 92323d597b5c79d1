"""Quantiles of histograms are those that Prometheus computes."""

import math
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from duly.utils.quantiles import quantile

CASES: dict[str, tuple[dict[float, float], float]] = {
    "spread over a bucket": ({0.1: 0, 0.5: 100, math.inf: 100}, 0.496),
    "in the first bucket": ({0.1: 100, math.inf: 100}, 0.099),
    "after an empty bucket": ({0.1: 10, 0.2: 10, 0.5: 20, math.inf: 20}, 0.494),
    "beyond the largest bound": ({0.1: 10, 0.5: 20, math.inf: 40}, 0.5),
}
PROMTOOL = shutil.which("promtool")


@pytest.mark.parametrize("name", CASES)
def test_p99_is_interpolated_within_its_bucket(name: str) -> None:
    buckets, expected = CASES[name]

    assert quantile(0.99, buckets) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [{}, {0.1: 0, math.inf: 0}])
def test_without_observations_there_is_none(buckets: dict[float, float]) -> None:
    assert quantile(0.99, buckets) is None


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
@pytest.mark.parametrize("name", CASES)
def test_prometheus_agrees(tmp_path: Path, name: str) -> None:
    assert PROMTOOL is not None
    buckets, expected = CASES[name]
    bounds = {bound: "+Inf" if math.isinf(bound) else str(bound) for bound in buckets}
    p99 = "histogram_quantile(0.99, seconds_bucket)"
    rule = {"record": "p99", "expr": f"round({p99}, 0.0001) == {expected:.4g}"}
    test = {
        "interval": "1m",
        "input_series": [
            {"series": f'seconds_bucket{{le="{bounds[bound]}"}}', "values": str(count)}
            for bound, count in buckets.items()
        ],
        "promql_expr_test": [
            {
                "expr": "count(p99)",
                "eval_time": "0m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }
    rules = {"groups": [{"name": "group", "rules": [rule]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    (tmp_path / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]})
    )

    done = subprocess.run(
        [PROMTOOL, "test", "rules", tmp_path / "test.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
