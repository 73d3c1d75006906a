// apt, dpkg, logrotate, service, sync, reboot and the like: what one reaches for when a disk is full or a unit is down.
import type { Call, Program } from '../call.ts';
import { ROOT } from '../state/credentials.ts';
import { nameOf, normalize, parentOf } from '../state/inode.ts';
import { systemctl } from './systemctl.ts';

const ARCHIVES = '/var/cache/apt/archives';

export const apt: Program = async (call) => {
  const [verb = ''] = call.args.filter((arg) => !arg.startsWith('-'));
  if (call.who.uid !== 0 && verb !== 'list' && verb !== 'policy') {
    await call.err(
      `E: Could not open lock file ${ARCHIVES}/lock - open (13: Permission denied)\nE: Unable to lock directory ${ARCHIVES}/\n`,
    );
    return 100;
  }
  const { tree } = call.guest;
  switch (verb) {
    case 'clean':
    case 'autoclean': {
      for (const [name, node] of Array.from(tree.lookup(ARCHIVES, ROOT).entries))
        if (node.kind === 'file') tree.remove(`${ARCHIVES}/${name}`, ROOT);
      for (const name of ['pkgcache.bin', 'srcpkgcache.bin'])
        if (tree.find(`/var/cache/apt/${name}`, ROOT)) tree.remove(`/var/cache/apt/${name}`, ROOT);
      return 0;
    }
    case 'autoremove':
      await call.out(
        'Reading package lists...\nBuilding dependency tree...\nReading state information...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n',
      );
      return 0;
    case 'list':
      await call.out('Listing...\nbash/stable,now 5.2.15-2+b8 amd64 [installed]\n');
      return 0;
    default:
      await call.err(
        "W: Failed to fetch http://deb.debian.org/debian/dists/bookworm/InRelease  Temporary failure resolving 'deb.debian.org'\nE: Unable to fetch some archives: this machine is simulated and has no network.\n",
      );
      return 100;
  }
};

export const dpkg: Program = async (call) => {
  if (call.args.includes('-l'))
    await call.out(
      'ii  bash           5.2.15-2+b8  amd64        GNU Bourne Again SHell\nii  openssh-server 1:9.2p1-2+deb12u5 amd64    secure shell (SSH) server\n',
    );
  else await call.out('amd64\n');
  return 0;
};

/** Rotates what the configuration names: the file moves aside, and a fresh one takes its place. It frees nothing by itself. */
export const logrotate: Program = async (call) => {
  if (call.who.uid !== 0) {
    await call.err('error: error creating output file /var/lib/logrotate/status.tmp: Permission denied\n');
    return 1;
  }
  const { tree } = call.guest;
  const [config = '/etc/logrotate.conf'] = call.args.filter((arg) => !arg.startsWith('-'));
  const dryRun = call.args.some((arg) => /^-[a-z]*d/.test(arg));
  const single = normalize(call.cwd, config);
  const files =
    single === '/etc/logrotate.conf'
      ? [...tree.lookup('/etc/logrotate.d', ROOT).entries.keys()].map((name) => `/etc/logrotate.d/${name}`)
      : [single];
  for (const file of files) {
    const text = Buffer.from(tree.read(file, call.who)).toString('utf8');
    for (const path of text.match(/^\/\S+/gm) ?? []) {
      const node = tree.find(path, ROOT);
      if (node?.kind !== 'file' || node.size === 0 || !call.args.some((arg) => /^-[a-z]*f|--force/.test(arg)))
        continue;
      await call.out(`rotating log ${path}, log->rotateCount is 4\n`);
      if (dryRun) continue;
      const { mode, uid, gid } = node;
      if (tree.find(`${path}.1`, ROOT)) tree.remove(`${path}.1`, ROOT);
      tree.rename(path, `${parentOf(path)}/${nameOf(path)}.1`, ROOT);
      tree.open(path, ROOT, true, { mode, uid, gid });
    }
  }
  return 0;
};

export const service: Program = (call) => {
  const [name = '', verb = 'status'] = call.args;
  return systemctl({ ...call, name: 'systemctl', args: [verb, name] });
};

export const sync: Program = () => 0;

export const power: Program = async (call: Call) => {
  if (call.who.uid !== 0) {
    await call.err(
      `Failed to set wall message, ignoring: Interactive authentication required.\nCall to ${call.name === 'reboot' ? 'Reboot' : 'PowerOff'} failed: Interactive authentication required.\n`,
    );
    return 1;
  }
  call.power(
    call.name === 'reboot' || (call.name === 'shutdown' && call.args.includes('-r')) ? 'reboot' : 'poweroff',
  );
  return 0;
};

export const sysctl: Program = async (call) => {
  for (const key of call.args.filter((arg) => !arg.startsWith('-'))) {
    const node = call.guest.tree.find(`/proc/sys/${key.replaceAll('.', '/')}`, call.who);
    if (!node?.made) {
      await call.err(
        `sysctl: cannot stat /proc/sys/${key.replaceAll('.', '/')}: No such file or directory\n`,
      );
      return 255;
    }
    await call.out(`${key} = ${node.made()}`);
  }
  return 0;
};
