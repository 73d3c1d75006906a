// `breakglass init`: the key, the access token and the settings of a console on this machine, and the two commands that let it in on the power
// host and in the VM. It can be run again at any time: what is there is offered, and replaced only after a yes. Keys are never replaced.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { visibleLine } from '../protocol/visible-text.ts';
import { environmentFile, parseEnvironment, withValues } from './environment-file.ts';
import { CliError, EXIT } from './failure.ts';
import { type Answers, ownAddressTowards, QUESTIONS, type Question } from './init-questions.ts';
import { credentialChange, hasCredential, readSecret } from './model-credential.ts';
import type { Env, Room, Terminal } from './surroundings.ts';

export interface InitOptions extends Partial<Answers> {
  /** Takes the defaults for what is not given, and replaces settings and a credential that are given otherwise. */
  readonly yes: boolean;
}

export async function init(
  options: InitOptions,
  env: Env,
  room: Pick<Room, 'print' | 'talk' | 'terminal'>,
  isRoot: boolean = process.getuid?.() === 0,
): Promise<void> {
  const file = environmentFile(env, isRoot);
  const before = existsSync(file) ? readText(file) : '';
  // An empty variable counts as none.
  const there = Object.fromEntries(
    Object.entries(parseEnvironment(before)).filter(([, value]) => value !== ''),
  );
  if (there['BREAKGLASS_CONFIG'] !== undefined)
    throw new CliError(
      `${file} names a file of several targets (${there['BREAKGLASS_CONFIG']}): add the target there (docs/runbook.md). Nothing was done.`,
      EXIT.usage,
    );
  const terminal = options.yes ? undefined : room.terminal?.();
  const dir = path.dirname(file);
  const answers = await answersTo(options, { there, hasModel: hasCredential({ dir, there }) }, terminal);
  const wanted = settingsOf(answers, there);
  const changed = Object.entries(wanted).filter(([name, value]) => there[name] !== value);
  const secret = answers.modelFile === '' ? undefined : readSecret(answers.modelFile);
  const model = secret === undefined ? undefined : credentialChange(secret, { dir, there, isRoot });
  const replaced = [
    ...changed.flatMap(([name, value]) =>
      there[name] === undefined ? [] : [{ name, says: `${name}: ${there[name]} becomes ${value}` }],
    ),
    ...(model?.replaced ?? []).map((name) => ({
      name,
      says: `${name}: another credential of the model takes its place`,
    })),
  ];
  await confirmChanges(replaced, { file, terminal, yes: options.yes });

  const { talk } = room;
  orSay(dir, () => mkdirSync(path.join(dir, 'secrets'), { recursive: true, mode: 0o700 }));
  const key = makeKey(path.join(dir, 'id_ed25519'), talk);
  // A console of root's is a service, which gets key and secrets from these places by itself.
  const own: Record<string, string> = isRoot ? {} : { BREAKGLASS_KEY_PATH: path.join(dir, 'id_ed25519') };
  keepSecret(dir, 'API_BEARER_TOKEN', there, () => randomBytes(32).toString('hex'), { isRoot, own, talk });
  for (const each of model?.write ?? []) {
    writePrivate(each, `${secret}\n`);
    talk(`${each} is written; nobody else can read it.`);
  }
  const text = withValues(before, {
    ...Object.fromEntries(changed),
    ...missing(own, there),
    ...model?.settings,
  });
  if (text !== before) {
    writePrivate(file, text);
    talk(`${file} is written.`);
  }
  // Last, so that a run that is cut off leaves a credential.
  for (const each of model?.remove ?? []) {
    orSay(each, () => rmSync(each));
    talk(`${each} is removed.`);
  }
  if ((model?.replaced ?? []).length > 0) talk('Restart the console: it takes the new credential then.');
  for (const line of nextSteps(answers, key, { isRoot, there, wanted })) room.print(line);
}

async function answersTo(
  options: InitOptions,
  { there, hasModel }: { there: Readonly<Record<string, string>>; hasModel: boolean },
  terminal: Terminal | undefined,
): Promise<Answers> {
  const answers: Record<string, string> = {};
  for (const question of QUESTIONS) {
    const kept = question.variable === undefined ? undefined : there[question.variable];
    const usual =
      kept ?? (question.name === 'from' ? await ownAddressTowards(answers['powerHost'] ?? '') : '');
    const asks =
      question.name === 'modelFile' && hasModel
        ? 'File with another credential of the model; nothing: the one that is there stays'
        : question.asks;
    answers[question.name] = await answerTo({ ...question, asks }, options[question.name], usual, terminal);
  }
  return answers as unknown as Answers;
}

async function answerTo(
  question: Question,
  given: string | undefined,
  usual: string,
  terminal: Terminal | undefined,
): Promise<string> {
  const { option, asks, mayBeEmpty, refuses } = question;
  const accepted = (answer: string): string | undefined =>
    answer === '' ? (mayBeEmpty ? undefined : 'something') : refuses(answer);
  if (given !== undefined || terminal === undefined) {
    const answer = (given ?? usual).trim();
    const expected = accepted(answer);
    if (expected === undefined) return answer;
    throw new CliError(
      answer === ''
        ? `${option} is missing: ${asks}. Nothing was done.`
        : `${option}: ${JSON.stringify(answer)} is not understood. Expected ${expected}. Nothing was done.`,
      EXIT.usage,
    );
  }
  for (;;) {
    const typed = await terminal.ask(`${asks}${usual === '' ? '' : ` [${usual}]`}: `);
    if (typed === undefined) throw new CliError('The input ended. Nothing was done.', EXIT.usage);
    const answer = typed.trim() === '' ? usual : typed.trim();
    const expected = accepted(answer);
    if (expected === undefined) return answer;
    if ((await terminal.ask(`Expected ${expected}. Press Enter to try again.`)) === undefined)
      throw new CliError('The input ended. Nothing was done.', EXIT.usage);
  }
}

