# syntax=docker/dockerfile:1
# A small image without a shell or npm. It runs without root on a read-only file system: laas-sync writes no files.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY replicator replicator
COPY reconciler reconciler
COPY migrations migrations
COPY mappings mappings
COPY test/build test/build
RUN npm run build && rm -rf dist/test

FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --no-audit --no-fund

FROM gcr.io/distroless/nodejs22-debian12:nonroot
LABEL org.opencontainers.image.title="laas-sync" \
      org.opencontainers.image.description="Replicates the LAAS database to the organizations database" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app
ENV NODE_ENV=production \
    LOG_FORMAT=json \
    PORT=3000
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# HOST is 127.0.0.1 by default; laas-sync refuses another address unless SYNC_API_TOKEN is set, too.
EXPOSE 3000
# On SIGTERM, laas-sync finishes its current transaction, saves its position and releases the lease within 30 s.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["/nodejs/bin/node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The options are those of the first line of src/cli.ts.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size=256", "--max-semi-space-size=4", "--heap-growing-percent=50", "--v8-pool-size=1", "--no-sparkplug", "/app/dist/src/cli.js"]
CMD ["start"]
