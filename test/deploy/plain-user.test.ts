// docs/install-user.md, as a user without root does it: `npm start` comes up whole, its link signs in, and the state of the VM is verified.
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Me, TargetState } from '../../protocol/me.ts';
import { freePort } from '../support/free-port.ts';
import { PROGRAM, quoted, startAsOtherUser, USER, whyNoOtherUser } from '../support/other-user.ts';
import { startRescueGround } from '../support/rescue-ground.ts';
import { skippedBecause } from '../support/skipped-because.ts';
import { until } from '../support/wait-for.ts';

const reason = whyNoOtherUser();
const exec = promisify(execFile);

describe.skipIf(reason !== undefined)(`a plain user${skippedBecause(reason)}`, () => {
  test('starts the console whole at a terminal, signs in by its link, and sees a verified state', async () => {
    const ground = await startRescueGround();
    onTestFinished(() => ground.close());
    const scratch = mkdtempSync(path.join(tmpdir(), 'bg-plain-'));
    onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
    const port = await freePort();
    const settings = { ...ground.settings, BREAKGLASS_PORT: String(port) };
    writeFileSync(
      path.join(scratch, 'environment'),
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    copyFileSync(ground.keyPath, path.join(scratch, 'id_ed25519'));

    const home = '/opt/home';
    const config = `${home}/.config/breakglass`;
    const { child, said } = startAsOtherUser(
      `mkdir -p ${config}
       cp ${scratch}/environment ${scratch}/id_ed25519 ${config}/
       chown -R ${USER}:${USER} ${home}
       chmod 700 ${config}
       chmod 600 ${config}/*
       for fixed in /workspace /secrets; do if [ -d "$fixed" ]; then mount -t tmpfs -o mode=700 tmpfs "$fixed"; fi; done
       cd ${PROGRAM}`,
      // script(1) gives it the terminal.
      `env -i PATH=${quoted(process.env['PATH'] ?? '')} HOME=${home} script -qefc 'npm start' /dev/null`,
    );
    await until('the link', () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${said()}`);
      return /#login=[0-9A-Z]{20}/.test(said());
    });
    const [, base = '', code = ''] = /(http:\S+)\/#login=([0-9A-Z]{20})/.exec(said()) ?? [];
    expect(base).toBe(`http://127.0.0.1:${port}`);
    // At a terminal its log may come after its welcome.
    await until('where things lie, in the log', () =>
      said().includes(
        `the record is in ${home}/.local/state/breakglass/data, settings come from the environment and ${config}/environment`,
      ),
    );
    expect(said()).not.toMatch(/EACCES|power only/i);

    const login = await fetch(`${base}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    });
    expect(login.status).toBe(204);
    const cookie = String(login.headers.get('set-cookie')).split(';')[0] ?? '';
    const get = async <T>(url: string) =>
      (await (await fetch(base + url, { headers: { cookie } })).json()) as T;
    expect((await get<Me>('/api/me')).mode).toBe('full');
    const state = await until('a state that was asked of both', async () => {
      const answer = await get<TargetState>('/api/targets/devvm');
      return answer.vm.state !== 'unknown' && answer.ssh.answers === true ? answer : undefined;
    });
    expect(state.vm.state).toBe('running');
    // And a person's own word for it.
    const { stdout } = await exec(
      process.execPath,
      [path.resolve(import.meta.dirname, '../../dist/breakglass.js'), 'status', 'devvm'],
      {
        env: { ...process.env, BREAKGLASS_URL: base, BREAKGLASS_TOKEN: await tokenOf(cookie, base) },
      },
    );
    expect(stdout).toMatch(/^devvm +running +answers /m);
  });
});

async function tokenOf(cookie: string, base: string): Promise<string> {
  const made = await fetch(`${base}/api/tokens`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/json', origin: base, 'sec-fetch-site': 'same-origin' },
    body: JSON.stringify({ name: 'terminal', role: 'operator' }),
  });
  return ((await made.json()) as { secret: string }).secret;
}