/** What the answers say; accounts only where nothing is there, under the names that the installers make. */
function settingsOf(answers: Answers, there: Readonly<Record<string, string>>): Record<string, string> {
  const said = QUESTIONS.flatMap(({ name, variable }) =>
    variable === undefined || answers[name] === '' ? [] : [[variable, answers[name]]],
  );
  return {
    ...Object.fromEntries(said),
    // A console that already reaches its power host without naming an account does so as root.
    BREAKGLASS_PVE_USER:
      there['BREAKGLASS_PVE_USER'] ?? (there['BREAKGLASS_PVE_HOST'] === undefined ? 'breakglass' : 'root'),
    BREAKGLASS_DEVVM_OBSERVER_USER: there['BREAKGLASS_DEVVM_OBSERVER_USER'] ?? 'breakglass-observer',
  };
}

async function confirmChanges(
  replaced: readonly { readonly name: string; readonly says: string }[],
  { file, terminal, yes }: { file: string; terminal: Terminal | undefined; yes: boolean },
): Promise<void> {
  if (replaced.length === 0 || yes) return;
  if (terminal === undefined)
    throw new CliError(
      `${file} says otherwise: ${replaced.map(({ name }) => name).join(', ')}. Add --yes to replace that. Nothing was done.`,
      EXIT.usage,
    );
  const list = replaced.map(({ says }) => says).join('\n');
  const typed = await terminal.ask(`${list}\nReplace this in ${file}? y or n: `);
  if (!/^y(es)?$/i.test(typed?.trim() ?? '')) throw new CliError('Nothing was done.');
}

/** The public half. Where there is a key it stays, and must be one that the console can use. */
function makeKey(file: string, talk: Room['talk']): string {
  if (!existsSync(file)) {
    keygen(['-q', '-t', 'ed25519', '-N', '', '-C', 'breakglass', '-f', file]);
    talk(`${file} is a new key.`);
  }
  try {
    return keygen(['-y', '-P', '', '-f', file]).trim().split(' ').slice(0, 2).join(' ');
  } catch (error) {
    throw new CliError(
      `${error instanceof Error ? error.message : String(error)} The console can use no key with a passphrase, and none that others can read. Mend ${file} or move it away, and run this again.`,
    );
  }
}

function keygen(args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ssh-keygen', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error !== undefined)
    throw new CliError('ssh-keygen is missing: apt install openssh-client. Run this again after that.');
  if (status !== 0) throw new CliError(`ssh-keygen failed: ${visibleLine(stderr.trim())}`);
  return stdout;
}

/** In a file of its own, which nobody else may read and which is never replaced. */
function keepSecret(
  dir: string,
  name: string,
  there: Readonly<Record<string, string>>,
  make: () => string,
  { isRoot, own, talk }: { isRoot: boolean; own: Record<string, string>; talk: Room['talk'] },
): void {
  if (there[name] !== undefined || there[`${name}_FILE`] !== undefined) return;
  const file = path.join(dir, 'secrets', name);
  if (existsSync(file)) talk(`${file} is there already and stays.`);
  else {
    writePrivate(file, `${make()}\n`);
    talk(`${file} is written; nobody else can read it.`);
  }
  if (!isRoot) own[`${name}_FILE`] = file;
}

const missing = (own: Readonly<Record<string, string>>, there: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(own).filter(([name]) => there[name] === undefined));

/** Whole or not at all. */
function writePrivate(file: string, text: string): void {
  orSay(file, () => {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  });
}

function readText(file: string): string {
  return orSay(file, () => readFileSync(file, 'utf8'));
}

function orSay<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new CliError(
      `${file}: ${error instanceof Error ? error.message : String(error)}. Mend it and run this again.`,
    );
  }
}

function nextSteps(
  { vmid, from }: Answers,
  key: string,
  {
    isRoot,
    there,
    wanted,
  }: { isRoot: boolean; there: Readonly<Record<string, string>>; wanted: Readonly<Record<string, string>> },
): string[] {
  const powerUser = wanted['BREAKGLASS_PVE_USER'];
  const observer = wanted['BREAKGLASS_DEVVM_OBSERVER_USER'];
  const repair = there['BREAKGLASS_DEVVM_USER'] ?? 'breakglass';
  const account =
    powerUser === 'root' ? ' --simple' : powerUser === 'breakglass' ? '' : ` --user ${powerUser}`;
  const accounts = `${repair === 'breakglass' ? '' : ` --repair-user ${repair}`}${observer === 'breakglass-observer' ? '' : ` --observer-user ${observer}`}`;
  return [
    '1. On the power host, as root, in a checkout of Breakglass:',
    `   echo '${key}' | host/install --vmid ${vmid} --key - --from ${from}${account}`,
    '2. In the VM, as root, in a checkout of Breakglass:',
    `   echo '${key}' | host/install-vm --key - --from ${from}${accounts}`,
    isRoot
      ? '3. Here, in a checkout of Breakglass: deploy/install   (it makes the service with these settings)'
      : '3. Here: npm start (or breakglass serve); it prints a link that signs you in',
    '4. Then: breakglass doctor',
  ];
}
