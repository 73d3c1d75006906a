// Doctor, with what it knows of the other parts.
import path from 'node:path';
import type { Logger } from 'pino';
import type { Door } from '../access/door.ts';
import type { CountedDriver } from '../agent/driver.ts';
import { claudeBinary } from '../agent/process-options.ts';
import type { Config } from '../config/config.ts';
import { chainsOf, lastDrillsIn } from '../doctor/chains.ts';
import { type Doctor, startDoctor } from '../doctor/doctor.ts';
import { keptExamination } from '../doctor/kept.ts';
import type { Journal } from '../journal/port.ts';
import type { Notify } from '../notify/notify.ts';
import type { DataDir } from '../processes/data-dir.ts';
import type { Targets } from '../targets/targets.ts';
import type { Recorded } from './record.ts';

export function makeDoctor(
  config: Config,
  logger: Logger,
  {
    dataDir,
    journal,
    record,
    agent,
    door,
    notify,
    ...known
  }: {
    dataDir: DataDir;
    journal: Journal | undefined;
    controlDir: string | undefined;
    ownerEnv: Readonly<Record<string, string>>;
    targets: Targets;
    warnings: readonly string[];
    whyPowerOnly: string | undefined;
    record: Recorded | undefined;
    agent: CountedDriver | undefined;
    door: Door;
    notify: Notify | undefined;
  },
): Doctor {
  const written = dataDir.whyNot === undefined ? dataDir.path : undefined;
  return startDoctor({
    chains: chainsOf({
      ...known,
      config,
      dataDir: { ...dataDir, path: config.dataDir },
      knownHostsFile: path.join(dataDir.path, 'known_hosts'),
      journalTroubles: () => [...[journal?.health() ?? []].flat(), ...(record?.damage() ?? [])],
      agent: {
        binary: claudeBinary,
        askOnce: async (signal) =>
          agent === undefined
            ? { type: 'not-asked', why: 'There is no agent while the journal is not available.' }
            : agent.askOnce(signal),
      },
      traffic: () => door.edgeArrivals.seen(),
      channels: {
        notify,
        pushDevices: () => notify?.push.devices().length ?? 0,
        audit: record?.audit,
        lastDrills: async () => (journal === undefined ? undefined : lastDrillsIn(journal)),
      },
      logger,
    }),
    targets: config.targets.all.map(({ name }) => name),
    kept: keptExamination(written, logger),
    journal,
    everyHours: config.selfTestHours,
    logger,
  });
}
