#!/usr/bin/env bash
# Ends what slurm-up.sh has started: every daemon by its pid file, never by name, and the steps that are theirs.
# usage: slurm-down.sh FOLDER
S=$1
[ -d "$S/run" ] || exit 0
export SLURM_CONF=$S/slurm.conf
timeout 5 scancel --state=RUNNING -u root >/dev/null 2>&1
timeout 5 scancel --state=PENDING -u root >/dev/null 2>&1
for _ in $(seq 20); do [ -z "$(timeout 2 squeue -h -t RUNNING,COMPLETING 2>/dev/null)" ] && break; sleep 0.2; done
steps() { for p in $(pgrep -x slurmstepd); do cat "/proc/$p/environ" 2>/dev/null | tr '\0' '\n' | grep -qx "SLURM_CONF=$S/slurm.conf" && echo "$p"; done; }
for f in "$S"/run/slurmd-*.pid "$S"/run/slurmctld.pid; do [ -f "$f" ] && kill "$(cat "$f")" 2>/dev/null; done
for p in $(steps); do kill -9 "$p" 2>/dev/null; done
for _ in $(seq 50); do
  alive=0
  for f in "$S"/run/slurm*.pid; do [ -f "$f" ] && kill -0 "$(cat "$f")" 2>/dev/null && alive=1; done
  [ $alive = 0 ] && break
  sleep 0.1
done
for f in "$S"/run/slurm*.pid; do [ -f "$f" ] && kill -9 "$(cat "$f")" 2>/dev/null; done
# What held its jobs to their memory: groups of each node, empty now.
if grep -q '^TaskPlugin=task/cgroup' "$S/slurm.conf"; then
  for d in "$S"/spool/*/; do find "/sys/fs/cgroup/memory/slurm_$(basename "$d")" -depth -type d -exec rmdir {} \; 2>/dev/null; done
fi
[ -f "$S/run/munged.pid" ] && kill "$(cat "$S/run/munged.pid")" 2>/dev/null
exit 0
