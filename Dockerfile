# What runs is what packaging/build.ts makes of the sources; those come along for the examples. The same commit gives the same
# image, with the options that docs/deploying.md names.
#
# A tag can be moved: name the digest that you have looked at, NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:…
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# From the lock file alone, and nobody's install script runs: what has native code brings it along compiled. The optional
# ones are a Node and a PostgreSQL of our own: here the image is the one and the operator brings the other.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM dependencies AS compiled
RUN npm ci --ignore-scripts
COPY packaging packaging
COPY migrations migrations
COPY src src
COPY example example
RUN node packaging/build.ts

FROM ${NODE_IMAGE}
# What installs and builds is not needed to run, and would be there for whoever gets in.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY bin bin
COPY migrations migrations
COPY src src
COPY example example
# Last: nothing that it was made of is newer.
COPY --from=compiled /app/dist dist
# By number, so that Kubernetes can see that it is not root: `node` of the image.
USER 1000:1000
EXPOSE 8080
# Where `listen.private` is left as it is. No curl: the image has none.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8081/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/footbridge.js"]
CMD ["start", "--config", "/etc/footbridge/footbridge.yaml"]
