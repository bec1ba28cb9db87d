# srv6d and srv6d-cli on Node 20, not as root. In the host's network namespace:
#   docker run --network host --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW \
#     --cap-add NET_BIND_SERVICE -v /etc/srv6d:/etc/srv6d:ro srv6d
# Kubernetes: deploy/kubernetes/. The sysctls of systemd/srv6d.sysctl.conf are the host's affair: a
# container may not write them.
ARG NODE=node:20-bookworm-slim
ARG BASE=debian:bookworm-slim

FROM ${NODE} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends libcap2-bin
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build
# The programs are bundles; of the packages only koffi is beside them, for this platform and without
# its sources.
WORKDIR /out/usr/local/share/srv6d
RUN mkdir -p dist node_modules \
    && cp /src/dist/srv6d.js /src/dist/fib-worker.js /src/dist/srv6d-cli.js dist/ \
    && cp -a /src/node_modules/koffi /src/node_modules/@koromix node_modules/ \
    && cd node_modules \
    && rm -rf koffi/doc koffi/lib koffi/vendor koffi/cnoke.cjs @koromix/*/musl_* \
    && find . -type f ! -name '*.js' ! -name '*.cjs' ! -name '*.json' ! -name '*.node' ! -name 'LICENSE*' -delete \
    && find . -type d -empty -delete
# Not root: setpriv hands the capabilities it has by its file on to Node, as ambient ones. Node itself
# has none, so srv6d-cli has none either.
RUN mkdir -p /out/usr/local/bin /out/usr/local/lib/srv6d \
    && cp /usr/local/bin/node /out/usr/local/bin/ \
    && ln -s /usr/local/share/srv6d/dist/srv6d-cli.js /out/usr/local/bin/srv6d-cli \
    && cp /usr/bin/setpriv /out/usr/local/lib/srv6d/ \
    && setcap cap_net_admin,cap_net_bind_service,cap_net_raw+ep /out/usr/local/lib/srv6d/setpriv
COPY package.json LICENSE ./
COPY conf conf

FROM ${BASE}
COPY --from=build /out/ /
RUN ! ldd /usr/local/bin/node | grep 'not found' \
    && useradd --system --uid 179 --user-group --no-create-home srv6d \
    && install --directory --owner srv6d --group srv6d --mode 0750 /run/srv6d
ENV NODE_ENV=production
USER 179:179
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["/usr/local/bin/srv6d-cli", "show", "status"]
ENTRYPOINT ["/usr/local/lib/srv6d/setpriv", \
    "--inh-caps", "+net_admin,+net_bind_service,+net_raw", \
    "--ambient-caps", "+net_admin,+net_bind_service,+net_raw", "--", \
    "/usr/local/bin/node", "/usr/local/share/srv6d/dist/srv6d.js"]
CMD ["-c", "/etc/srv6d/srv6d.yaml"]
