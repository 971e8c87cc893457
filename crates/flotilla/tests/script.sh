#!/bin/sh
# Runs the script in $SCRIPT. A script file written by the test could still be open for writing in a forked process.
eval "$SCRIPT"
