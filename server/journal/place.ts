// How far a channel is in the log, as its row tells.
import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import { eventId } from '../../protocol/ids.ts';
import type { Outbox, OutboxState } from './port.ts';
import { unavailable } from './refusal.ts';
import { SQL } from './sql.ts';

interface PlaceParts {
  readonly statement: (sql: string) => StatementSync;
  readonly now: () => number;
  readonly head: () => number;
}

export function placeOf(channel: string, { statement, now, head }: PlaceParts): Outbox {
  const write = async (sql: string, ...values: (string | number)[]): Promise<void> => {
    try {
      statement(sql).run(...values, channel);
    } catch (error) {
      throw unavailable(error);
    }
  };
  return {
    state: async () => {
      statement(SQL.outboxBegin).run(channel, head());
      return stateOf(statement(SQL.outboxState).get(channel) ?? {});
    },
    sent: (id) => write(SQL.outboxSent, id, new Date(now()).toISOString()),
    passed: (id) => write(SQL.outboxPassed, id),
    failed: (why) => write(SQL.outboxFailed, why),
  };
}

const stateOf = (row: Readonly<Record<string, SQLOutputValue>>): OutboxState => ({
  sentId: eventId(Number(row['sent_id'])),
  sentAt: typeof row['sent_at'] === 'string' ? row['sent_at'] : null,
  attempts: Number(row['attempts']),
  trouble: typeof row['trouble'] === 'string' ? row['trouble'] : null,
});
