# The sources run as they are (Node strips the types), so there is nothing to build: only to leave out.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional ones are a Node and a PostgreSQL of our own: here the image is the one and the operator brings the other.
RUN npm ci --omit=dev --omit=optional

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY migrations migrations
COPY src src
COPY example example
USER node
EXPOSE 8080
# Where `listen.private` is left as it is. No curl: the image has none.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8081/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/footbridge.js"]
CMD ["start", "--config", "/etc/footbridge/footbridge.yaml"]
