# A cloud node: the PWA is built in the first stage, the second holds only what runs.
FROM node:24-bookworm-slim AS build
WORKDIR /travessia
COPY . .
RUN npm ci --no-audit --no-fund && npm run build -w pwa

FROM node:24-bookworm-slim
WORKDIR /travessia
ENV NODE_ENV=production NODE_COMPILE_CACHE=/tmp/travessia-compile-cache MALLOC_ARENA_MAX=2
COPY package.json package-lock.json ./
COPY schemas schemas
COPY broker broker
COPY api api
COPY scripts/rebuild.ts scripts/move-log.ts scripts/rotate-key.ts scripts/verify.ts scripts/
RUN npm ci -w api -w broker -w schemas --omit=dev --omit=optional --no-audit --no-fund \
  && mkdir /data && chown node /data
COPY --from=build /travessia/pwa/dist pwa/dist
USER node
VOLUME /data
EXPOSE 8000 8001 8002 1883
CMD ["node", "--max-semi-space-size=8", "api/src/main.ts"]
