# srv6d and srv6d-cli on Node 20. Run it in the host's network namespace:
#   docker run --network host --cap-add NET_ADMIN -v /etc/srv6d:/etc/srv6d:ro -v /run/srv6d:/run/srv6d srv6d
# The sysctls of systemd/srv6d.sysctl.conf are the host's affair: a container may not write them.
ARG NODE=node:20-bookworm-slim

FROM ${NODE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM ${NODE} AS modules
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE}
# Not root: the capabilities sit on a copy of node that runs the daemon alone. Without
# --cap-add NET_ADMIN that copy does not start ("operation not permitted").
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcap2-bin \
    && mkdir -p /usr/local/lib/srv6d \
    && cp /usr/local/bin/node /usr/local/lib/srv6d/node \
    && setcap cap_net_admin,cap_net_bind_service,cap_net_raw+ep /usr/local/lib/srv6d/node \
    && apt-get purge --yes --auto-remove libcap2-bin \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 179 --user-group --no-create-home srv6d \
    && install --directory --owner srv6d --group srv6d --mode 0750 /run/srv6d
WORKDIR /usr/local/share/srv6d
COPY --from=modules /src/node_modules node_modules
COPY --from=build /src/dist/srv6d.js /src/dist/fib-worker.js /src/dist/srv6d-cli.js dist/
COPY package.json LICENSE ./
COPY conf conf
RUN ln -s /usr/local/share/srv6d/dist/srv6d-cli.js /usr/local/bin/srv6d-cli
USER srv6d
ENTRYPOINT ["/usr/local/lib/srv6d/node", "/usr/local/share/srv6d/dist/srv6d.js"]
CMD ["-c", "/etc/srv6d/srv6d.yaml"]
