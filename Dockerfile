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
CMD ["node", "/app/dist/apps/api/src/main.js"]

# CUDA 12 and cuDNN 9, which ONNX Runtime's provider is linked to; the provider itself is fetched by its own script.
FROM nvidia/cuda:12.6.3-cudnn-runtime-ubuntu22.04 AS gpu
COPY --from=service /usr/local/bin/node /usr/local/bin/node
COPY --from=program /app /app
# The account has the number of the other image's, so that both may write into one home.
RUN useradd --create-home --uid 1000 lowrank \
 && ONNXRUNTIME_NODE_INSTALL=true node /app/node_modules/onnxruntime-node/script/install \
 && chmod +x /app/dist/apps/cli/src/main.js \
 && ln -s /app/dist/apps/cli/src/main.js /usr/local/bin/lowrank \
 && install -d -o lowrank -g lowrank /var/lib/lowrank
WORKDIR /app
USER lowrank
ENV NODE_ENV=production LOWRANK_HOME=/var/lib/lowrank WORKER_DEVICES=cuda
VOLUME /var/lib/lowrank
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s --retries=3 \
  CMD ["node", "/app/dist/tools/docker/worker-health.js"]
CMD ["node", "/app/dist/apps/worker/src/main.js"]
