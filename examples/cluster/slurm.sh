#!/bin/sh
# A scan on a Slurm cluster: 64 tasks share the units of one work directory that all nodes see, the last step adds.
#
#   job=$(sbatch --parsable --array=1-64 examples/cluster/slurm.sh scan)
#   sbatch --dependency=afterok:"$job" examples/cluster/slurm.sh merge
#
# A task that died is run again with `sbatch --array=17 ... scan`; it does only what is missing.
#SBATCH --job-name=prunus
#SBATCH --cpus-per-task=8
#SBATCH --requeue
set -eu
: "${CORPUS:?files, directories or URLs}" "${MODEL:?directory}" "${WORK:?directory}" "${OUT:?counts.parquet}"

case "$1" in
scan)
    prunus scan "$CORPUS" --tokenizer "$MODEL" --column "${COLUMN:-text}" --resume "$WORK" \
        --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --threads "${SLURM_CPUS_PER_TASK:-1}" --quiet
    ;;
merge)
    prunus merge "$WORK" -o "$OUT"
    ;;
esac
