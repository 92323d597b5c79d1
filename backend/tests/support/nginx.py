"""nginx with the configuration in deploy/, on ports of the loopback."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.support.documents import ROOT
from tests.support.servers import free_port

CONFIGURATION = ROOT / "deploy" / "nginx" / "duly.conf"
_PLACES = [Path("/usr/sbin/nginx"), Path("/usr/local/sbin/nginx")]
NGINX = shutil.which("nginx") or next((str(one) for one in _PLACES if one.exists()), None)

_MAIN = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/duly.conf;
}}
"""


def configuration(port: int, ports: Sequence[int]) -> str:
    """The configuration with these ports, without TLS."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = text.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    text = re.sub(r"\n    ssl_certificate.*", "", text)
    text = re.sub(r"server \{\s+listen 80;.*\}", "", text, flags=re.DOTALL)
    servers = iter(ports)
    text, count = re.subn(r"127\.0\.0\.1:800\d", lambda _: f"127.0.0.1:{next(servers)}", text)
    assert count == len(ports) == 2
    return text


@contextmanager
def proxying(ports: Sequence[int]) -> Iterator[tuple[str, Path]]:
    """nginx in front of two instances; yields its URL, and the log of its errors."""
    assert NGINX is not None
    port = free_port()
    with TemporaryDirectory(prefix="duly-nginx-") as name:
        directory = Path(name)
        (directory / "duly.conf").write_text(configuration(port, ports))
        (directory / "nginx.conf").write_text(_MAIN.format(directory=directory))
        log = directory / "error.log"
        command = [NGINX, "-p", name, "-e", str(log), "-c", str(directory / "nginx.conf")]
        if os.getuid() == 0:
            command += ["-g", "user root;"]  # it has no access to the directory otherwise
        with subprocess.Popen(command) as process:
            try:
                _wait_until_ready(f"http://127.0.0.1:{port}/health/live")
                yield f"http://127.0.0.1:{port}", log
            finally:
                process.terminate()


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("nginx does not respond")
