#!/usr/bin/env bash
# A Slurm of several nodes on this one host, for tests: Debian's packages slurmctld, slurmd, slurm-client and munge; root; no systemd, no
# accounting, loopback only. Its GPUs are files. With ENFORCE_MEMORY=1 a job is held to the memory it asked for, by cgroups (version 1).
# PROLOG: a program that each node runs before a job.
# usage: slurm-up.sh FOLDER      then: . FOLDER/env      end: slurm-down.sh FOLDER
# NODES=4 CPUS=4 MEM=2000 (MB of a node) GPUS=2 (of a node) PORT=16817 (and the NODES ports behind it)
set -euo pipefail
S=$1
NODES=${NODES:-4} CPUS=${CPUS:-4} MEM=${MEM:-2000} GPUS=${GPUS:-2} PORT=${PORT:-16817}
[ "$(id -u)" = 0 ] || { echo 'a Slurm for tests needs root' >&2; exit 77; }
mkdir -p "$S"/{ctld,spool,log,run,gpu,munge}
chmod 755 "$S" "$S"/*
# A key and a socket of its own: a munged of the system's is not touched.
dd if=/dev/urandom of="$S/munge.key" bs=128 count=1 status=none
chmod 600 "$S/munge.key"
munged --force --key-file="$S/munge.key" --socket="$S/munge/s" --pid-file="$S/run/munged.pid" --log-file="$S/log/munged.log" --seed-file="$S/munge/seed" --num-threads=2
# Devices whose names end with a digit: it becomes the index in CUDA_VISIBLE_DEVICES.
for ((g = 0; g < GPUS; g++)); do mknod "$S/gpu/nvidia$g" c 1 3 2>/dev/null || : >"$S/gpu/nvidia$g"; done
cat >"$S/slurm.conf" <<C
ClusterName=fixture
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$S/munge/s,cred_expire=10
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$S/ctld
SlurmdSpoolDir=$S/spool/%n
SlurmctldPidFile=$S/run/slurmctld.pid
SlurmdPidFile=$S/run/slurmd-%n.pid
SlurmctldLogFile=$S/log/slurmctld.log
SlurmdLogFile=$S/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/$([ -n "${ENFORCE_MEMORY:-}" ] && echo cgroup || echo none)
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=0,batch_sched_delay=0,default_queue_depth=1000,requeue_delay=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxArraySize=${MAX_ARRAY:-1001}
MaxJobCount=50000
MinJobAge=${MIN_JOB_AGE:-300}
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=30
MessageTimeout=10
KillWait=3
InactiveLimit=0
JobRequeue=1
${PROLOG:+Prolog=$PROLOG}
RebootProgram=/bin/true
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=n[1-$NODES] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((PORT + 1))-$((PORT + NODES))] CPUs=$CPUS RealMemory=$MEM Gres=gpu:fake:$GPUS Feature=fake State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=10
C
cat >"$S/cgroup.conf" <<C
CgroupPlugin=cgroup/v1
CgroupMountpoint=/sys/fs/cgroup
ConstrainRAMSpace=yes
C
cat >"$S/gres.conf" <<C
AutoDetect=off
NodeName=n[1-$NODES] Name=gpu Type=fake File=$S/gpu/nvidia[0-$((GPUS - 1))]
C
echo "export SLURM_CONF=$S/slurm.conf" >"$S/env"
export SLURM_CONF="$S/slurm.conf"
slurmctld -f "$SLURM_CONF"
for ((i = 1; i <= NODES; i++)); do slurmd -N "n$i" -f "$SLURM_CONF"; done
for _ in $(seq 150); do
  up=$(sinfo -h -N -p main -o '%N %T' 2>/dev/null | grep -c ' idle$' || true)
  [ "$up" = "$NODES" ] && exit 0
  sleep 0.2
done
echo 'the nodes of the Slurm for tests did not come up' >&2
tail -n 20 "$S"/log/*.log >&2
exit 1
