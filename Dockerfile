# The gateway against given stores. Nothing embedded: the demo's servers stay out of the image.
# GraphiQL is built first; the second stage takes the files it made.
FROM node:24-bookworm-slim AS console
WORKDIR /build/console
COPY console/package.json console/package-lock.json console/.npmrc ./
RUN npm ci
COPY console ./
RUN npx vite build --outDir /build/graphiql

FROM python:3.13-slim-bookworm
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements.lock \
 && useradd --system --no-create-home --uid 10001 gateway
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
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health/live\", timeout=2)"]
# One process serves, another tells the graph: run the same image with the command "project" beside it,
# or "serve --with-workers" for both in one.
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve"]
