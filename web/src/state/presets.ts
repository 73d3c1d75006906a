// The five questions that an operator asks first, each with its full prompt. A prompt begins with its label, so that its first
// words say what was asked.
export interface Preset {
  readonly id: 'triage' | 'memory' | 'disk' | 'services' | 'qemu';
  readonly label: string;
  readonly about: string;
  readonly prompt: (target: string) => string;
}

export const PRESETS: readonly Preset[] = [
  {
    id: 'triage',
    label: 'Triage',
    about: 'Uptime, load, memory, disks, failed units, kernel log',
    prompt: (target) =>
      `Triage ${target}: check uptime, load, memory, swap, disk usage, failed systemd units and the last 30 lines of dmesg. Then give a short summary: what is wrong, how sure you are, and what you would do next.`,
  },
  {
    id: 'memory',
    label: 'Memory',
    about: 'Memory, swap, OOM kills, the biggest processes',
    prompt: (target) =>
      `Memory / OOM on ${target}: check memory and swap use, the largest processes by resident memory, memory pressure, and OOM kills in dmesg and the journal. Say what uses the memory and what would free it with the least harm.`,
  },
  {
    id: 'disk',
    label: 'Disk',
    about: 'What fills it, what is safe to clear',
    prompt: (target) =>
      `Disk on ${target}: check which filesystems are full (space and inodes), find what fills them, and say what is safe to clear and what is not. Do not delete anything before you have said what it is.`,
  },
  {
    id: 'services',
    label: 'Services',
    about: 'Failed or stuck units, with status and journal',
    prompt: (target) =>
      `Services on ${target}: list failed or stuck systemd units, and for each show its status and its last journal lines. Say why it failed and what would bring it back.`,
  },
  {
    id: 'qemu',
    label: 'QEMU wedged?',
    about: 'Is the QEMU process itself stuck, is a cycle needed',
    prompt: (target) =>
      `QEMU wedged? Check the responsiveness of ${target} over SSH first (uptime, a small read and write, D-state processes). Then run \`ssh pve forensics\` and read it: does QEMU answer QMP, does the disk do I/O, does guest CPU move? Say whether a cycle is needed. A warm reset keeps the QEMU process and does not cure a stall inside it.`,
  },
];
