#!/bin/sh
# The floor of a rollback: service create → running, with an image that is there. create.sh IMAGE NAME
set -eu
docker service create -q --detach --no-resolve-image --name "$2" --env PORT=8080 \
  --publish mode=host,target=8080 "$1" >/dev/null
until [ -n "$(docker ps -q --filter "name=^$2\.")" ]; do :; done
echo running
