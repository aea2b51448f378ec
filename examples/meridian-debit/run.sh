#!/bin/sh
# From source to finished cards: sh examples/meridian-debit/run.sh
exec sh "$(dirname "$0")/../line.sh" meridian-debit orders.bin
