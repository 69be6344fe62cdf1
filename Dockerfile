# syntax=docker/dockerfile:1
# The one image of MYI: code server, webserver, daemon, migrations and the `myi` command. docker-compose.yml runs it.
# requirements-celery.lock in LOCK makes the image of the workers and of everything that hands them runs.

# The packages change less often than the project: a layer of their own, with every hash checked.
FROM python:3.13.9-slim-trixie AS packages

ARG LOCK=requirements.lock

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /opt/myi

COPY requirements.lock requirements-celery.lock ./
RUN pip install --require-hashes --no-deps --only-binary :all: -r "$LOCK"


FROM packages AS wheel

COPY pyproject.toml README.md LICENSE dagster.yaml ./
COPY sql ./sql
COPY myi_pipelines ./myi_pipelines
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels .


FROM packages

ARG UID=10001

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/var/lib/myi/dagster \
    HOME=/tmp \
    MYI_HOME=/var/lib/myi \
    MYI_UPLOADS=/uploads

RUN useradd --uid "$UID" --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin myi \
    && install --directory --owner=myi --group=myi --mode=0750 /var/lib/myi /uploads

# What the processes are started with, and what a deployment may put another file in the place of.
COPY dagster.yaml workspace.yaml ./
COPY deploy/celery ./deploy/celery
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels pip install --no-deps --no-index /wheels/*.whl

USER myi
VOLUME ["/var/lib/myi", "/uploads"]
CMD ["myi", "--help"]
