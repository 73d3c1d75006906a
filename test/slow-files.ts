// The tests that take longest, longest first: they are begun first, so that none of them is still at it when all others are
// through, and `npm run test:fast` leaves them out. Globs below the repository. Nothing depends on the list being complete: the table
// at the end of `npm test` shows what belongs here.
export const SLOW_FILES: readonly string[] = [
  // A real QEMU, emulated; a real browser; a console killed again and again.
  'test/drills/*.test.ts',
  'server/doctor/{target-links,whole,agent-links}.test.ts',
  'test/faults/kills.test.ts',
  'lab/qemu/qemu-host.test.ts',
  'web/dev/*.test.ts',
  'host/test/install*.test.ts',
  'test/e2e/*.test.ts',
  'test/deploy/{container,release}.test.ts',
  'test/bundle.test.ts',
  'test/deploy/{install,systemd,plain-user}.test.ts',
  // Real consoles, a real sshd, the real Claude Code CLI, and limits that are waited for.
  'server/agent/{trouble,driver}.test.ts',
  'test/contract/*.test.ts',
  'test/faults/*.test.ts',
  'server/audit/audit.test.ts',
  'server/power/{power,trouble}.test.ts',
  'server/targets/host-keys.test.ts',
  'lab/vm/*.test.ts',
  'lab/power-host/power-host.test.ts',
  'host/test/*.test.ts',
  'server/ssh/connection.test.ts',
  'server/guest/guest.test.ts',
  'server/agent/hostile.test.ts',
];
