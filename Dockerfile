# syntax=docker/dockerfile:1
# The one image of MYI: code server, webserver, daemon, migrations and the `myi` command. docker-compose.yml runs it.
# requirements-celery.lock in LOCK makes the image of the workers and of everything that hands them runs.

FROM python:3.13.9-slim-trixie

ARG LOCK=requirements.lock
ARG UID=10001

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/var/lib/myi/dagster \
    HOME=/tmp \
    MYI_HOME=/var/lib/myi \
    MYI_UPLOADS=/uploads

RUN useradd --uid "$UID" --user-group --no-create-home --home-dir /tmp --shell /usr/sbin/nologin myi \
    && install --directory --owner=myi --group=myi --mode=0750 /var/lib/myi /uploads

WORKDIR /opt/myi

# The packages change less often than the project: a layer of their own, with every hash checked.
COPY requirements.lock requirements-celery.lock ./
RUN pip install --require-hashes --no-deps --only-binary :all: -r "$LOCK" && python -m compileall -q /usr/local/lib/python3.13/site-packages

COPY pyproject.toml README.md LICENSE dagster.yaml workspace.yaml ./
COPY deploy ./deploy
COPY sql ./sql
COPY myi_pipelines ./myi_pipelines
# Editable, because the statements under sql/ and dagster.yaml lie beside the package.
RUN pip install --no-deps --no-build-isolation --editable . && python -m compileall -q myi_pipelines

USER myi
VOLUME ["/var/lib/myi", "/uploads"]
CMD ["myi", "--help"]
