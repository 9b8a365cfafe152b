# syntax=docker/dockerfile:1
# Targets: `service` (API, CPU worker, the lowrank command) and `gpu` (a worker for NVIDIA's GPUs on the same code).
ARG NODE_IMAGE=node:24.11.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY . .
RUN npm run build

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev

# What runs, the same in every image.
FROM scratch AS program
COPY package.json README.md LICENSE /app/
COPY models /app/models
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist

FROM ${NODE_IMAGE} AS service
COPY --from=program /app /app
# The home is made here so that a new volume in its place belongs to the account that writes into it.
RUN chmod +x /app/dist/apps/cli/src/main.js \
 && ln -s /app/dist/apps/cli/src/main.js /usr/local/bin/lowrank \
 && install -d -o node -g node /var/lib/lowrank
WORKDIR /app
USER node
ENV NODE_ENV=production LOWRANK_HOME=/var/lib/lowrank HOST=0.0.0.0 PORT=8010
VOLUME /var/lib/lowrank
EXPOSE 8010
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
  CMD ["node", "/app/dist/tools/docker/api-health.js"]
CMD ["node", "/app/dist/processes/api.js"]

# The libraries of CUDA 13 and ONNX Runtime's provider, as `lowrank doctor --install cuda` gets them on any machine. The
# cache keeps them from build to build.
FROM ${NODE_IMAGE} AS cuda
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip \
 && rm -rf /var/lib/apt/lists/*
COPY --from=program /app /app
RUN --mount=type=cache,target=/var/cache/cuda \
    CUDA_FOLDER=/var/cache/cuda node /app/dist/apps/cli/src/main.js doctor --install cuda \
 && cp -a /var/cache/cuda /opt/cuda

# The driver is the machine's: NVIDIA's container toolkit puts it into the container.
FROM service AS gpu
COPY --from=cuda /opt/cuda /opt/cuda
ENV CUDA_FOLDER=/opt/cuda WORKER_DEVICES=cuda \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 \
  CMD ["node", "/app/dist/tools/docker/worker-health.js"]
CMD ["node", "/app/dist/processes/worker.js"]
