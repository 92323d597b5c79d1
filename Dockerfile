# syntax=docker/dockerfile:1

FROM node:24-slim AS web
WORKDIR /build/frontend
# The packages first, as below.
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-progress --ignore-scripts
COPY frontend ./
COPY scripts/pack-web.mjs /build/
RUN npm run build && node /build/pack-web.mjs dist /build/web

# Only /opt/duly is copied to the final image, without pip, its caches and the sources.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/duly
WORKDIR /build
# The dependencies first: they change less often than the code, so their layer is reused.
# They include those of traces, since nothing can be added to the final image.
COPY backend/requirements-traces.lock ./
RUN /opt/duly/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement requirements-traces.lock
COPY backend/pyproject.toml ./
COPY backend/src ./src
COPY --from=web /build/web ./src/duly/web
RUN /opt/duly/bin/pip install --no-deps --no-build-isolation . \
    && /opt/duly/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim
RUN groupadd --gid 10001 duly \
    && useradd --uid 10001 --gid duly --home-dir /var/lib/duly --shell /usr/sbin/nologin duly \
    && install --directory --owner duly --group duly --mode 0700 /var/lib/duly
COPY --from=build /opt/duly /opt/duly
ENV PATH=/opt/duly/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DULY_HOST=0.0.0.0 \
    DULY_DATA_DIR=/var/lib/duly
# By number, so that a cluster can verify that it is not root.
USER 10001:10001
WORKDIR /var/lib/duly
# For the embedded database; it stays empty with DATABASE_URL.
VOLUME /var/lib/duly
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('DULY_PORT', 8000)), timeout=4); c.request('GET', '/health/ready'); sys.exit(c.getresponse().status != 200)"]
CMD ["duly", "serve"]
