# shellcheck shell=bash disable=SC2034 # read by whoever sources it
# Written from protocol/vm-states.ts by `node host/test/support/vm-states.ts`; a test compares them. What is not in a table is not
# known, and nothing is done about it.

# Of a state that QEMU or qm names: what kind it is. Only `runs` runs.
declare -gA run_state_kind=(
  [running]='runs'
  [stopped]='off'
  [paused]='held'
  [prelaunch]='held'
  [debug]='held'
  [inmigrate]='moving'
  [restore-vm]='moving'
  [save-vm]='moving'
  [finish-migrate]='moving'
  [colo]='moving'
  [postmigrate]='left'
  [suspended]='asleep'
  [io-error]='storage'
  [shutdown]='ended'
  [internal-error]='broken'
  [guest-panicked]='panicked'
  [watchdog]='watchdog'
)

# Of a configuration's lock: the types of the tasks that take it (the third field from the end of a UPID).
declare -gA lock_task_types=(
  [backup]='vzdump'
  [clone]='qmclone'
  [create]='qmcreate qmrestore qmclone qmtunnel'
  [migrate]='qmigrate qmtunnel'
  [rollback]='qmrollback'
  [snapshot]='qmsnapshot'
  [snapshot-delete]='qmdelsnapshot'
  [suspending]='qmsuspend'
  [suspended]='qmstart qmresume'
)

# Whose number such a task may carry besides the VM's own: none (several VMs), or another one (a clone's source).
declare -gA lock_task_any_vm=(
  [backup]='none'
  [clone]='other'
  [create]='other'
)

# A lock that `qm start` takes away by itself: no obstacle, and never a reason for `qm unlock`.
declare -gA lock_start_resumes=(
  [suspended]='yes'
)
