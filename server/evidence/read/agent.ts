// What the guest agent said: to a ping, and about its file systems. Pure.
import { known, notAsked, type Reading, unreadable } from '../../triage/reading.ts';

const exitOf = (text: string): number | undefined => {
  const exit = /^exit: (\d{1,3})\s*$/.exec(text.split('\n', 1)[0] ?? '')?.[1];
  return exit === undefined ? undefined : Number(exit);
};

type Agent = 'answers' | 'silent' | 'not-configured';

/**
 * `exit: N` and what qm said. Only qm's own words for an agent that is silent count as silence: it fails for other reasons, too.
 * @param configured of the configuration, which says "is not running" of an agent that is switched off as well
 */
export function readPing(ping: string, configured: boolean | undefined): Reading<Agent> {
  const exit = exitOf(ping);
  if (exit === undefined) return unreadable('agent-ping: no exit code');
  if (exit === 0) return known('answers');
  if (/no qemu guest agent configured/i.test(ping) || configured === false) return known('not-configured');
  if (/qemu guest agent is not running|got timeout|no answer/i.test(ping))
    return configured === undefined && !/got timeout|no answer/i.test(ping)
      ? unreadable('agent-ping: whether an agent is configured is not known')
      : known('silent');
  if (/\bVM \d+ is not running/i.test(ping)) return notAsked('agent-ping: the VM was not running');
  return unreadable(`agent-ping: ${ping.trim().split('\n').at(-1)?.slice(0, 200)}`);
}

/** `qm guest cmd ID fsfreeze-status` answers one word; over the socket it is JSON. */
export function readFreeze(text: string): Reading<'thawed' | 'frozen'> {
  const word =
    /^[ \t]*"?(thawed|frozen)"?[ \t]*,?[ \t]*$/m.exec(text)?.[1] ??
    /"return":\s*"(thawed|frozen)"/.exec(text)?.[1];
  if (word === 'thawed' || word === 'frozen') return known(word);
  return unreadable(`fsfreeze: ${text.trim().split('\n').at(-1)?.slice(0, 200) || 'nothing was said'}`);
}
