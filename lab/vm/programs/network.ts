// ip: one network, and the gateway at its first address. Changing it would cut off the drill.
import { done, type Program } from './program.ts';

const DEVICES = [
  ['lo', 'UNKNOWN', '<LOOPBACK,UP,LOWER_UP>', '00:00:00:00:00:00'],
  ['ens18', 'UP', '<BROADCAST,MULTICAST,UP,LOWER_UP>', 'bc:24:11:5e:10:66'],
] as const;

export const ip: Program = ({ guest: { seed }, args }) => {
  // Its options are words behind one dash.
  const [words, flags] = [
    args.filter((arg) => !arg.startsWith('-')),
    args.filter((arg) => arg.startsWith('-')),
  ];
  const strange = flags.find((flag) => !/^-(br(ief)?|4|c(olor)?)$/.test(flag));
  if (strange !== undefined)
    return done('', `Option "${strange.slice(1)}" is unknown, try "ip -help".\n`, 255);
  const [object = '', verb = 'show'] = words;
  const network = seed.address.replace(/\d+$/, '');
  const isA = (name: string): boolean => object !== '' && name.startsWith(object);
  if (!['address', 'link', 'route'].some(isA))
    return done('', `Object "${object}" is unknown, try "ip help".\n`, 1);
  if (!/^(s(how)?|l(ist)?|ls)$/.test(verb))
    return done('', 'RTNETLINK answers: Operation not permitted\n', 2);
  if (isA('route'))
    return done(
      `default via ${network}1 dev ens18 onlink \n${network}0/24 dev ens18 proto kernel scope link src ${seed.address} \n`,
    );
  const named = words.at(-1);
  const shown = DEVICES.filter(([name]) => words.length < 3 || name === named);
  if (shown.length === 0) return done('', `Device "${named}" does not exist.\n`);
  const isBrief = flags.some((flag) => flag.startsWith('-br'));
  const lines = shown.map(([name, state, how, mac]) => {
    const [inet, scope] =
      name === 'lo' ? ['127.0.0.1/8', 'host'] : [`${seed.address}/24 brd ${network}255`, 'global'];
    const brief = isA('address') ? `${inet.split(' ')[0]} ` : `${mac} ${how} `;
    if (isBrief) return `${name.padEnd(16)} ${state.padEnd(14)} ${brief}\n`;
    const at = DEVICES.findIndex(([each]) => each === name) + 1;
    const head = `${at}: ${name}: ${how} mtu ${name === 'lo' ? 65_536 : 1500} qdisc ${name === 'lo' ? 'noqueue' : 'fq_codel'} state ${state} group default qlen 1000\n`;
    const link = `    link/${name === 'lo' ? `loopback ${mac} brd 00:00:00:00:00:00` : `ether ${mac} brd ff:ff:ff:ff:ff:ff`}\n`;
    const address = `    inet ${inet} scope ${scope} ${name}\n       valid_lft forever preferred_lft forever\n`;
    return head + link + (isA('address') ? address : '');
  });
  return done(lines.join(''));
};
