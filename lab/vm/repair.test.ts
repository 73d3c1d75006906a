// A whole repair of a full disk through the real OpenSSH client, and the agreement of all that counts the disk.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { diskFull } from '../scenarios/disk-full.ts';
import { startTestVm, type TestVm } from './test-vm.ts';

let t: TestVm;
afterEach(() => t.close());

describe('disk-full', () => {
  beforeEach(async () => {
    t = await startTestVm(diskFull());
  });

  test('a repair is found, done and seen in every other command', async () => {
    expect((await t.ssh('df -h /')).out).toMatch(/\/dev\/sda1\s+39G\s+37G\s+0 100% \//);
    expect((await t.ssh('systemctl --failed --no-pager')).out).toMatch(
      /● orders-api\.service +loaded failed failed/,
    );
    const status = await t.ssh('systemctl status orders-api --no-pager');
    expect(status.code).toBe(3);
    expect(status.out).toContain('failed (Result: exit-code)');
    expect(status.out).toContain('No space left on device');
    const largest = await t.ssh(
      "sudo find / -xdev -type f -size +1G -printf '%s %p\\n' | sort -rn | head -1",
    );
    expect(largest.out).toMatch(/^3\d{10} \/var\/log\/orders-api\/debug\.log\n$/);

    const early = await t.ssh('sudo systemctl restart orders-api');
    expect(early).toMatchObject({
      code: 1,
      err: expect.stringContaining('Job for orders-api.service failed'),
    });
    expect((await t.ssh('journalctl -u orders-api -n 5 --no-pager')).out).toContain(
      'cannot allocate queue segment',
    );

    expect((await t.ssh('sudo truncate -s 0 /var/log/orders-api/debug.log')).code).toBe(0);
    expect((await t.ssh('df -h /')).out).toMatch(/31G +17% \//);
    expect(await t.ssh('sudo systemctl restart orders-api')).toMatchObject({ code: 0, err: '' });
    expect(await t.ssh('systemctl is-active orders-api.service')).toMatchObject({ code: 0, out: 'active\n' });
    expect((await t.ssh('ss -ltn')).out).toContain('0.0.0.0:8080');
    expect((await t.ssh('ps -C orders-api -o user=,args=')).out).toMatch(
      /orders-a?.* \/opt\/orders-api\/bin\/orders-api/,
    );
    expect((await t.ssh('systemctl --failed --no-legend')).out).toBe('');
    expect((await t.ssh('journalctl -u orders-api -n 1 --no-pager')).out).toContain(
      'Started orders-api.service',
    );
  });

  test.each([
    ['sudo rm /var/log/orders-api/debug.log'],
    ['sudo sh -c ": > /var/log/orders-api/debug.log"'],
    ['sudo truncate -s 0 /var/log/orders-api/debug.log'],
    ['echo -n | sudo tee /var/log/orders-api/debug.log'],
    ['sudo find /var/log/orders-api -name debug.log -delete'],
    ['sudo cp /dev/null /var/log/orders-api/debug.log'],
  ])('%s frees the space', async (command) => {
    expect(await t.ssh(command)).toMatchObject({ code: 0, err: '' });
    expect((await t.ssh('df --output=pcent / | tail -1')).out.trim()).toBe('17%');
  });

  test('df, du, ls, stat and find agree', async () => {
    const dir = '/var/log/orders-api';
    const { out } = await t.ssh(
      `ls -l ${dir}/debug.log | awk '{print $5}'; stat -c %s ${dir}/debug.log; find ${dir} -name debug.log -printf '%s\\n'; sudo du -b ${dir}/debug.log | cut -f1`,
    );
    expect(new Set(out.trim().split('\n')).size).toBe(1);
    const [blocks, used] = [
      await t.ssh('sudo du -sx / | cut -f1'),
      await t.ssh("df / | awk 'NR==2 {print $3}'"),
    ];
    expect(blocks.out).toBe(used.out);
    await t.ssh('sudo journalctl --vacuum-size=30M');
    expect((await t.ssh('journalctl --disk-usage')).out).toContain('24.0M');
    const after = Number((await t.ssh("df / | awk 'NR==2 {print $3}'")).out);
    expect(Number(used.out) - after).toBeGreaterThan(190 * 1024);
    expect((await t.ssh('sudo du -sx / | cut -f1')).out.trim()).toBe(String(after));
  });

  test('a user cannot write on the full disk, root still can, and both are told', async () => {
    expect(await t.ssh('echo hello > note; echo $?')).toMatchObject({
      out: '1\n',
      err: 'bash: line 1: echo: write error: No space left on device\n',
    });
    expect(await t.ssh('cp /etc/passwd . || echo no')).toMatchObject({
      out: 'no\n',
      err: expect.stringContaining('No space left on device'),
    });
    expect(await t.ssh('sudo sh -c "echo hello > /root/note && cat /root/note"')).toMatchObject({
      code: 0,
      out: 'hello\n',
    });
  });
});

test('another full path and another failed unit are followed everywhere', async () => {
  t = await startTestVm(diskFull({ path: '/srv/spool/trace-7.bin', unit: 'ledger-sync' }));
  expect((await t.ssh('systemctl --failed --no-legend --plain')).out).toMatch(/^ledger-sync\.service /);
  expect((await t.ssh('journalctl -p err -n 20 --no-pager')).out).toContain(
    '/srv/spool/trace-7.bin: No space left on device',
  );
  expect((await t.ssh('sudo du -xa / 2>/dev/null | sort -rn | head -6')).out).toContain(
    '/srv/spool/trace-7.bin',
  );
  expect((await t.ssh('systemctl status orders-api')).code).toBe(4);
  expect((await t.ssh('sudo systemctl start ledger-sync')).code).toBe(1);
  expect(
    (
      await t.ssh(
        'sudo rm -f /srv/spool/trace-7.bin && sudo systemctl start ledger-sync && systemctl is-active ledger-sync',
      )
    ).out,
  ).toBe('active\n');
});

test('what was written survives a boot, what was temporary does not, and enabled units start', async () => {
  t = await startTestVm(diskFull());
  await t.ssh('sudo rm /var/log/orders-api/debug.log; echo kept > ~/kept; echo gone > /tmp/gone');
  t.machine.stop();
  t.machine.start();
  await expect
    .poll(
      async () =>
        (await t.ssh('cat ~/kept; ls /tmp; systemctl is-active orders-api', { timeoutMs: 4_000 })).out,
      { timeout: 20_000 },
    )
    .toBe('kept\nactive\n');
  expect((await t.ssh('uptime -p')).out).toBe('up 0 minutes\n');
  expect((await t.ssh('journalctl --list-boots | wc -l')).out.trim()).toBe('2');
});
