// A whole repair of a full disk through the real OpenSSH client, and the agreement of all that counts the disk.
import { afterEach, expect, test } from 'vitest';
import { type DiskFullOptions, diskFull } from '../scenarios/disk-full.ts';
import { startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
afterEach(() => t.close());
const out = async (command: string): Promise<string> => (await t.ssh(command)).out;

const OTHER: DiskFullOptions = { path: '/srv/spool/trace-7.bin', unit: 'ledger-sync' };

test.each<[string, string, DiskFullOptions]>([
  ['orders-api', '/var/log/orders-api/debug.log', {}],
  ['ledger-sync', '/srv/spool/trace-7.bin', OTHER],
])('%s: a repair is found, done and seen in every other command', async (unit, path, options) => {
  t = await startTestVm(diskFull(options));
  expect(await out('df -h /')).toMatch(/\/dev\/sda1\s+39G\s+37G\s+0 100% \//);
  expect(await out('systemctl --failed --no-legend --plain')).toMatch(
    new RegExp(`^${unit}.service loaded failed failed`),
  );
  const status = await t.ssh(`systemctl status ${unit} --no-pager`);
  expect(status).toMatchObject({ code: 3, out: expect.stringContaining('failed (Result: exit-code)') });
  expect(status.out).toContain(`${path}: No space left on device`);
  expect(await out('journalctl -p err --no-pager')).toContain(`${path}: No space left on device`);
  const largest = "sudo find / -xdev -type f -size +1G -printf '%s %p\\n' | sort -rn | head -1";
  expect(await out(largest)).toMatch(new RegExp(`^3\\d{10} ${path}\\n$`));

  const early = await t.ssh(`sudo systemctl restart ${unit}`);
  expect(early).toMatchObject({ code: 1, err: expect.stringContaining(`Job for ${unit}.service failed`) });
  expect(await out(`journalctl -u ${unit} -n 5 --no-pager`)).toContain('cannot allocate queue segment');

  expect((await t.ssh(`sudo truncate -s 0 ${path}`)).code).toBe(0);
  expect(await out('df -h /')).toMatch(/3\dG +17% \//);
  expect(await t.ssh(`sudo systemctl restart ${unit}`)).toMatchObject({ code: 0, err: '' });
  expect(await t.ssh(`systemctl is-active ${unit}.service`)).toMatchObject({ code: 0, out: 'active\n' });
  expect(await out('ss -ltn')).toContain('0.0.0.0:8080');
  expect(await out(`ps -C ${unit} -o args=`)).toContain(`/opt/${unit}/bin/${unit} --config`);
  expect(await out(`sudo lsof -nP /var/log/${unit}/${unit}.log`)).toContain(unit);
  expect(await out('systemctl --failed --no-legend')).toBe('');
  expect(await out(`journalctl -u ${unit} -n 1 --no-pager`)).toContain(`Started ${unit}.service`);
});

test.each([
  'sudo rm /var/log/orders-api/debug.log',
  'sudo sh -c ": > /var/log/orders-api/debug.log"',
  'echo -n | sudo tee /var/log/orders-api/debug.log',
  'sudo find /var/log/orders-api -name debug.log -delete',
  'sudo cp /dev/null /var/log/orders-api/debug.log',
  'sudo find / -xdev -user orders-api -size +20G -exec truncate -s 0 {} \\;',
])('%s frees the space', async (command) => {
  t = await startTestVm(diskFull());
  expect(await t.ssh(command)).toMatchObject({ code: 0, err: '' });
  expect((await out('df --output=pcent / | tail -1')).trim()).toBe('17%');
});

test('df, du, ls, stat and find agree, also after a vacuum', async () => {
  t = await startTestVm(diskFull());
  const [dir, file] = ['/var/log/orders-api', '/var/log/orders-api/debug.log'];
  const sizes = await out(
    `ls -l ${file} | awk '{print $5}'; stat -c %s ${file}; find ${dir} -name debug.log -printf '%s\\n'; sudo du -b ${file} | cut -f1`,
  );
  expect(new Set(sizes.trim().split('\n')).size).toBe(1);
  // In one command of root: a second login or sudo would add a line to a log.
  const both = async (): Promise<string[]> =>
    (await out(`sudo sh -c "df / | awk 'NR==2 {print \\$3}'; du -sx / | cut -f1"`)).trim().split('\n');
  const [before, counted] = await both();
  expect(counted).toBe(before);
  await t.ssh('sudo journalctl --vacuum-size=30M');
  expect(await out('journalctl --disk-usage')).toContain('24.0M');
  const [after, countedAfter] = await both();
  expect(countedAfter).toBe(after);
  expect(Number(before) - Number(after)).toBeGreaterThan(190 * 1024);
});

test('a user cannot write on the full disk, root still can, and both are told', async () => {
  t = await startTestVm(diskFull());
  const words = 'bash: line 1: echo: write error: No space left on device\n';
  expect(await t.ssh('echo hello > note; echo $?')).toMatchObject({ out: '1\n', err: words });
  const copy = await t.ssh('cp /etc/passwd . || echo no');
  expect(copy).toMatchObject({
    out: 'no\n',
    err: expect.stringMatching(/^cp: .*: No space left on device\n$/),
  });
  const roots = await t.ssh('sudo sh -c "echo hello > /root/note && cat /root/note"');
  expect(roots).toMatchObject({ code: 0, out: 'hello\n' });
});

test('what was written survives a boot, what was temporary does not, and enabled units start', async () => {
  t = await startTestVm(diskFull());
  await t.ssh('sudo rm /var/log/orders-api/debug.log; echo kept > ~/kept; echo gone > /tmp/gone');
  t.machine.stop();
  t.machine.start();
  expect(await out('cat ~/kept; ls /tmp; systemctl is-active orders-api')).toBe('kept\nactive\n');
  expect(await out('uptime -p; journalctl -b -1 -n 1 | wc -l')).toBe('up 0 minutes\n1\n');
});
