// What the tests need of Debian. Installed when we are root, else named with the exact command.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';

const isRoot = process.getuid?.() === 0;

/** Where the PATH has it, since not only Debian brings it; else where Debian puts it. */
const onPath = (name: string): string =>
  (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((dir) => path.join(dir, name))
    .find(existsSync) ?? path.join('/usr/bin', name);

const NEEDED = [
  { file: '/usr/sbin/sshd', debianPackage: 'openssh-server' },
  { file: '/usr/bin/ssh', debianPackage: 'openssh-client' },
  { file: '/usr/bin/chromium', debianPackage: 'chromium' },
  { file: '/usr/bin/shellcheck', debianPackage: 'shellcheck' },
  { file: '/usr/bin/ps', debianPackage: 'procps' },
  { file: '/usr/bin/sudo', debianPackage: 'sudo' },
  { file: '/usr/bin/jq', debianPackage: 'jq' },
  { file: '/usr/bin/openssl', debianPackage: 'openssl' },
  { file: '/usr/bin/cpio', debianPackage: 'cpio' },
  { file: '/usr/bin/script', debianPackage: 'bsdutils' },
  { file: '/usr/bin/zsh', debianPackage: 'zsh' },
  { file: '/usr/bin/fish', debianPackage: 'fish' },
  { file: '/usr/bin/systemd-analyze', debianPackage: 'systemd' },
  { file: '/usr/bin/lynx', debianPackage: 'lynx' },
  { file: '/usr/bin/w3m', debianPackage: 'w3m' },
  { file: '/usr/bin/caddy', debianPackage: 'caddy' },
  { file: '/usr/bin/prometheus-alertmanager', debianPackage: 'prometheus-alertmanager' },
  // promtool. The package has a server too, which the tests do not start.
  { file: '/usr/bin/promtool', debianPackage: 'prometheus' },
  { file: onPath('kubectl'), debianPackage: 'kubernetes-client' },
  // An image is built and started by root alone.
  ...(isRoot
    ? [
        { file: '/usr/bin/buildah', debianPackage: 'buildah' },
        { file: '/usr/bin/mmdebstrap', debianPackage: 'mmdebstrap' },
      ]
    : []),
];

/** Ends the process where something is missing and cannot be installed. */
export function installWhatIsMissing(): void {
  const missing = NEEDED.filter(({ file }) => !existsSync(file)).map(({ debianPackage }) => debianPackage);
  if (missing.length === 0) return;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!isRoot) {
    console.error(`The tests need packages that are not installed. Run as root:\n  ${install}`);
    process.exit(1);
  }
  console.log(`installing ${missing.join(', ')}`);
  const { status } = spawnSync('sh', ['-c', install], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    console.error(`Could not install them. Run by hand:\n  ${install}`);
    process.exit(1);
  }
}
