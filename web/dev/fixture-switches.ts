// How the fixture server is made to misbehave, by `POST /fixture/…`:
// `link?state=refuse|cut|ok` breaks the session stream · `power?state=unknown|checking|busy|contradict|ok` chooses how the next verb ends
// (`contradict`: it wants a second press; `checking`: its connection is lost until `ok`) · `lose-operations` forgets those of power, as a restart does that could record none · `mode?state=power-only|full` · `forget` loses every session ·
// `target?name=&vm=&ssh=true|false&reach=ok|unreachable|half-open&found=stalled|past&lived=true` changes a machine · `hold?path=/api/…` keeps the answers of a path
// back until `release` (`release?path=`: of one) · `mixup?state=<name>|ok` lets every answer about a target be about that one instead ·
// `host-key?name=<name>&vm=<letter>&power_host=<letter>` lets these sides show a changed host key, a letter for each key ·
// `role?is=operator|observer` · `ask?kind=command|long|verb&session=last|new&target=&observer=true|false&lives=600` puts a question, in the newest
// session or one of its own · `answer?answer=approved|denied|expired|void&by=&reason=` answers all that wait, as another person would ·
// `fail?path=<end of a path>&status=<n>` lets the next answer there fail · `sign-out` ends the sign-in · `sessions?count=<n>&target=<name>` makes
// sessions of others · `lose-queue` loses what is queued, as a restart does · `freeze?name=<name>|` holds the verb on this target where it is, and lets every other go on.
// `agent?state=ok|away` lets the console have a model or not · `doctor?state=well|broken|first-run|running|never|overdue` is what doctor found
// (`running`: another device examines, without end) · `cure?code=<code of a link>` lets the next examination find it well ·
// `ticks?state=live|held|cut` lets an edge keep streams back or cut them · `drill?state=ok|failed` is how the next drill ends.
import { DOCTOR_SCENARIOS } from './fixture-doctor.ts';
import { fillSessions } from './fixture-sessions.ts';
import { type FixtureTarget, hostKeyChange } from './fixture-targets.ts';
import type { World } from './fixture-world.ts';

const changeTarget = (world: World, params: URLSearchParams): void => {
  const target = world.target(params.get('name') ?? '');
  if (!target) return;
  target.vm = params.get('vm') ?? target.vm;
  target.reach = (params.get('reach') as FixtureTarget['reach'] | null) ?? target.reach;
  const found = params.get('found');
  if (found === 'stalled' || found === 'past') target.found = found;
  if (params.has('lived')) target.lived = params.get('lived') === 'true';
  if (params.has('ssh')) target.ssh = params.get('ssh') === 'true';
};

const changeHostKeys = (world: World, params: URLSearchParams): void => {
  const target = world.target(params.get('name') ?? '');
  if (!target) return;
  target.changed = (['power_host', 'vm'] as const).flatMap((side) => {
    const letter = params.get(side);
    return letter === null ? [] : [hostKeyChange(side, letter)];
  });
};

const ask = (world: World, params: URLSearchParams): void => {
  const newest = [...world.sessions.keys()].at(-1);
  const own = params.get('session') === 'new' || newest === undefined;
  const target = params.get('target') ?? world.targets[0]?.name ?? '';
  world.approvals.ask(
    own ? world.openSession(target) : newest,
    params.get('kind') ?? 'command',
    params.get('observer') !== 'false',
    Number(params.get('lives') ?? 600),
  );
};

/** A power host that refuses the console's key tells nothing of its VM either. */
const refuseStrangers = ({ doctor, targets }: World): void => {
  if (doctor.scenario !== 'first-run') return;
  for (const target of targets) target.reach = doctor.has('power-login') ? 'unreachable' : 'ok';
};

/** False: there is no such switch. */
export const turnSwitch = (world: World, { pathname, searchParams }: URL): boolean => {
  const state = searchParams.get('state') ?? 'ok';
  switch (pathname.slice('/fixture/'.length)) {
    case 'link':
      world.link = state === 'refuse' ? 'refuse' : 'ok';
      if (state !== 'ok')
        for (const { clients } of world.sessions.values()) for (const client of clients) client.destroy();
      break;
    case 'power':
      world.nextPower = state as World['nextPower'];
      break;
    case 'mode':
      world.mode = state === 'power-only' ? 'power-only' : 'full';
      break;
    case 'role':
      world.role = searchParams.get('is') === 'observer' ? 'observer' : 'operator';
      break;
    case 'ask':
      ask(world, searchParams);
      break;
    case 'answer':
      world.approvals.answerAll(
        searchParams.get('answer') ?? 'denied',
        searchParams.get('by') ?? 'bob',
        searchParams.get('reason') ?? undefined,
      );
      break;
    case 'agent':
      world.agentAway = state === 'away';
      break;
    case 'doctor': {
      const scenario = DOCTOR_SCENARIOS.find((each) => each === state);
      if (scenario === undefined) return false;
      world.doctor.play(scenario);
      refuseStrangers(world);
      break;
    }
    case 'cure':
      world.doctor.cure(searchParams.get('code') ?? '');
      refuseStrangers(world);
      break;
    case 'ticks':
      world.doctor.stream = state === 'held' || state === 'cut' ? state : 'live';
      break;
    case 'drill':
      world.doctor.drillFails = state === 'failed';
      break;
    case 'forget':
      world.sessions.clear();
      break;
    case 'target':
      changeTarget(world, searchParams);
      break;
    case 'host-key':
      changeHostKeys(world, searchParams);
      break;
    case 'hold':
      world.hold(searchParams.get('path') ?? '');
      break;
    case 'release':
      world.release(searchParams.get('path') ?? undefined);
      break;
    case 'mixup':
      world.mixedUp = state === 'ok' ? '' : state;
      break;
    case 'fail':
      world.failNext = {
        path: searchParams.get('path') ?? '',
        status: Number(searchParams.get('status') ?? 503),
      };
      break;
    case 'sign-out':
      world.signedIn = false;
      for (const { clients } of world.sessions.values()) for (const client of clients) client.destroy();
      break;
    case 'sessions':
      fillSessions(world, Number(searchParams.get('count') ?? 3), searchParams.get('target') ?? 'devvm');
      break;
    case 'lose-queue':
      for (const session of world.sessions.values())
        for (const { id } of session.queue.splice(0))
          world.emit(session, { kind: 'unqueued', queue_id: id, reason: 'lost' });
      break;
    case 'lose-operations':
      world.operations.clear();
      break;
    case 'pace':
      world.pace = state === 'quick' ? 'quick' : 'person';
      break;
    case 'freeze':
      world.frozen = searchParams.get('name') ?? '';
      break;
    default:
      return false;
  }
  return true;
};
