#!/bin/sh
# A simulation on Slurm, sharded by run: task i of the array does part i + 1 of as many as there are.
#
#   SCENARIO=scenario.yaml RESULTS=results sbatch deploy/sim/slurm.sh          # three parts
#   SCENARIO=scenario.yaml RESULTS=results sbatch --array=0-99 deploy/sim/slurm.sh
#
# then, in any order:  posse sim merge results/part-* --out results/whole
#
# A task that is stopped or requeued goes on where it was: its folder holds what is done. Results are the same bytes as
# one machine's, for any number of tasks, on nodes of one kind of processor.
#SBATCH --job-name=posse-sim
#SBATCH --array=0-2
#SBATCH --cpus-per-task=4
#SBATCH --mem=1G
#SBATCH --requeue
set -eu
: "${SCENARIO:?name the scenario}" "${RESULTS:?name the folder for the parts}"
exec posse sim run "$SCENARIO" --parallel "${SLURM_CPUS_PER_TASK:-1}" \
  --shard "$((SLURM_ARRAY_TASK_ID + 1))/$SLURM_ARRAY_TASK_COUNT" --out "$RESULTS/part-$SLURM_ARRAY_TASK_ID"
