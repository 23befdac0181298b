FROM 127.0.0.1:5443/lading/node@sha256:0000000000000000000000000000000000000000000000000000000000000000 AS build
WORKDIR /app
ENV npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn npm install --global --force pnpm@10.4.1
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn npm install --global --force --prefix /kept pnpm@10.4.1
COPY package.json pnpm-lock.yaml ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn pnpm install --frozen-lockfile --prod=false
COPY . .
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=cache,target=/root/.npm --mount=type=cache,target=/root/.cache --mount=type=cache,target=/usr/local/share/.cache --mount=type=cache,target=/root/.local/share/pnpm/store --mount=type=cache,target=/root/.yarn CI=true pnpm install --frozen-lockfile --prod --ignore-scripts --config.modules-cache-max-age=0
RUN mkdir -p node_modules
RUN tar -cf /modules.tar --mtime=@0 node_modules && mkdir /modules && tar -xf /modules.tar -C /modules && touch -d @0 /modules && rm /modules.tar
RUN tar -cf /code.tar --mtime=@0 --exclude=./node_modules . && mkdir /code && tar -xf /code.tar -C /code && touch -d @0 /code && rm /code.tar
RUN tar -cf /programs.tar --mtime=@0 -C /kept . && mkdir /programs && tar -xf /programs.tar -C /programs && touch -d @0 /programs && rm /programs.tar

FROM 127.0.0.1:5443/lading/node@sha256:0000000000000000000000000000000000000000000000000000000000000000
COPY --from=build /programs /usr/local
COPY --from=build --chown=1000:1000 /modules /app
COPY --from=build --chown=1000:1000 /code /app
WORKDIR /app
ENV NODE_ENV=production
ENV PATH=/app/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV npm_config_update_notifier=false
USER app
CMD ["/bin/sh","-c","pnpm run serve"]
