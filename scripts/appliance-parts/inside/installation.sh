#!/bin/bash
# The first scenes of the guide, in the root of the appliance before it is labelled and booted for the first time.
set -u
here=/acceptance
say() { printf '%s\n' "$*"; }
source $here/checks.sh
source $here/guide.sh
guide media
guide install
