FROM 127.0.0.1:5443/lading/node@sha256:0000000000000000000000000000000000000000000000000000000000000000 AS build
WORKDIR /app
ENV npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
ENV YARN_NODE_LINKER=node-modules
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn npm install --global --force @yarnpkg/cli-dist@4.5.0
COPY . .
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn yarn install --immutable
RUN find . -name node_modules -prune -o -type f -name package.json -exec tar -rf /packages.tar {} + && npm pkg delete scripts
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn yarn workspaces focus --all --production
RUN tar -xf /packages.tar
RUN mkdir -p node_modules
RUN tar -cf /modules.tar --mtime=@0 node_modules && mkdir /modules && tar -xf /modules.tar -C /modules && touch -d @0 /modules && rm /modules.tar
RUN tar -cf /code.tar --mtime=@0 --exclude=./node_modules --exclude=./.yarn/cache --exclude=./.yarn/install-state.gz . && mkdir /code && tar -xf /code.tar -C /code && touch -d @0 /code && rm /code.tar

FROM 127.0.0.1:5443/lading/node@sha256:0000000000000000000000000000000000000000000000000000000000000000
COPY --from=build --chown=1000:1000 /modules /app
COPY --from=build --chown=1000:1000 /code /app
ENV YARN_NODE_LINKER=node-modules
WORKDIR /app
ENV NODE_ENV=production
ENV PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV npm_config_update_notifier=false
USER app
CMD ["node","server.js"]
