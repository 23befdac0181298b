#!/bin/sh
# Once: the tools of the floors and a bare repository; door.mjs is the way for "docker push" into the platform's own registry,
# whose listener on loopback is for reading only. prepare.sh FOLDER NODE_IMAGE
set -eu
apt-get install -y -qq --no-install-recommends docker-buildx git curl >/dev/null
[ -d /root/floor.git ] || git init -q --bare /root/floor.git
cd "$1"
printf 'FROM %s\nWORKDIR /app\nCOPY . .\nCMD ["node", "server.js"]\n' "$2" >Dockerfile
[ -d .git ] || git init -q -b main
git remote add floor /root/floor.git 2>/dev/null || true
git add . && git -c user.name=floor -c user.email=floor@localhost commit -qm "Begin" || true
