# syntax=docker/dockerfile:1
# The one image of MYI: code server, webserver, daemon, migrations and the `myi` command. docker-compose.yml runs it.
# requirements-celery.lock in LOCK makes the image of the workers and of everything that hands them runs.

# The packages change less often than the project: a layer of their own, with every hash checked. Left out is what no
# process reads: tests, source maps, what C compiles against. What stays is compiled: containers cannot write bytecode,
# and without it each start, those of health checks too, compiles for seconds (docs/operations/deploying.md).
FROM python:3.13.9-slim-trixie@sha256:326df678c20c78d465db501563f3492d17c42a4afe33a1f2bf5406a1d56b0e86 AS packages

ARG LOCK=requirements.lock

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /opt/myi

COPY requirements.lock requirements-celery.lock ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv install --no-compile --require-hashes --no-deps --only-binary :all: -r "$LOCK" \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && find /opt/venv -type f -regex '.*\.\(map\|a\|c\|cc\|cpp\|h\|hpp\|pxd\|pyx\)' -delete \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib


FROM packages AS wheel

COPY pyproject.toml README.md LICENSE dagster.yaml ./
COPY sql ./sql
COPY myi_pipelines ./myi_pipelines
RUN pip --python /opt/venv wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels .


FROM python:3.13.9-slim-trixie@sha256:326df678c20c78d465db501563f3492d17c42a4afe33a1f2bf5406a1d56b0e86

ARG UID=10001

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/var/lib/myi/dagster \
    HOME=/tmp \
    MYI_HOME=/var/lib/myi \
    MYI_UPLOADS=/uploads

RUN useradd --uid "$UID" --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin myi \
    && install --directory --owner=myi --group=myi --mode=0750 /var/lib/myi /uploads

WORKDIR /opt/myi

COPY --from=packages /opt/venv /opt/venv
# What the processes are started with, and what a deployment may put another file in the place of.
COPY dagster.yaml workspace.yaml ./
COPY deploy/celery ./deploy/celery
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip --python /opt/venv install --no-cache-dir --root-user-action=ignore --no-deps --no-index /wheels/*.whl

USER myi
VOLUME ["/var/lib/myi", "/uploads"]
CMD ["myi", "--help"]
