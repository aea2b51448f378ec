#!/bin/sh
# From source to finished cards: sh examples/kestrel-access/run.sh
exec sh "$(dirname "$0")/../line.sh" kestrel-access orders.txt
