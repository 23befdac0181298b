#!/bin/sh
# Starts the keeper, and again when it dies: HAProxy, which is its child, lives on and is adopted by the next one, and no
# visitor notices. If the container ended instead, the engine would end HAProxy with it. It ends when the keeper is done
# (0), when it cannot be one (2, src/keeper/run.ts), and at SIGTERM: then the engine's restart policy decides.
set -u
ending=''
trap 'ending=yes; kill -TERM "$keeper" 2>/dev/null' TERM INT

while :; do
  began=$(date +%s)
  "$@" &
  keeper=$!
  # A signal ends `wait` before the keeper has ended.
  while :; do
    wait "$keeper"
    code=$?
    kill -0 "$keeper" 2>/dev/null || break
  done
  [ -z "$ending" ] && [ "$code" != 0 ] && [ "$code" != 2 ] || exit "$code"
  echo "keeper: it ended with code $code; starting it again"
  [ $(($(date +%s) - began)) -ge 5 ] || sleep 1
done
