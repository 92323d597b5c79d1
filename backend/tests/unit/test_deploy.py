"""What deploy/ has for systemd, Kubernetes and nginx is valid, and fits Duly."""

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from duly.api.route_table import TABLE
from duly.core.config import Settings, environment_name, load_settings
from tests.support.documents import ROOT
from tests.support.nginx import CONFIGURATION, NGINX
from tests.support.servers import free_port

MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
UNIT = ROOT / "deploy" / "systemd" / "duly.service"
SYSTEMD = shutil.which("systemd-analyze")
TEXTS = sorted(
    file
    for part in ("deploy/**/*.*", "docs/*.md", "README.md", "compose.yaml", "Dockerfile")
    for file in ROOT.glob(part)
)
"""Files that operators read and copy."""
FINISH_SECONDS = 30
"""For which a server waits for requests in flight."""


def manifests() -> dict[str, Any]:
    """The manifests, by kind."""
    found = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in MANIFESTS]
    return {one["kind"]: one for one in found}


def pod() -> dict[str, Any]:
    template: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]
    return template


def container() -> dict[str, Any]:
    [found] = pod()["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_manifest_fits_its_schema(file: Path, version: str) -> None:
    manifest = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_schema_rejects_what_is_misspelled() -> None:
    deployment = manifests()["Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.37", strict=True)


def test_all_parts_are_there_and_select_the_pods() -> None:
    parts = manifests()
    labels = pod()["metadata"]["labels"]

    assert set(parts) == {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
    assert parts["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert parts["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert parts["Service"]["spec"]["selector"] == labels
    assert (
        parts["PodDisruptionBudget"]["spec"]["minAvailable"]
        < parts["Deployment"]["spec"]["replicas"]
    )


def test_ports_are_those_that_duly_listens_on() -> None:
    settings = manifests()["ConfigMap"]["data"]
    ports = {one["name"]: str(one["containerPort"]) for one in container()["ports"]}

    assert ports == {"http": settings["DULY_PORT"], "metrics": settings["DULY_METRICS_PORT"]}
    assert pod()["metadata"]["annotations"]["prometheus.io/port"] == ports["metrics"]
    [service] = manifests()["Service"]["spec"]["ports"]
    assert service["targetPort"] in ports
    allowed = [
        one["port"]
        for rule in manifests()["NetworkPolicy"]["spec"]["ingress"]
        for one in rule["ports"]
    ]
    assert set(allowed) == set(ports)


def test_settings_exist_and_are_accepted(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = manifests()["ConfigMap"]["data"]
    known = {environment_name(field) for field in Settings.model_fields}
    clean_environment.chdir(tmp_path)

    assert set(given) <= known
    for name, value in given.items():
        clean_environment.setenv(name, value)
    assert load_settings().drain_seconds == 6


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: file.name)
def test_setting_that_operators_read_of_exists(file: Path) -> None:
    known = {environment_name(field) for field in Settings.model_fields}

    assert set(re.findall(r"\bDULY_[A-Z_]+\b", file.read_text(encoding="utf-8"))) <= known


def test_probes_ask_for_routes_that_exist() -> None:
    paths = {part.prefix + route.path for part in TABLE for route in part.routes}

    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container()[name]["httpGet"]["path"] in paths
    assert container()["readinessProbe"]["httpGet"]["path"].endswith("ready")
    # A process that is alive must not be killed because its database is not.
    assert container()["livenessProbe"]["httpGet"]["path"].endswith("live")


def test_pods_get_enough_time_to_end() -> None:
    drain = float(manifests()["ConfigMap"]["data"]["DULY_DRAIN_SECONDS"])
    sleep = float(container()["lifecycle"]["preStop"]["exec"]["command"][1])

    assert pod()["spec"]["terminationGracePeriodSeconds"] > sleep + drain + FINISH_SECONDS


def test_unit_gives_enough_time_to_end() -> None:
    [seconds] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)

    assert int(seconds) > 60 + FINISH_SECONDS  # the longest drain that the settings allow


@pytest.mark.skipif(SYSTEMD is None, reason="systemd is not installed")
def test_unit_is_valid_and_confined(tmp_path: Path) -> None:
    assert SYSTEMD is not None
    duly = str(Path(sys.executable).with_name("duly"))
    unit = tmp_path / "duly.service"
    text = UNIT.read_text(encoding="utf-8")
    assert text.count("/opt/duly/bin/duly") == 1
    unit.write_text(text.replace("/opt/duly/bin/duly", duly))

    for arguments in (
        ["verify"],
        ["security", "--offline=true", "--threshold=25"],  # of 100
    ):
        done = subprocess.run(
            [SYSTEMD, *arguments, unit], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "duly.service:" not in done.stderr  # a line that it ignores


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_configuration_of_nginx_is_valid_with_tls(tmp_path: Path) -> None:
    assert NGINX is not None
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    _create_certificate(certificate, key)
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in {
        "/etc/ssl/duly.example.org.pem": str(certificate),
        "/etc/ssl/private/duly.example.org.key": str(key),
        "listen 443": f"listen 127.0.0.1:{free_port()}",
        "listen 80": f"listen 127.0.0.1:{free_port()}",
    }.items():
        assert old in text
        text = text.replace(old, new)
    paths = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ access_log off; {paths} {text} }}"
    )

    done = subprocess.run(
        [NGINX, "-t", "-p", tmp_path, "-e", "stderr", "-c", main],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr, done.stderr


def _create_certificate(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "duly.example.org")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
