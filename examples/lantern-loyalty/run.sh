#!/bin/sh
# From source to finished cards: sh examples/lantern-loyalty/run.sh
exec sh "$(dirname "$0")/../line.sh" lantern-loyalty orders.json
