#!/bin/sh
# From source to finished cards: sh examples/harbour-prepaid/run.sh
exec sh "$(dirname "$0")/../line.sh" harbour-prepaid orders.csv
