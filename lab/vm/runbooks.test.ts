// Every command that the runbooks, the agent's instructions and the page's presets name gives a believable answer in the drill.
// They are found by their backticks. One that is new is run too, and must not be refused; an entry below says what it must print.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PRESETS, type Preset } from '../../web/src/state/presets.ts';
import { diskFull } from '../scenarios/disk-full.ts';
import { BUILT_IN, PROGRAM_NAMES } from './programs/names.ts';
import { ACCOUNTS, startTestVm, type TestVm } from './test-vm.ts';

/** What is in backticks and several words long, but no command for the VM: a pair, a message, one for the host or the agent, a follower. */
const NO_COMMANDS =
  /^[\w-]+:|^VM is locked|^Configuration file|^Killed process|^full avg10$|^connection refused$|^(qm|pve\w+|ssh pve) |\/etc\/pve\/|^tail -f$/;
/** A refusal, or a hole in our own text. */
const UNBELIEVABLE =
  /command not found|No such file|invalid option|unrecognized option|Unknown |syntax error|Error:|undefined|NaN|\[object/;

const DF = /Filesystem +Size +Used Avail Use% Mounted on\n[\s\S]*\/dev\/sda1 +39G +\d+G +\d\S* +\d+% \/\n/;
const UPTIME = /up 41 days, +\d+:\d\d, {2}0 users, {2}load average: 0\.21, 0\.34, 0\.41\n/;
const FREE = /Mem: +7979 +\d+ +\d+ +\d+ +\d+ +\d+\nSwap: +976 +18 +958\n/;
const FAILED =
  /● orders-api\.service loaded failed failed orders-api application server\n[\s\S]*1 loaded units listed/;
const NO_DMESG = /dmesg: read kernel buffer failed: Operation not permitted\n/;
const JOURNAL =
  /devvm orders-api\[\d+\]: FATAL cannot accept orders[\s\S]*systemd\[1\]: orders-api\.service: Failed with/;
const RESTART = /^(Job for orders-api\.service failed because .*\nSee "systemctl status .*\n)?$/;
const NOTHING = /^$/;

/** Standard output and errors together. FILE, UNIT and the like stand for what they are in this drill. */
const ANSWERS: Readonly<Record<string, readonly RegExp[]>> = {
  'uptime; free -m; df -h; systemctl --failed; dmesg | tail -30': [UPTIME, FREE, DF, FAILED, NO_DMESG],
  'uptime; systemctl --failed; dmesg | tail': [UPTIME, FAILED, NO_DMESG],
  'uptime; free -m; vmstat 1 3': [UPTIME, FREE, /-memory-[\s\S]*(\n 1 {2}0 {2}18432 .*){3}\n$/],
  uptime: [UPTIME],
  'free -m': [FREE],
  df: [/1K-blocks[\s\S]*\/dev\/sda1 +\d{8} +\d{8} +\d+ +100% \/\n/],
  'df -h; df -i': [DF, /Inodes +IUsed +IFree +IUse%[\s\S]*\/dev\/sda1 +\d+ +\d+ +\d+ +1% \/\n/],
  'df -h MOUNT; systemctl is-active UNIT': [DF, /(failed|active)\n$/],
  du: [/^\d+\t\.\n$/],
  'sudo -n du -xka --max-depth=1 DIR 2>/dev/null | sort -rn | head': [/^38\d{6}\t\/\n37\d{6}\t\/var\n/],
  'sudo -n lsof +L1': [NOTHING],
  'sudo -n lsof -nP FILE': [NOTHING],
  'sudo truncate -s 0 FILE': [NOTHING],
  'truncate -s 0': [/^truncate: missing file operand\n$/],
  'sudo journalctl --vacuum-size=200M': [/Vacuuming done, freed 64\.0M of archived journals/],
  'sudo apt-get clean': [NOTHING],
  'sudo systemctl reset-failed UNIT; sudo systemctl restart UNIT': [RESTART],
  'sudo systemctl restart UNIT': [RESTART],
  'sudo systemctl set-property --runtime UNIT MemoryMax=…': [NOTHING],
  'systemctl --failed --no-pager': [FAILED],
  'systemctl is-active': [/^Too few arguments\.\n$/],
  'systemctl is-active UNIT': [/^(failed|active)\n$/],
  'systemctl status UNIT --no-pager -l': [
    /orders-api\.service - orders-api[\s\S]*Active: (failed|active)[\s\S]*systemd\[1\]/,
  ],
  'journalctl -u UNIT -n 50 --no-pager': [JOURNAL],
  'journalctl -b -p err': [/No space left on device/],
  'journalctl -u ssh -n 30 --no-pager': [/devvm sshd\[\d+\]: Accepted publickey for breakglass/],
  'ps aux --sort=-rss | head': [/^USER +PID %CPU[\s\S]*\npostgres +\d+ .*182000/],
  "ps -eo state,pid,wchan:32,comm | grep '^D'": [NOTHING],
  'cat /proc/pressure/memory /proc/pressure/io': [/^(some avg10=0\.00 .*\nfull avg10=0\.00 .*\n){2}$/],
  "sudo -n dmesg -T | grep -iE 'oom|killed process' | tail": [NOTHING],
  'sudo -n ss -ltnp': [/LISTEN .*0\.0\.0\.0:22 .*users:\(\("sshd",pid=\d+,fd=3\)\)/],
  'sudo kill PID': [NOTHING],
  'sudo kill -9 PID': [NOTHING],
  stat: [/^stat: missing operand\n$/],
  sudo: [/^usage: sudo /],
  'sudo -n cat /proc/PID/wchan': [/^sudo: a password is required\n$/],
  'systemctl show UNIT -p ControlGroup -p MemoryHigh -p MemoryMax -p MemoryCurrent': [
    /^ControlGroup=.*\nMemoryCurrent=.+\nMemoryHigh=infinity\nMemoryMax=infinity\n$/,
  ],
  'cat /sys/fs/cgroup/PATH/memory.pressure /sys/fs/cgroup/PATH/memory.events': [
    /^some avg10=0\.00 .*\nfull avg10=0\.00 .*\nlow 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n/,
  ],
  'systemd-cgtop -m -n 1 --depth=3': [/^\/ +\d+ +- +\d[\s\S]*system\.slice\/postgresql@15-main\.service +\d/],
  'systemd-run --user --scope -p MemoryMax=200M COMMAND': [
    /^breakglass-observer\nRunning scope as unit: run-\w+\.scope\n$/,
  ],
  '(ulimit -v 400000; COMMAND)': [/^breakglass-observer\n$/],
  'ip -br address; ip route; systemctl status systemd-networkd NetworkManager --no-pager': [
    /^lo +UNKNOWN .*\nens18 +UP +10\.20\.0\.52\/24 \ndefault via 10\.20\.0\.1 .*\n.*\nUnit systemd-networkd\.service could not/,
  ],
  timedatectl: [/ Universal time: \w{3} \d{4}-[\s\S]*synchronized: yes\n/],
  // Not on a plain Debian, or not on the path of an ordinary user.
  "curl -sS -m 5 -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:PORT/": [
    /^bash: line 1: curl: command not found\n$/,
  ],
  swapoff: [/^bash: line 1: swapoff: command not found\n$/],
  'sshd -t': [NOTHING],
  'systemctl restart ssh; sshd -t': [NOTHING],
};

/** What the words of a preset ask for. */
const ASKED: Readonly<Record<Preset['id'], readonly [command: string, answer: RegExp]>> = {
  triage: [
    'uptime; free -m; df -h; systemctl --failed; sudo -n dmesg -T | tail -n 30',
    /Swap:[\s\S]*\] EXT4-fs/,
  ],
  memory: [
    'ps -eo pid,rss,args --sort=-rss | head -5; cat /proc/meminfo; journalctl -k -g oom --no-pager',
    /182000[\s\S]*MemAvailable[\s\S]*-- No entries --/,
  ],
  disk: [
    'sudo -n du -xh -d1 / | sort -rh | head -3; find / -xdev -size +1G 2>/dev/null; ls -l /var/log/orders-api',
    /G\t\/\n[\s\S]*\/var\/log\/orders-api\/debug\.log\n[\s\S]*-rw-r----- 1 orders-api adm \d+/,
  ],
  services: [
    'systemctl list-units --state=failed; systemctl list-jobs; journalctl -u orders-api -n 5',
    /orders-api[\s\S]*No jobs running\.\n.*devvm/,
  ],
  qemu: [
    "cat /etc/hostname; echo probe > /run/user-probe; ps -eo stat,args | grep '^D'",
    /^devvm\nbash: line 1: \/run\/user-probe: Permission denied\n$/,
  ],
};

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const named = [
  ...[...globSync('knowledge/*.md', { cwd: root }), 'agents/breakglass.md'].flatMap((file) => [
    ...read(file).matchAll(/`([^`\n]+)`/g),
  ]),
  ...read('web/src/state/presets.ts').matchAll(/\\`([^`\\]+)\\`/g),
].map(([, text = '']) => text);
const programs = [...BUILT_IN, ...PROGRAM_NAMES, 'sudo', 'swapoff'];
/** A word alone is a command only where it is a program. */
const isCommand = (text: string): boolean =>
  text.includes(' ') ? !NO_COMMANDS.test(text) : programs.includes(text);
const changes = (command: string): boolean => /sudo (?!-n)|restart/.test(command);
/** Looks first: a change may heal the drill. */
const commands = [...new Set(named)]
  .filter(isCommand)
  .sort((a, b) => Number(changes(a)) - Number(changes(b)));

let t: TestVm;
const daemons = ['cron', 'qemu-ga'];
beforeAll(async () => {
  t = await startTestVm(diskFull());
});
afterAll(() => t.close());

const answer = async (command: string): Promise<string> => {
  const file = '/var/log/orders-api/debug.log';
  const meant = {
    DIR: '/',
    MOUNT: '/',
    UNIT: 'orders-api',
    FILE: file,
    PATH: 'system.slice/ssh.service',
    PORT: '8080',
    COMMAND: 'id -un',
    '…': '1G',
  };
  let real = command.replaceAll(
    /\b(DIR|MOUNT|UNIT|FILE|PATH|PORT|COMMAND)\b|…/g,
    (word) => meant[word as keyof typeof meant],
  );
  real = real.replace(/\bPID\b/, () => `$(pgrep ${/kill/.test(real) ? daemons.pop() : 'rsyslogd'})`);
  // What the runbooks do at the VM's console they do as root; what changes something as the repair account.
  if (/^(sshd|systemctl restart)/.test(real)) real = `sudo sh -c '${real}'`;
  const user = /\bsudo (?!-n)/.test(real) ? ACCOUNTS.repair : ACCOUNTS.observer;
  const { out, err } = await t.ssh(real, { user });
  return out + err;
};

test('the files name commands', () => {
  expect(commands.length).toBeGreaterThan(30);
});

test.each(PRESETS.map(({ id }) => id))('what the preset %s asks for', async (id) => {
  const [command, pattern] = ASKED[id];
  expect(await answer(command)).toMatch(pattern);
});

test.each(commands)('%s', async (command) => {
  const said = await answer(command);
  for (const pattern of ANSWERS[command] ?? []) expect(said).toMatch(pattern);
  if (ANSWERS[command] === undefined) expect(said).not.toMatch(UNBELIEVABLE);
});

test('a limit that was set is shown, and a process is found below /proc', async () => {
  const set = 'sudo systemctl set-property --runtime orders-api MemoryHigh=infinity MemoryMax=1G';
  const show = 'systemctl show orders-api -p MemoryMax --value';
  const limit = 'cat /sys/fs/cgroup/system.slice/orders-api.service/memory.max';
  const user = ACCOUNTS.repair;
  expect((await t.ssh(`${set}; ${show}; ${limit}`, { user })).out).toBe('1073741824\n1073741824\n');
  const read = 'p=$(pgrep rsyslogd); sudo -n cat /proc/$p/wchan /proc/$p/comm; ls -d /proc/99999';
  const { out, err } = await t.ssh(read, { user });
  expect(out).toBe('do_epoll_waitrsyslogd\n');
  expect(err).toBe("ls: cannot access '/proc/99999': No such file or directory\n");
});
