# The image of every process of an instance: `allmende serve`, `allmende work`, `allmende db upgrade`.
FROM python:3.13-slim-bookworm AS build
WORKDIR /build
COPY requirements-image.lock pyproject.toml README.md LICENSE ./
COPY backend backend
COPY plugins plugins
RUN python -m venv /opt/allmende \
    && /opt/allmende/bin/pip install --no-cache-dir --require-hashes -r requirements-image.lock \
    && /opt/allmende/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/allmende allmende \
    && mkdir -p /srv/allmende/var/files \
    && chown -R allmende:allmende /srv/allmende
COPY --from=build /opt/allmende /opt/allmende
WORKDIR /srv/allmende
COPY --chown=allmende:allmende plugins plugins
COPY --chown=allmende:allmende cities cities
COPY --chown=allmende:allmende clients clients
COPY --chown=allmende:allmende backend/schema.graphql backend/schema.graphql
USER 10001
ENV PATH=/opt/allmende/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    ALLMENDE_PRODUCTION=true
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
CMD ["allmende", "serve", "--host", "0.0.0.0", "--workers", "2"]
