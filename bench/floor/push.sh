#!/bin/sh
# The floor of a deploy: what plain git and docker need from a commit to the first answer of the new version.
# push.sh FOLDER VERSION ADDRESS PORT
set -eu
cd "$1"
tag=127.0.0.1:5000/floor/app:$2
git push -q floor main
docker build -q -t "$tag" . >/dev/null
docker push -q "$tag" >/dev/null
docker service create -q --detach --no-resolve-image --name "floor-$2" --env PORT=8080 \
  --publish mode=host,target=8080,published="$4" "$tag" >/dev/null
until curl -sf -o /dev/null "http://$3:$4/"; do :; done
echo answered
