# The product against given stores. Nothing embedded: the demo's servers stay out of the image.
# GraphiQL and the packages are built in stages of their own; the last stage takes what they made.
FROM node:24-bookworm-slim AS console
WORKDIR /build/console
COPY console/package.json console/package-lock.json console/.npmrc ./
RUN npm ci
COPY console ./
RUN npx vite build --outDir /build/graphiql

FROM python:3.13-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/packages \
 && pip --python /opt/packages/bin/python install --no-cache-dir --no-deps --only-binary :all: --require-hashes \
    -r requirements.lock

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="baggage-gateway" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/packages/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=packages /opt/packages /opt/packages
COPY gateway gateway
COPY schema schema
COPY resolvers resolvers
COPY integrations integrations
COPY migrations migrations
COPY seeds seeds
COPY config config
COPY scripts/init_production.py scripts/verify_databases.py scripts/
COPY LICENSE ./
COPY --from=console /build/graphiql gateway/static/graphiql
# Nothing is written at run time: the root may be read-only. Code is compiled here, since a process could not keep it.
RUN python -m compileall -q gateway schema resolvers integrations migrations seeds \
 && useradd --system --no-create-home --uid 10001 gateway
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health/live\", timeout=2)"]
# The same image runs "project", "dispatch" and "consume" beside "serve", and "init" before them.
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve"]
